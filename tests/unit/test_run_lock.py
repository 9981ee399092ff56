"""A run's id stands for what it is made of; with anything changed it does not go on."""

import json
from pathlib import Path
from typing import Any

import pytest
from fakes import CARD

from runner.errors import EnvironmentProblem, UsageError
from runner.events import RunStarted, SessionEnded, SessionStarted, TrialStarted
from runner.ledger.journal import Journal
from runner.matrix.lock import differences, first_event, run_id, unfinished
from runner.matrix.session import pick_journal, taken_up
from runner.types import JsonObject

LOCK: JsonObject = {
    "models": "scripted:oracle",
    "arms": {"A": {"limits": {"usd": 10.0}, "lead": {"model": "big"}}},
    "tasks": {"T1": "0" * 64},
    "code": "1" * 64,
}
DEARER: JsonObject = {**LOCK, "arms": {"A": {"limits": {"usd": 5.0}, "lead": {"model": "big"}}}}
OTHER: JsonObject = {**LOCK, "tasks": {"T2": "0" * 64}}


def begun(folder: Path, lock: JsonObject = LOCK, *ends: str, anew: str | None = None) -> Path:
    """A run's journal, with a session's end for each word; `anew` ends the id of one by --new."""
    name = run_id("scripted", lock) + (anew or "")
    with Journal.create(folder / f"{name}.jsonl") as journal:
        journal.append(RunStarted(name, "scripted", lock, "now", anew is not None))
        for state in ends:
            journal.append(SessionEnded(name, state, "", "later"))  # type: ignore[arg-type]
    return folder / f"{name}.jsonl"


def test_the_same_things_have_the_same_id_and_others_another() -> None:
    shuffled = dict(reversed(LOCK.items()))
    assert run_id("live", LOCK) == run_id("live", shuffled)
    ids = {run_id("live", LOCK), run_id("live", DEARER), run_id("scripted", LOCK)}
    assert len(ids) == 3
    assert run_id("live", LOCK).startswith("live-")


def test_a_difference_is_named_by_its_place() -> None:
    assert differences(LOCK, DEARER) == ["arms.A.limits.usd: 10.0 -> 5.0"]
    assert differences(LOCK, OTHER) == [
        f"tasks.T1: {'0' * 24}... ({differences(LOCK, OTHER)[0].split('(')[1].split(')')[0]}) "
        "-> nothing",
        differences(LOCK, OTHER)[1],
    ]
    assert differences(LOCK, json.loads(json.dumps(LOCK))) == []


def test_long_values_that_differ_at_their_ends_look_different() -> None:
    line = differences({"a": "x" * 100 + "1"}, {"a": "x" * 100 + "2"})[0]
    before, after = line.removeprefix("a: ").split(" -> ")
    assert before != after
    assert len(line) < 100


def test_a_new_run_has_a_journal_of_its_own_id(tmp_path: Path) -> None:
    path = pick_journal(tmp_path, "scripted", LOCK, asked=None, new=False)
    assert path == tmp_path / f"{run_id('scripted', LOCK)}.jsonl"
    assert not path.exists()


def test_the_same_question_goes_on_with_its_run(tmp_path: Path) -> None:
    path = begun(tmp_path, LOCK, "paused")
    assert pick_journal(tmp_path, "scripted", LOCK, asked=None, new=False) == path


@pytest.mark.parametrize("ends", [(), ("paused",), ("complete", "paused")])
def test_an_unfinished_run_made_of_other_things_is_refused_with_the_difference(
    tmp_path: Path, ends: tuple[str, ...]
) -> None:
    path = begun(tmp_path, LOCK, *ends)
    with pytest.raises(UsageError) as raised:
        pick_journal(tmp_path, "scripted", DEARER, asked=None, new=False)
    assert "arms.A.limits.usd: 10.0 -> 5.0" in str(raised.value)
    assert path.stem in str(raised.value)
    assert "--new" in str(raised.value)


def test_a_complete_run_stands_in_nobodys_way(tmp_path: Path) -> None:
    begun(tmp_path, LOCK, "paused", "complete")
    path = pick_journal(tmp_path, "scripted", DEARER, asked=None, new=False)
    assert path.stem == run_id("scripted", DEARER)


@pytest.mark.parametrize("lock", [OTHER, {**DEARER, "models": "scripted:nop"}])
def test_nor_does_one_that_asks_something_else(tmp_path: Path, lock: JsonObject) -> None:
    begun(tmp_path)
    assert not pick_journal(tmp_path, "scripted", lock, asked=None, new=False).exists()


def damage(path: Path, number: int) -> None:
    lines = path.read_bytes().split(b"\n")
    lines[number - 1] = lines[number - 1].replace(b":", b";", 1)
    path.write_bytes(b"\n".join(lines))


@pytest.mark.parametrize("number", [1, 2, 3])
def test_nor_does_damage_in_a_run_that_asks_something_else(tmp_path: Path, number: int) -> None:
    damage(begun(tmp_path, OTHER, "paused", "paused"), number)
    assert not pick_journal(tmp_path, "scripted", LOCK, asked=None, new=False).exists()


def test_damage_in_a_run_that_asks_the_same_is_told(tmp_path: Path) -> None:
    damage(begun(tmp_path, DEARER, "paused", "paused"), 3)
    with pytest.raises(EnvironmentProblem, match="damaged at line 3"):
        pick_journal(tmp_path, "scripted", LOCK, asked=None, new=False)


def test_a_run_that_was_complete_and_was_taken_up_again_is_not_complete(tmp_path: Path) -> None:
    path = begun(tmp_path, LOCK, "complete")
    with Journal.resume(path) as journal:
        journal.append(SessionStarted(path.stem, 3, False, 1, 4, None, None, "here", "now"))
    with pytest.raises(UsageError, match="made of other things"):
        pick_journal(tmp_path, "scripted", DEARER, asked=None, new=False)


def test_a_new_run_can_be_asked_for_beside_the_old(tmp_path: Path) -> None:
    old = begun(tmp_path)
    assert not pick_journal(tmp_path, "scripted", DEARER, asked=None, new=True).exists()
    again = pick_journal(tmp_path, "scripted", LOCK, asked=None, new=True)
    assert again.stem == f"{old.stem}-2"


@pytest.mark.parametrize("anew", ["", "-2"])
@pytest.mark.parametrize("ends", [(), ("paused",), ("complete", "paused")])
def test_the_run_that_new_made_is_gone_on_with_by_the_same_command(
    tmp_path: Path, anew: str, ends: tuple[str, ...]
) -> None:
    if anew:
        begun(tmp_path)
    path = begun(tmp_path, LOCK, *ends, anew=anew)
    assert pick_journal(tmp_path, "scripted", LOCK, asked=None, new=True) == path


def test_after_a_complete_one_or_beside_a_damaged_one_new_makes_another(tmp_path: Path) -> None:
    path = begun(tmp_path, LOCK, "complete", anew="")
    second = pick_journal(tmp_path, "scripted", LOCK, asked=None, new=True)
    assert second.stem == f"{path.stem}-2"
    damage(begun(tmp_path, LOCK, "paused", "paused", anew="-2"), 3)
    third = pick_journal(tmp_path, "scripted", LOCK, asked=None, new=True)
    assert third.stem == f"{path.stem}-3"


def test_a_new_run_killed_before_it_said_anything_is_taken(tmp_path: Path) -> None:
    path = begun(tmp_path, anew="")
    path.write_bytes(path.read_bytes().partition(b"\n")[0])
    assert pick_journal(tmp_path, "scripted", LOCK, asked=None, new=True) == path
    with taken_up(path, "scripted", LOCK, CARD, anew=True):
        pass
    assert pick_journal(tmp_path, "scripted", LOCK, asked=None, new=True) == path


def test_a_run_asked_for_by_name_must_be_there_and_fit(tmp_path: Path) -> None:
    path = begun(tmp_path)
    assert pick_journal(tmp_path, "scripted", LOCK, asked=path.stem, new=False) == path
    with pytest.raises(UsageError, match="made of other things"):
        pick_journal(tmp_path, "scripted", DEARER, asked=path.stem, new=False)
    with pytest.raises(UsageError, match=r"no run 'nope'"):
        pick_journal(tmp_path, "scripted", LOCK, asked="nope", new=False)


def test_a_single_trials_journal_is_no_run(tmp_path: Path) -> None:
    name = "scripted-A-T1-0-1"
    started = TrialStarted(name, name, "A", "T1", 0, 1, "scripted", "now", {})
    with Journal.create(tmp_path / f"{name}.jsonl") as journal:
        journal.append(started)
    assert first_event(tmp_path / f"{name}.jsonl") is None
    assert list(unfinished(tmp_path, "scripted", LOCK)) == []
    with pytest.raises(UsageError, match="no run"):
        pick_journal(tmp_path, "scripted", LOCK, asked=name, new=False)


@pytest.mark.parametrize("kept", ["nothing", "header", "half a line"])
def test_a_run_killed_before_it_said_what_it_is_begins_anew(tmp_path: Path, kept: str) -> None:
    path = begun(tmp_path)
    header, _, rest = path.read_bytes().partition(b"\n")
    whole = {"nothing": b"", "header": header + b"\n", "half a line": header + b"\n" + rest[:40]}
    path.write_bytes(whole[kept])
    assert first_event(path) is None
    with taken_up(path, "scripted", LOCK, CARD) as (_, record):
        assert (record.run_id, record.attempts) == (path.stem, ())
    assert first_event(path) is not None
    with taken_up(path, "scripted", LOCK, CARD) as (_, record):
        assert record.lock == LOCK


def test_a_run_is_taken_up_with_one_reading_of_its_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = begun(tmp_path)
    reads: list[Path] = []
    opened = Path.open

    def counted(self: Path, *args: Any, **options: Any) -> Any:
        reads.append(self)
        return opened(self, *args, **options)

    monkeypatch.setattr(Path, "open", counted)
    with taken_up(path, "scripted", LOCK, CARD) as (_, record):
        assert record.lock == LOCK
    assert reads == [path]
