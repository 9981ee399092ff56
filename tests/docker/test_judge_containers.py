"""The judge in real containers, on the small task: the same each time, and nobody's way out."""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from runner.attack.fair import small_work
from runner.attack.stage import Arena, open_arena
from runner.catalogue import load_catalogue
from runner.config.settings import load_settings
from runner.judge.change import Change
from runner.judge.judge import judge
from runner.judge.verdict import verdict_bytes
from runner.types import Verdict

pytestmark = pytest.mark.docker
FIRST_S = 300.0  # for the first judgings, which show how fast this machine is just now

# What runs when the tests import the package. Source rules refuse it too; here it is to fail by
# what it does, and never to pass for a fault of the machine's.
HOSTILE = {
    "hangs": "import time\n\ntime.sleep(10_000)\n",
    "kills every process of its user": "import os\n\nos.kill(-1, 9)\n",
    "ends its worker": "import os\n\nos._exit(0)\n",
    "fills memory": "kept = []\nwhile True:\n    kept.append(bytearray(20_000_000))\n",
    "fills the disk": (
        "import os\n\nfor place in ('/tmp', '/work/home'):\n"
        "    try:\n        with open(f'{place}/{os.getpid()}', 'wb') as file:\n"
        "            while True:\n                file.write(bytes(1_000_000))\n"
        "    except OSError:\n        pass\n"
    ),
    "fills the process table": (
        "import os\nimport time\n\nwhile True:\n    try:\n        if os.fork() == 0:\n"
        "            time.sleep(10_000)\n    except OSError:\n        break\n"
    ),
}
# Fails the tests if anything of the judge's can be reached from where they run.
REACHING = """
import os
import socket


def _connect():
    with socket.socket(socket.AF_UNIX) as line:
        line.connect("/work/court/gate")


def _tries():
    controller = f"/proc/{os.getppid()}"
    yield lambda: os.listdir(f"{controller}/fd")
    yield lambda: os.readlink(f"{controller}/exe")
    yield lambda: open(f"{controller}/mem", "r+b")
    yield lambda: open(f"{controller}/environ", "rb").read()
    yield lambda: os.listdir("/work/court")
    yield _connect
    for name in ("typer/new.py", "tests/new.py", ".judge-report.json", "typer/__pycache__/new.pyc"):
        yield lambda name=name: open(f"/work/repo/{name}", "w")
    yield lambda: os.rename("/work/repo/typer", "/work/repo/other")
    yield lambda: open("/work/new", "w")
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if os.stat(f"/proc/{pid}").st_uid == 10003:
            yield lambda pid=pid: os.kill(int(pid), 0)
            yield lambda pid=pid: os.listdir(f"/proc/{pid}/fd")


def _reached():
    count = 0
    for attempt in _tries():
        try:
            attempt()
        except OSError:
            continue
        count += 1
    return count


if _reached():
    raise ImportError("something of the judge's is within reach")
"""
# Refuses to be imported where the surroundings of the tests are not the fixed ones.
FIXED = """
import os
import sys
import time

if (
    hash("typer") != {seeded}
    or time.tzname != ("UTC", "UTC")
    or os.environ["LANG"] != "C.UTF-8"
    or sys.getfilesystemencoding() != "utf-8"
    or not sys.flags.dont_write_bytecode
    or os.environ["PYTEST_XDIST_WORKER_COUNT"] != "2"
):
    raise ImportError("the surroundings of the tests are not fixed")
"""
SEEDED = 1392097448762235983  # hash("typer") on 64 bits where PYTHONHASHSEED is 0
EVIDENCE = {"mypy", "pytest", "evidence", "test_ids", "canaries"}


@pytest.fixture(scope="module")
def arena() -> Iterator[Arena]:
    settings = load_settings()
    with open_arena(settings, load_catalogue(settings), lambda _text: None) as arena:
        yield arena


def judged(arena: Arena, name: str, change: Change, limit_s: float) -> tuple[Verdict, float]:
    """The verdict, and the seconds it took."""
    began = time.monotonic()
    trial_id = f"judge-{name.replace(' ', '-')}"
    court = replace(arena.court(trial_id, change), timeout_s=limit_s)
    return judge(court, change), time.monotonic() - began


@pytest.fixture(scope="module")
def verdicts(arena: Arena) -> Mapping[str, Verdict]:
    """All judgings, three side by side; one that broke off would raise here."""
    solved = small_work(arena)["TINY.oracle"][0]
    wrong = arena.solved["typer/_names.py"].replace(b"lower()", b"upper()")
    red = with_file(solved, "typer/_names.py", wrong)
    honest = {f"again {number}": solved for number in range(3)}
    honest |= {f"red {number}": red for number in range(2)}
    hostile = {}
    asking = {
        "reaches out": REACHING,
        "asks its surroundings": FIXED.format(seeded=SEEDED),
        "asks for others": FIXED.format(seeded=SEEDED + 1),
    }
    for name, code in {**HOSTILE, **asking}.items():
        source = arena.solved["typer/__init__.py"].decode() + "\n" + code
        hostile[name] = with_file(solved, "typer/__init__.py", source.encode())
    with ThreadPoolExecutor(3) as pool:
        found = {n: pool.submit(judged, arena, n, c, FIRST_S) for n, c in honest.items()}
        limit_s = 10 + 3 * max(future.result()[1] for future in found.values())
        found |= {n: pool.submit(judged, arena, n, c, limit_s) for n, c in hostile.items()}
        return {name: future.result()[0] for name, future in found.items()}


def with_file(change: Change, path: str, data: bytes) -> Change:
    return replace(change, files={**change.files, path: data})


def passed(verdict: Verdict) -> set[str]:
    return {check.name for check in verdict.checks if check.passed}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_a_change_causes_is_held_against_it(
    verdicts: Mapping[str, Verdict], name: str
) -> None:
    assert not verdicts[name].success
    assert EVIDENCE - passed(verdicts[name])


def test_nothing_of_the_judges_is_within_reach_of_the_tests(
    verdicts: Mapping[str, Verdict],
) -> None:
    assert {"pytest", "evidence", "test_ids", "canaries"} <= passed(verdicts["reaches out"])


def test_tests_run_with_one_hash_seed_time_zone_locale_and_number_of_workers(
    verdicts: Mapping[str, Verdict],
) -> None:
    assert {"pytest", "evidence", "test_ids"} <= passed(verdicts["asks its surroundings"])
    assert "test_ids" not in passed(verdicts["asks for others"])


def test_a_solved_tree_passes_and_each_judging_says_the_same(
    verdicts: Mapping[str, Verdict],
) -> None:
    assert verdicts["again 0"].success
    assert len({verdict_bytes(verdicts[f"again {number}"]) for number in range(3)}) == 1


def test_a_red_tree_fails_and_each_judging_says_the_same(verdicts: Mapping[str, Verdict]) -> None:
    first, second = (verdicts[f"red {number}"] for number in range(2))
    assert "test_ids" not in passed(first)
    assert "canaries" in passed(first)
    assert verdict_bytes(first) == verdict_bytes(second)
