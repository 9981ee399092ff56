"""What of a tool's output may change between two runs of it, and what may not."""

import re

import pytest
from doc_pages import table

from runner.config.settings import ROOT
from runner.recording.volatile import RULES, settled

SAME = [
    # pytest, harness, time
    ("== 1356 passed in 45.12s (0:00:45) ==", "== 1356 passed in 9.01s (0:00:09) =="),
    ("1 failed in 0.12s", "1 failed in 75.31s"),
    ('"pytest": {"exit": 0, "seconds": 45.127}', '"pytest": {"exit": 0, "seconds": 9.0}'),
    ("real\t0m1.204s\nuser\t0m0.911s", "real\t1m0.001s\nuser\t0m0.000s"),
    ("0.12s call     tests/test_a.py::test_1", "3.07s call     tests/test_a.py::test_1"),
    ("Ran 3 tests in 0.001s", "Ran 3 tests in 0.020s"),
    ("took 3 s", "took 12 seconds"),
    ("resolved in 12ms", "resolved in 1.4 ms"),
    ('<testcase time="0.123"', '<testcase time="4.5"'),
    ("elapsed: 0.25", "elapsed: 1.75"),
    # clocks
    ("2026-11-23T22:00:56.123456+00:00", "2026-12-01T01:02:03.5+00:00"),
    ("2026-11-23 22:00 a.py", "2026-11-24 07:59 a.py"),
    ("Mon Nov 23 22:00:56 UTC 2026", "Tue Dec  1 01:02:03 UTC 2026"),
    ("Date:   Mon Nov 23 22:00:56 2026 +0000", "Date:   Tue Dec 1 01:02:03 2026 +0000"),
    ("-rw-r--r-- 1 agent agent 12 Nov 23 22:00 a", "-rw-r--r-- 1 agent agent 12 Nov 23  2026 a"),
    ("now 1795471256", "now 1795471300"),
    ("it is 22:00:56", "it is 23:11:07"),
    # addresses, processes, names made by chance
    ("<a.B object at 0x7f0011223344>", "<a.B object at 0x7fffeeddccbb>"),
    ("pid 123, PID: 4", "pid 9, PID: 77"),
    ("bash: line 1:    17 Killed    sleep", "bash: line 1:  4711 Killed    sleep"),
    ("/tmp/tmpab12cd_9/x", "/tmp/tmpzzzzzzzz/x"),
    ("/tmp/tmp.aB3dE6gH9j", "/tmp/tmp.0000000000"),
    ("/tmp/pytest-of-agent/pytest-0/test_a0", "/tmp/pytest-of-agent/pytest-13/test_a0"),
    ("[gw0] linux -- Python 3.11.2", "[gw1] linux -- Python 3.11.2"),
    # git
    ("[main 1a2b3c4] mend", "[main 99ffee1] mend"),
    ("commit " + "a" * 40, "commit " + "b" * 40),
    (f"Dropped refs/stash@{{0}} ({'a' * 40})", f"Dropped refs/stash@{{0}} ({'b' * 40})"),
]  # fmt: skip

DIFFERENT = [
    # counts, exit codes, places
    ("1356 passed in 45.12s", "1355 passed in 45.12s"),
    ("[exit 0]", "[exit 1]"),
    ('"exit": 0', '"exit": 1'),
    ("Found 12 errors in 3 files", "Found 13 errors in 3 files"),
    ("typer/a.py:12:15: error", "typer/a.py:12:16: error"),
    ("typer/a.py:12:15:12:20: error", "typer/a.py:13:15:13:20: error"),
    ("process 15 items", "process 16 items"),
    ("5 workers", "6 workers"),
    ("[stopped after 120 s, output above]", "[stopped after 60 s, output above]"),
    # code
    ("x = 1", "x = 2"),
    ("time.sleep(0.5)", "time.sleep(0.6)"),
    ("timeout = 5", "timeout = 6"),
    ("sleep 5s", "sleep 6s"),
    ("timeout_seconds=1.5", "timeout_seconds=2.5"),
    ("RED = 0xFF0000", "RED = 0xFF0001"),
    ("mask = 0xdeadbeef", "mask = 0xdeadbeee"),
    ("__version__ = '0.26.8'", "__version__ = '0.26.9'"),
    ("## 0.26.8 (2026-05-26)", "## 0.26.8 (2026-05-27)"),
    ("Python 3.11.2s", "Python 3.11.3s"),
    ("on Jan 12 2024 it was", "on Jan 13 2024 it was"),
    ("index 83db48f..bf2a1c0 100644", "index 83db48f..bf2a1c1 100644"),
    ("size 1234567890", "size 1234567891"),
    ("/tmp/mine/a", "/tmp/mine/b"),
    ("tmp_path / 'a'", "tmp_path / 'b'"),
    ("a  b", "a b"),
    ("a\nb", "b\na"),
    ("", " "),
]  # fmt: skip


@pytest.mark.parametrize(("then", "now"), SAME)
def test_what_cannot_be_the_same_twice_is_no_difference(then: str, now: str) -> None:
    assert then != now
    assert settled(then) == settled(now)
    assert settled(f"a\n{then}\nb") == settled(f"a\n{now}\nb")


@pytest.mark.parametrize(("then", "now"), DIFFERENT)
def test_what_a_model_decides_by_is_a_difference(then: str, now: str) -> None:
    assert settled(then) != settled(now)


def test_every_rule_is_needed() -> None:
    for name, pattern, _ in RULES:
        hits = [then for then, now in SAME if re.search(pattern, then, re.MULTILINE)]
        assert hits, name


def cut(head: str, count: int, tail: str) -> str:
    return f"{head}\n[... {count} characters cut ...]\n{tail}"


def test_a_cut_that_moved_by_a_few_characters_is_no_difference() -> None:
    then = cut("a\nb\nccc", 8101, "yy\nz in 45.12s")
    now = cut("a\nb\nccccc", 8098, "y\nz in 9.01s")
    assert settled(then) == settled(now)


@pytest.mark.parametrize(
    ("head", "tail"), [("a\nX\nccc", "yy\nz"), ("a\nb\nccc", "yy\nX"), ("a\nb", "yy\nz")]
)
def test_whole_lines_around_a_cut_are_compared(head: str, tail: str) -> None:
    assert settled(cut("a\nb\nccc", 8101, "yy\nz")) != settled(cut(head, 8101, tail))


def test_a_long_line_at_a_cut_is_not_dropped() -> None:
    long = "x" * 300
    assert settled(cut(long, 1, long)) != settled(cut(long + "y", 1, long))
    assert settled(cut(long, 1, long)) != settled(cut(long, 1, "y" + long))


def test_long_output_is_settled_quickly() -> None:
    for hostile in ("1" * 8_000, "Mon Nov " * 1_000, "12:34:" * 1_300, "[" + "a " * 4_000):
        assert len(settled(hostile)) <= len(hostile)


def test_the_rules_are_those_of_the_guide() -> None:
    page = (ROOT / "docs" / "replay.md").read_text(encoding="utf-8")
    documented = [row[0] for row in table(page, "When a request differs", "what")]
    assert documented == [name.replace("`", "") for name, _, _ in RULES]
