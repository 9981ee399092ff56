"""Arms from files of one's own: `--arm-file`, what runs, what is on record, what is refused."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import cast

import pytest

from runner import wiring
from runner.cli.main import main
from runner.config.arms import ArmFile, read_arm
from runner.config.settings import ROOT, Settings
from runner.errors import UsageError
from runner.image.build import ImageRef
from runner.matrix.lock import differences, run_lock
from runner.matrix.remote import work_of
from runner.matrix.selection import Parts, Selection, parts
from runner.sandbox.engine import Engine, EngineInfo
from runner.types import JsonObject

MINE = """\
id = "mine"
title = "Haiku leads a Qwen"
turns = { default = 7 }
[lead]
provider = "anthropic"
model = "claude-haiku-4-5"
[executor]
provider = "ollama"
model = "qwen3.5:9b"
summary_tokens = 200
[executor.options]
num_ctx = 32768
temperature = 0.6
seed = 7
think = false
"""
SELECTION = Selection(arms=(), tasks=("T3",), models="scripted", n=1, fixed=True, seed=1)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with `my.toml`, no key, and no engine to be found."""
    for name in ("ANTHROPIC_API_KEY", "ARM", "ARMS", "ARM_FILE", "TASK", "TASKS", "MODELS", "N"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RUNNER_RESULTS", str(tmp_path / "results"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-engine.sock")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.toml").write_text(MINE, encoding="utf-8")
    return tmp_path


def chosen(*files: ArmFile, arms: tuple[str, ...] = ()) -> Parts:
    return parts(replace(SELECTION, arms=arms, arm_files=files), Settings())


# ---- what is refused ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("summary_tokens", "summary_token", "unknown key 'executor.summary_token'"),
        ('id = "mine"', 'id = "B"', "my.toml: key 'id': there is another arm 'B' already"),
        ('"ollama"', '"olama"', "my.toml, qwen3.5:9b: unknown provider 'olama'; known: anthropic"),
        ("num_ctx = 32768\n", "", "my.toml, qwen3.5:9b: "),
        ('"claude-haiku-4-5"', '"gpt"', 'list-2026-11 has no price for "gpt": add a table'),
        ("default = 7", "default = 0", "my.toml: [turns] holds a cap below 1"),
        ("summary_tokens = 200", "", "my.toml: [executor] needs a key summary_chars"),
        ("turns =", 'prompt = "boss"\nturns =', "my.toml: key 'prompt': there is no "),
    ],
)
def test_a_mistake_is_named_with_file_and_key_before_anything_is_run(
    place: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, said: str
) -> None:
    assert old in MINE
    (place / "my.toml").write_text(MINE.replace(old, new, 1), encoding="utf-8")
    for command in (["trial", "--task", "T3", "--models", "scripted"], ["plan"]):
        assert main([*command, "--arm-file", "my.toml"]) == 2
        assert said in capsys.readouterr().err
    assert not (place / "results").exists()


def test_a_file_that_is_not_there_is_named(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--arm-file", "your.toml"]) == 2
    assert "your.toml: cannot be read: No such file" in capsys.readouterr().err


def test_of_several_files_one_is_to_be_named_for_a_trial(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "other.toml").write_text(MINE.replace('"mine"', '"other"'), encoding="utf-8")
    both = ["--arm-file", "my.toml", "--arm-file", "other.toml", "--task", "T3"]
    assert main(["trial", *both, "--models", "scripted"]) == 2
    assert "say with --arm which of them" in capsys.readouterr().err
    # With one named, what is missing next is the engine.
    assert main(["trial", *both, "--arm", "other", "--models", "scripted"]) == 3
    assert "no-engine.sock" in capsys.readouterr().err


def test_a_matrix_names_its_arms_among_all_there_are() -> None:
    with pytest.raises(UsageError, match=r"unknown arm 'his'; there are: A, .*, mine"):
        chosen(ArmFile("my.toml", MINE), arms=("his",))


# ---- what runs ------------------------------------------------------------------------------


def test_a_trial_takes_the_files_arm(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trial", "--arm-file", "my.toml", "--task", "T3", "--models", "scripted"]) == 3
    assert "no-engine.sock" in capsys.readouterr().err


@pytest.mark.parametrize("by", ["option", "environment"])
def test_a_plan_has_the_papers_arms_and_ones_own(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    if by == "environment":
        monkeypatch.setenv("ARM_FILE", "my.toml")
    given = ["--arm-file", "my.toml"] if by == "option" else []
    assert main(["plan", "-n", "1", "--tasks", "T3", *given]) == 0
    assert "5 cells" in capsys.readouterr().out
    assert main(["plan", "-n", "1", "--tasks", "T3", "--arms", "mine,E", *given]) == 0
    assert "2 cells" in capsys.readouterr().out


def test_without_a_name_the_papers_twelve_cells_are_run_and_named_files_arms() -> None:
    every = parts(replace(SELECTION, tasks=()), Settings())
    assert len(every.goal.cells) == 12
    assert list(every.arms) == ["A", "B", "C", "D"]
    shipped = read_arm(ROOT / "runner" / "arms" / "E.toml")
    assert list(chosen(ArmFile("my.toml", MINE), shipped).arms) == [*every.arms, "mine", "E"]


# ---- what is on record ----------------------------------------------------------------------


def lock(what: Parts) -> JsonObject:
    """The lock of a run of these parts, on a machine made up."""
    bench = wiring.Bench(
        what.settings,
        what.catalogue,
        cast(Engine, None),  # no lock asks it
        cast(EngineInfo, None),
        ImageRef("tag", "id", "key", {}),
        what.catalogue.tasks["T3"],
        {},
        {},
    )
    found = run_lock(what.goal, what.arms, {"T3": bench}, what.players, what.card, {})
    return cast(JsonObject, json.loads(json.dumps(found)))


def test_the_lock_holds_the_arm_whole() -> None:
    before = lock(chosen(ArmFile("my.toml", MINE), arms=("mine",)))
    changed = MINE.replace("num_ctx = 32768", "num_ctx = 16384").replace("200", "201")
    after = lock(chosen(ArmFile("elsewhere.toml", changed), arms=("mine",)))
    assert differences(before, after) == [
        "arms.mine.executor.options.num_ctx: 32768 -> 16384",
        "arms.mine.executor.summary_chars: 600 -> 603",
        "arms.mine.executor.summary_tokens: 200 -> 201",
    ]


def test_the_lock_holds_the_prompt_that_an_arm_names_and_no_other() -> None:
    own = lock(chosen(arms=("B-symmetric",)))["prompts"]
    assert "Who edits" in own["further"]["orchestrator-symmetric"]  # type: ignore[index]
    assert lock(chosen(arms=("B",)))["prompts"]["further"] == {}  # type: ignore[index]


def test_the_lock_holds_the_server_that_answers_for_a_vendor_without_its_password() -> None:
    own = chosen(arms=("D",))
    live = replace(own, players=wiring.Players("live"))
    addresses = {"anthropic_base_url": "https://me:secret@gate:8443", "ollama_host": "http://gpu"}
    there = live.settings.model_copy(update=addresses)
    moved = replace(live, settings=there)
    assert differences(lock(live), lock(moved)) == [
        "servers.anthropic: the vendor's own -> https://gate:8443"
    ]
    assert lock(replace(own, settings=there)) == lock(own)  # scripted models are asked here


def test_a_worker_elsewhere_is_told_the_file() -> None:
    told = json.loads(json.dumps(work_of(replace(SELECTION, arm_files=(ArmFile("m", MINE),)))))
    assert told["arm_files"] == [asdict(ArmFile("m", MINE))]
