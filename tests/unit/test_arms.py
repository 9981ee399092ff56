from pathlib import Path

import pytest

from runner.catalogue import load_prompts
from runner.config.arms import Arm, load_arm, load_arms
from runner.config.rates import load_cards
from runner.config.settings import ROOT
from runner.errors import UsageError

SHIPPED = ROOT / "runner" / "arms"

GOOD = """\
id = "X"
title = "Made up"
turns = { default = 5, T1 = 9 }

[lead]
provider = "anthropic"
model = "m"

[executor]
provider = "ollama"
model = "n"
summary_chars = 100

[executor.options]
think = false
num_ctx = 4096
temperature = 1.0
note = "x"
"""


def written(folder: Path, text: str | bytes, name: str = "X.toml") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


# (what is replaced, by what, what the message names)
WRONG = {
    "misspelt key": ("title =", "tilte =", "unknown key 'tilte'"),
    "misspelt key below": ("summary_chars", "summary_char", "executor.summary_char"),
    "key missing": ('title = "Made up"\n', "", "'title' is missing"),
    "key missing below": ('model = "m"\n', "", "'lead.model' is missing"),
    "number as text": ("default = 5", 'default = "5"', "turns.default"),
    "number as fraction": ("default = 5", "default = 5.5", "turns.default"),
    "number as yes": ("default = 5", "default = true", "turns.default"),
    "text as number": ('title = "Made up"', "title = 5", "title"),
    "no default": ("default = 5, ", "", "needs a key 'default'"),
    "cap of nothing": ("T1 = 9", "T1 = 0", "cap below 1"),
    "no summary": ("summary_chars = 100", "summary_chars = 0", "executor.summary_chars"),
    "an option that is a list": ('note = "x"', "note = [1]", "executor.options.note"),
    "an option that is no number": ("temperature = 1.0", "temperature = nan", "temperature"),
    "a limit without end": ("[lead]", "[limits]\nusd = inf\n\n[lead]", "limits.usd"),
    "a limit of nothing": ("[lead]", "[limits]\nseconds = 0\n\n[lead]", "limits.seconds"),
    "a misspelt limit": ("[lead]", "[limits]\nusdollar = 1\n\n[lead]", "limits.usdollar"),
    "no TOML": ("[lead]", "[lead", "not valid TOML"),
    "a key twice": ('title = "Made up"', 'title = "a"\ntitle = "b"', "not valid TOML"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_named_with_its_key(tmp_path: Path, name: str) -> None:
    old, new, message = WRONG[name]
    assert old in GOOD
    path = written(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(UsageError, match=r"X\.toml") as caught:
        load_arm(path)
    assert message in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b'id = "\xe9"'])
def test_a_file_that_is_empty_or_no_text_is_named(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(UsageError, match=r"X\.toml"):
        load_arm(written(tmp_path, data))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no\.toml: cannot be read"):
        load_arm(tmp_path / "no.toml")


def test_a_folder_in_a_files_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "X.toml").mkdir()
    with pytest.raises(UsageError, match=r"X\.toml: cannot be read"):
        load_arms(tmp_path)


def test_a_folder_without_an_arm_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere: no arm"):
        load_arms(tmp_path / "nowhere")


def test_a_file_has_its_arms_name(tmp_path: Path) -> None:
    written(tmp_path, GOOD, "Y.toml")
    with pytest.raises(UsageError, match=r"Y\.toml: id 'X'"):
        load_arms(tmp_path)


def test_a_good_file_is_read_whole(tmp_path: Path) -> None:
    arm = load_arm(written(tmp_path, GOOD))
    assert (arm.id, arm.title, arm.lead_role, arm.models) == (
        "X",
        "Made up",
        "orchestrator",
        ("m", "n"),
    )
    assert (arm.max_turns("T1"), arm.max_turns("T7")) == (9, 5)
    assert arm.executor is not None
    assert (arm.executor.max_turns, arm.executor.max_tokens) == (20, 4096)
    # `False` and not 0: the provider is asked with these very values.
    options = {key: (type(value), value) for key, value in arm.executor.seat.options.items()}
    assert options == {
        "think": (bool, False),
        "num_ctx": (int, 4096),
        "temperature": (float, 1.0),
        "note": (str, "x"),
    }


def test_an_arm_without_executor_is_solo(tmp_path: Path) -> None:
    arm = load_arm(written(tmp_path, GOOD[: GOOD.index("[executor]")]))
    assert (arm.lead_role, arm.executor, arm.models) == ("solo", None, ("m",))


# ---- the shipped arms --------------------------------------------------------------------


@pytest.fixture(scope="module")
def shipped() -> dict[str, Arm]:
    return load_arms(SHIPPED)


@pytest.mark.parametrize(
    ("arm", "models", "role", "turns", "summary"),
    [
        ("A", ("claude-opus-4-7",), "solo", (40, 40, 40), None),
        ("B", ("claude-opus-4-7", "qwen3.5:9b"), "orchestrator", (80, 60, 60), 4000),
        (
            "C",
            ("claude-opus-4-7", "claude-haiku-4-5-20251001"),
            "orchestrator",
            (40, 40, 40),
            1500,
        ),
        ("D", ("claude-haiku-4-5-20251001",), "solo", (100, 120, 80), None),
    ],
)
def test_the_arms_are_the_experiments(
    shipped: dict[str, Arm],
    arm: str,
    models: tuple[str, ...],
    role: str,
    turns: tuple[int, ...],
    summary: int | None,
) -> None:
    found = shipped[arm]
    assert (found.models, found.lead_role) == (models, role)
    assert tuple(found.max_turns(task) for task in ("T1", "T2", "T3")) == turns
    assert found.lead.max_tokens == 4096
    if found.executor:
        assert (found.executor.max_turns, found.executor.summary_chars) == (20, summary)


def test_there_are_four_arms(shipped: dict[str, Arm]) -> None:
    assert list(shipped) == ["A", "B", "C", "D"]


def test_every_model_of_an_arm_has_a_price_on_every_card(shipped: dict[str, Arm]) -> None:
    for card in load_cards(ROOT / "runner" / "rates").values():
        for arm in shipped.values():
            for model in arm.models:
                card.rate(model)


# ---- the prompts -------------------------------------------------------------------------


def test_prompts_are_the_same_but_for_the_role() -> None:
    prompts = load_prompts(ROOT / "runner" / "prompts")
    texts = [prompts.solo, prompts.orchestrator, prompts.executor]
    parts = [text.partition("\n# Your role: ") for text in texts]
    assert len({common for common, _, _ in parts}) == 1
    assert len({role for _, _, role in parts}) == 3
    common = parts[0][0]
    assert all(word in common for word in ("bash", "str_replace_editor", "harness --quick"))
    for _, heading, role in parts:
        assert heading
        assert "DONE" in role
        assert "BLOCKED: " in role


def test_only_the_orchestrator_is_told_of_delegation() -> None:
    prompts = load_prompts(ROOT / "runner" / "prompts")
    assert "delegate_to_executor" in prompts.orchestrator
    assert "delegate" not in prompts.solo + prompts.executor


def test_a_missing_prompt_is_named(tmp_path: Path) -> None:
    (tmp_path / "common.md").write_text("Tools.")
    with pytest.raises(UsageError, match=r"solo\.md"):
        load_prompts(tmp_path)


def test_a_prompt_that_is_no_text_is_named(tmp_path: Path) -> None:
    for name in ("common", "solo", "orchestrator", "executor"):
        (tmp_path / f"{name}.md").write_text(name)
    (tmp_path / "solo.md").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match=r"solo\.md: is not UTF-8 text"):
        load_prompts(tmp_path)
