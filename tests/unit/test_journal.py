import errno
import os
import resource
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from runner.errors import EnvironmentProblem, UsageError
from runner.events import CallReserved, CheckDone, Phase, TrialStarted
from runner.ledger.codec import CodecError
from runner.ledger.journal import Journal, holder
from runner.ledger.journal_format import read_journal, to_json
from runner.ledger.journal_lines import line

BEGINS = TrialStarted("t1", "r1", "C", "T3", 0, 1, "scripted", "2026-11-23T10:00:00Z", {})
RESERVED = CallReserved("t1", 1, 1, "orchestrator", "m", 0.3)
PHASE = Phase("t1", "agent")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "journal" / "r1.jsonl"


def written(path: Path) -> bytes:
    with Journal.create(path) as journal:
        for event in (BEGINS, RESERVED, PHASE):
            journal.append(event)
    return path.read_bytes()


# ---- one writer -----------------------------------------------------------------------------


def test_a_run_id_is_claimed_once(path: Path) -> None:
    data = written(path)
    with pytest.raises(UsageError, match="run r1 exists already"):
        Journal.create(path)
    assert path.read_bytes() == data


def test_a_second_writer_is_told_who_has_the_journal(path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from runner.ledger.journal import Journal\n"
        "journal = Journal.create(Path(sys.argv[1])); print('ready', flush=True)\n"
        "sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout
        assert other.stdin
        assert other.stdout.readline() == "ready\n"
        with pytest.raises(UsageError, match=f"under way in process {other.pid} "):
            Journal.create(path)
        with pytest.raises(EnvironmentProblem, match=f"written by process {other.pid}:"):
            Journal.resume(path)
        found = holder(path)
        assert found
        assert found.pid == other.pid
        other.kill()
    assert holder(path) is None


def test_a_journal_is_held_within_its_own_process_too(path: Path) -> None:
    with Journal.create(path):
        assert holder(path)
        with pytest.raises(EnvironmentProblem, match=f"process {os.getpid()}"):
            Journal.resume(path)
    assert holder(path) is None


def test_a_trial_begins_once_in_a_journal_even_when_resumed(path: Path) -> None:
    with Journal.create(path) as journal:
        journal.append(BEGINS)
        with pytest.raises(UsageError, match="trial t1 is already in"):
            journal.append(BEGINS)
    with Journal.resume(path) as journal, pytest.raises(UsageError, match="trial t1 is already"):
        journal.append(BEGINS)
    assert read_journal(path).events == (BEGINS,)


def test_of_several_events_one_that_is_refused_keeps_them_all_out(path: Path) -> None:
    with Journal.create(path) as journal:
        with pytest.raises(UsageError, match="trial t1 is already in"):
            journal.append_all((BEGINS, BEGINS))
        with pytest.raises(CodecError):
            journal.append_all((BEGINS, CheckDone("t1", "mypy", True, {"a": float("nan")})))
        journal.append_all((BEGINS, Phase("t1", "agent")))
    assert read_journal(path).events == (BEGINS, Phase("t1", "agent"))


def test_several_events_wait_for_the_disk_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[int] = []
    with Journal.create(path) as journal:
        monkeypatch.setattr(os, "fsync", waits.append)
        journal.append_all([Phase("t1", "agent", float(number)) for number in range(50)])
        assert len(waits) == 1
    assert len(read_journal(path).events) == 50


def test_threads_do_not_tear_each_others_lines(path: Path) -> None:
    def work(journal: Journal, name: str) -> None:
        for number in range(25):
            journal.append(Phase(name, "agent", float(number)))

    with Journal.create(path) as journal:
        threads = [threading.Thread(target=work, args=(journal, f"t{i}")) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    events = read_journal(path).events
    for i in range(4):
        mine = [e.seconds for e in events if isinstance(e, Phase) and e.trial_id == f"t{i}"]
        assert mine == [float(number) for number in range(25)]


def test_nothing_confirmed_is_lost_when_the_process_is_killed(path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from runner.events import Phase\n"
        "from runner.ledger.journal import Journal\n"
        "journal = Journal.create(Path(sys.argv[1]))\n"
        "for n in range(1_000_000):\n"
        "    journal.append(Phase('t1', 'agent', float(n))); print(n, flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout
        confirmed = [int(other.stdout.readline()) for _ in range(20)]
        other.kill()
        confirmed += [int(number) for number in other.stdout.read().split()]
    found = [event.seconds for event in read_journal(path).events if isinstance(event, Phase)]
    assert found[: len(confirmed)] == [float(number) for number in confirmed]
    assert len(found) <= len(confirmed) + 1


# ---- resuming -------------------------------------------------------------------------------


def test_a_resumed_journal_cuts_the_torn_line_and_goes_on(path: Path) -> None:
    data = written(path)
    for length in range(len(data) - 40, len(data)):
        path.write_bytes(data[:length])
        with Journal.resume(path) as journal:
            journal.append(PHASE)
            assert journal.torn_bytes == length - data.rfind(b"\n", 0, length) - 1 > 0
        content = read_journal(path)
        assert content.torn is None
        assert content.events == (BEGINS, RESERVED, PHASE)


def test_a_journal_whose_header_was_never_written_can_be_resumed(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.touch()
    assert read_journal(path).torn == b""
    with Journal.resume(path) as journal:
        journal.append(PHASE)
    assert read_journal(path).events == (PHASE,)


def test_a_damaged_journal_is_not_resumed_and_not_touched(path: Path) -> None:
    data = written(path).replace(b"0.3", b"0.4")
    path.write_bytes(data)
    with pytest.raises(EnvironmentProblem, match="damaged at line 3"):
        Journal.resume(path)
    assert path.read_bytes() == data


@pytest.mark.parametrize("more", [b"\n", b"x\n", b'{"n":' + b"9" * 5000 + b"}\n"], ids=len)
@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_line_too_many_is_damage_though_all_others_are_whole(
    path: Path, more: bytes, at: int
) -> None:
    lines = written(path).splitlines(keepends=True)
    data = b"".join([*lines[:at], more, *lines[at:]])
    path.write_bytes(data)
    with pytest.raises(EnvironmentProblem, match=f"damaged at line {at + 1}"):
        Journal.resume(path)
    assert path.read_bytes() == data


def test_a_line_too_many_at_the_end_was_never_confirmed(path: Path) -> None:
    data = written(path)
    path.write_bytes(data + b"x\n")
    assert read_journal(path).torn == b"x\n"
    Journal.resume(path).close()
    assert path.read_bytes().startswith(data + b'{"n":5,')


@pytest.mark.parametrize("whole", [True, False])
def test_what_ctrl_c_left_behind_is_settled_by_the_next_append(path: Path, whole: bool) -> None:
    left = line(2, to_json(RESERVED))
    with Journal.create(path) as journal:
        with path.open("ab") as interrupted:
            interrupted.write(left if whole else left[:-5])
        journal.append(PHASE)
    assert read_journal(path).events == ((RESERVED, PHASE) if whole else (PHASE,))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"x", {1}], ids=repr)
def test_what_json_cannot_hold_is_refused_and_harms_nothing(path: Path, value: object) -> None:
    with Journal.create(path) as journal:
        with pytest.raises(CodecError, match="CheckDone cannot be written"):
            journal.append(CheckDone("t1", "mypy", True, {"value": value}))
        journal.append(PHASE)
    assert read_journal(path).events == (PHASE,)


# ---- disks that refuse ----------------------------------------------------------------------


def test_a_full_disk_is_named_and_the_journal_poisoned() -> None:
    journal = Journal(Path("/dev/full"), os.open("/dev/full", os.O_RDWR))
    with pytest.raises(EnvironmentProblem, match=r"/dev/full: No space left .* free some space"):
        journal.append(PHASE)
    with pytest.raises(EnvironmentProblem, match=r"takes no more events .*No space left"):
        journal.append(PHASE)
    journal.close()


def test_a_write_that_stops_in_mid_line_poisons_and_can_be_resumed(path: Path) -> None:
    with Journal.create(path) as journal:
        journal.append(BEGINS)
        size = path.stat().st_size
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, hard))
        try:
            with pytest.raises(EnvironmentProblem, match=os.strerror(errno.EFBIG)):
                journal.append(PHASE)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        with pytest.raises(EnvironmentProblem, match="takes no more events"):
            journal.append(PHASE)
    assert path.stat().st_size == size + 20
    assert read_journal(path).torn is not None
    with Journal.resume(path) as journal:
        journal.append(PHASE)
    assert read_journal(path).events == (BEGINS, PHASE)


def test_a_disk_that_is_full_from_the_start_leaves_no_claim_behind(path: Path) -> None:
    path.parent.mkdir(parents=True)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5, hard))
    try:
        with pytest.raises(EnvironmentProblem, match=os.strerror(errno.EFBIG)):
            Journal.create(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not path.exists()


def test_a_results_folder_that_cannot_be_written_is_named_with_the_fix() -> None:
    path = Path("/sys/runner-results/journal/r1.jsonl")  # nobody, root or not, writes there
    with pytest.raises(EnvironmentProblem, match=r"/sys/runner-results/.*RUNNER_RESULTS"):
        Journal.create(path)


def test_a_file_where_a_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "journal").touch()
    with pytest.raises(EnvironmentProblem, match=r"r1\.jsonl"):
        Journal.create(tmp_path / "journal" / "r1.jsonl")


def test_a_closed_journal_takes_nothing(path: Path) -> None:
    journal = Journal.create(path)
    journal.close()
    journal.close()
    with pytest.raises(EnvironmentProblem, match="is closed"):
        journal.append(PHASE)
