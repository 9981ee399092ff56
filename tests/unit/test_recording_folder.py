"""A recorded trial as a folder: shipped, read elsewhere, refused where it cannot be the same."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import CARD, task
from stage import PAIR
from taped import KEY, spec

from runner.cli.main import main
from runner.config.settings import ROOT
from runner.config.tasks import Task
from runner.errors import EnvironmentProblem, UsageError
from runner.recording.exchanges import Briefing
from runner.recording.folder import (
    About,
    about,
    check_image,
    check_task,
    create_recording,
    find_recording,
    read_recording,
)


@pytest.fixture
def made(tmp_path: Path) -> Task:
    """A task with files of its own."""
    folder = tmp_path / "T9"
    (folder / "hidden").mkdir(parents=True)
    (folder / "task.toml").write_text("id = 'T9'\n")
    (folder / "hidden" / "probe.py").write_text("x = 1\n")
    return task(folder=folder)


def of(made: Task, **changed: object) -> About:
    return about(spec(task=made, **changed), "k" * 64, bash_timeout_s=10, bash_timeout_max_s=20)


def record(recordings: Path, what: About) -> Path:
    folder = recordings / what.trial_id
    create_recording(folder, what).close()
    return folder


def test_a_recording_that_is_not_there_is_named_with_those_that_are(
    tmp_path: Path, made: Task
) -> None:
    with pytest.raises(UsageError, match=r"no recording 'nobody'.*: none\)"):
        find_recording(tmp_path, "nobody")
    record(tmp_path, of(made))
    with pytest.raises(UsageError, match=r"the latest in .*: live-S-T9-0-1\)"):
        find_recording(tmp_path, "nobody")


def test_a_folder_without_its_exchanges_is_refused(tmp_path: Path, made: Task) -> None:
    folder = record(tmp_path, of(made))
    (folder / "exchanges.jsonl").unlink()
    with pytest.raises(EnvironmentProblem, match=r"exchanges\.jsonl: No such file"):
        read_recording(folder)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"format": 1', '"format": 2', "newer runner"),
        ('"max_turns": 4', '"max_turns": "four"', "key 'max_turns'"),
        ('"max_turns": 4,', "", "key 'max_turns' is missing"),
        ('"trial_id": "live-S-T9-0-1"', '"trial_id": "../../etc/x"', "is no trial's id"),
        ('"trial_id": "live-S-T9-0-1"', '"trial_id": ".hidden"', "is no trial's id"),
        ('"format"', "format", "is not JSON"),
        ("{", "\u00e9{", "is not JSON in ASCII"),
    ],
)
def test_a_wrong_recording_json_is_named_with_its_key(
    tmp_path: Path, made: Task, old: str, new: str, said: str
) -> None:
    path = record(tmp_path, of(made)) / "recording.json"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(EnvironmentProblem, match=f"recording.json.*{said}"):
        read_recording(path.parent)


def test_a_trial_is_recorded_once(tmp_path: Path, made: Task) -> None:
    record(tmp_path, of(made))
    with pytest.raises(UsageError, match="live-S-T9-0-1 has a recording already"):
        record(tmp_path, of(made))


def test_a_folder_that_cannot_be_made_is_named_with_the_fix(made: Task) -> None:
    with pytest.raises(EnvironmentProblem, match=r"/sys/x: .*RUNNER_RESULTS"):
        create_recording(Path("/sys/x"), of(made))


def test_every_changed_file_of_the_task_is_named(made: Task) -> None:
    what = of(made)
    check_task(what, made)
    (made.folder / "task.toml").write_text("id = 'T9' \n")
    (made.folder / "hidden" / "probe.py").rename(made.folder / "probe.py")
    with pytest.raises(EnvironmentProblem) as refused:
        check_task(what, made)
    assert str(refused.value).endswith(
        "task.toml changed, hidden/probe.py is missing, probe.py is new"
    )


def test_byte_code_is_no_part_of_a_task(made: Task) -> None:
    what = of(made)
    (made.folder / "__pycache__").mkdir()
    (made.folder / "__pycache__" / "x.pyc").write_bytes(b"x")
    check_task(what, made)


def test_another_image_is_refused_with_both_keys(made: Task) -> None:
    check_image(of(made), "k" * 64)
    with pytest.raises(EnvironmentProblem, match="was kkkkkkkkkkkk and is zzzzzzzzzzzz"):
        check_image(of(made), "z" * 64)


def test_what_a_trial_was_comes_back_from_a_copy_of_its_folder(tmp_path: Path, made: Task) -> None:
    what = of(made, arm=PAIR, manifest={"seed": 1, "deep": {"a": [1, None]}})
    folder = record(tmp_path / "here", what)
    shutil.copytree(folder, tmp_path / "there" / "any-name")
    shutil.rmtree(folder)
    back = read_recording(find_recording(tmp_path / "here", str(tmp_path / "there" / "any-name")))
    assert back.about == what
    assert back.about.arm == PAIR
    assert back.about.card == replace(CARD, path=Path("test.toml"))


def test_no_folder_of_this_machine_and_no_key_is_in_it(tmp_path: Path, made: Task) -> None:
    card = replace(CARD, path=tmp_path / "rates" / "test.toml")
    what = of(made, card=card, manifest={"address": f"http://u:{KEY}@host"})
    with create_recording(tmp_path / "r", what, (KEY,)) as tape:
        tape.write(Briefing("solo", KEY, ()))
    for path in (tmp_path / "r").iterdir():
        assert str(tmp_path) not in path.read_text()
        assert KEY not in path.read_text()


# ---- the command ------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Results with one recording of task T3; no key, and no engine to be found."""
    for name in ("ARM", "TASK", "TRIAL", "MODELS", "MAX_ITERS", "RECORD", "REPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RUNNER_RESULTS", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-engine.sock")
    monkeypatch.chdir(tmp_path)
    t3 = task(id="T3", folder=ROOT / "breakage" / "T3")
    record(tmp_path / "recordings", of(t3, trial_id="live-A-T3-0-1"))
    return tmp_path


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--arm", "A"), "leave out --arm"),
        (("--task", "T3", "--trial", "0"), "leave out --task, --trial"),
        (("--models", "scripted"), "leave out --models"),
        (("--max-iters", "3"), "leave out --max-iters"),
        (("--record",), "leave out --record"),
    ],
)
def test_what_the_recording_decides_is_no_option(
    place: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], said: str
) -> None:
    assert main(["trial", "--replay", "live-A-T3-0-1", *more]) == 2
    assert said in capsys.readouterr().err


def test_a_variable_of_the_environment_counts_as_an_option(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPLAY", "live-A-T3-0-1")
    monkeypatch.setenv("ARM", "A")
    assert main(["trial"]) == 2
    assert "leave out --arm (and the environment variable" in capsys.readouterr().err


@pytest.mark.parametrize("given", [(), ("--arm", "A"), ("--task", "T3")])
def test_without_a_recording_arm_and_task_are_needed(
    place: Path, capsys: pytest.CaptureFixture[str], given: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["trial", *given])
    assert ended.value.code == 2
    assert "--arm and --task, or --replay" in capsys.readouterr().err


def test_a_replay_needs_no_key_but_an_engine(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["trial", "--replay", "live-A-T3-0-1"]) == 3
    said = capsys.readouterr()
    assert "no-engine.sock" in said.err
    assert "the recorded trial never ended: 0 calls" in said.out
    assert not (place / "journal").exists()


def test_a_replay_of_another_task_is_refused_before_the_engine_is_asked(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = place / "recordings" / "live-A-T3-0-1" / "recording.json"
    what = json.loads(path.read_text())
    what["task_files"]["prompt.md"] = "0" * 64
    path.write_text(json.dumps(what))
    assert main(["trial", "--replay", str(path.parent)]) == 3
    assert "task T3 is not as it was recorded" in (err := capsys.readouterr().err)
    assert err.rstrip().endswith("prompt.md changed")
