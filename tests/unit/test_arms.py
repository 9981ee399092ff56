from dataclasses import replace
from pathlib import Path

import pytest

from runner.catalogue import load_catalogue, load_prompts
from runner.config.arms import Arm, load_arm, load_arms, read_arm, with_files
from runner.config.rates import load_cards
from runner.config.settings import ROOT, Settings
from runner.errors import UsageError
from runner.preflight import check_prices, check_seats

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
seed = 1
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
    "an id that is no file's name": ('id = "X"', 'id = "../X"', "key 'id'"),
    "an id with a comma": ('id = "X"', 'id = "X,Y"', "key 'id'"),
    "an id of nothing": ('id = "X"', 'id = ""', "key 'id'"),
    "a model of nothing": ('model = "n"', 'model = ""', "executor.model"),
    "a provider that is no text": ('provider = "ollama"', "provider = 1", "executor.provider"),
    "a bound given twice": (
        "summary_chars = 100",
        "summary_chars = 100\nsummary_tokens = 30",
        "both summary_chars and summary_tokens",
    ),
    "no bound": ("summary_chars = 100\n", "", "needs a key summary_chars"),
    "a bound of no token": ("summary_chars = 100", "summary_tokens = 0", "summary_tokens"),
    "no turn of the executor": (
        "summary_chars = 100",
        "summary_chars = 100\nmax_turns = 0",
        "executor.max_turns",
    ),
    "a reply of no token": ('model = "m"', 'model = "m"\nmax_tokens = 0', "lead.max_tokens"),
    "default as text": ('title = "Made up"', 'title = "Made up"\ndefault = "no"', "'default'"),
    "a prompt of nothing": ('title = "Made up"', 'title = "Made up"\nprompt = ""', "'prompt'"),
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
        "seed": (int, 1),
        "note": (str, "x"),
    }


def test_a_bound_in_tokens_is_three_characters_a_token_and_both_are_on_record(
    tmp_path: Path,
) -> None:
    path = written(tmp_path, GOOD.replace("summary_chars = 100", "summary_tokens = 300"))
    seat = load_arm(path).executor
    assert seat is not None
    assert (seat.summary_tokens, seat.summary_chars) == (300, 900)


def test_an_arm_without_executor_is_solo(tmp_path: Path) -> None:
    arm = load_arm(written(tmp_path, GOOD[: GOOD.index("[executor]")]))
    assert (arm.lead_role, arm.executor, arm.models) == ("solo", None, ("m",))


# ---- arms from other files ---------------------------------------------------------------


def test_a_file_with_the_id_of_another_arm_is_refused(tmp_path: Path) -> None:
    arms = load_arms(SHIPPED)
    for name in ("A", "E"):
        file = read_arm(written(tmp_path, GOOD.replace('id = "X"', f'id = "{name}"'), "my.toml"))
        with pytest.raises(UsageError, match=rf"my\.toml: key 'id': .* arm '{name}' already"):
            with_files(arms, [file])


def test_two_files_with_one_id_are_refused(tmp_path: Path) -> None:
    files = [
        read_arm(written(tmp_path, GOOD, "one.toml")),
        read_arm(written(tmp_path, GOOD.replace("default = 5", "default = 6"), "two.toml")),
    ]
    with pytest.raises(UsageError, match=r"two\.toml: key 'id'"):
        with_files({}, files)


def test_the_very_file_of_an_arm_that_is_there_adds_nothing() -> None:
    arms = load_arms(SHIPPED)
    assert with_files(arms, [read_arm(SHIPPED / "E.toml")]) == arms


def test_a_file_may_have_any_name(tmp_path: Path) -> None:
    found = with_files(load_arms(SHIPPED), [read_arm(written(tmp_path, GOOD, "my own.toml"))])
    assert found["X"] == load_arm(tmp_path / "my own.toml")


def test_a_prompt_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    file = read_arm(written(tmp_path, GOOD.replace("turns =", 'prompt = "boss"\nturns =', 1)))
    with pytest.raises(UsageError, match=r"X\.toml: key 'prompt': .*boss\.md.*orchestrator-symm"):
        load_catalogue(Settings(), [file])


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('provider = "ollama"', 'provider = "olama"', "unknown provider 'olama'; known: anthropic"),
        ("num_ctx = 4096", "num_ctz = 4096", "num_ctz"),
        ("num_ctx = 4096\n", "", "num_ctx"),
        ("temperature = 1.0\nseed = 1\n", "", "options lack temperature, seed: they must be given"),
        ("think = false\n", "", "options lack think"),
    ],
)
def test_a_seat_that_nobody_can_take_is_named(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    text = GOOD.replace('note = "x"\n', "").replace(old, new)
    with pytest.raises(UsageError, match=r"X\.toml, n: ") as caught:
        check_seats(load_arm(written(tmp_path, text)), "X.toml")
    assert told in str(caught.value)


def test_a_model_without_a_price_is_named_with_what_to_add_where(tmp_path: Path) -> None:
    card = load_cards(ROOT / "runner" / "rates")["list-2026-11"]
    with pytest.raises(UsageError, match=r'list-2026-11\.toml: .*\[rates\."m"\]'):
        check_prices(load_arm(written(tmp_path, GOOD)), card)


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
        ("B-bounded", ("claude-opus-4-7", "qwen3.5:9b"), "orchestrator", (80, 60, 60), 900),
        ("B-symmetric", ("claude-opus-4-7", "qwen3.5:9b"), "orchestrator", (80, 60, 60), 4000),
        ("E", ("qwen3.5:9b",), "solo", (100, 120, 80), None),
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


def test_the_papers_four_arms_run_unasked_and_the_others_when_named(
    shipped: dict[str, Arm],
) -> None:
    assert load_catalogue(Settings()).default_arms == ("A", "B", "C", "D")
    assert set(shipped) == {"A", "B", "C", "D", "B-bounded", "B-symmetric", "E"}


def test_the_variants_of_b_differ_from_it_in_one_thing_each(shipped: dict[str, Arm]) -> None:
    b, bounded, symmetric, alone = (shipped[n] for n in ("B", "B-bounded", "B-symmetric", "E"))
    assert b.executor is not None
    named = {"id": b.id, "title": b.title, "default": True}
    seat = replace(b.executor, summary_chars=900, summary_tokens=300)
    assert replace(bounded, **named) == replace(b, executor=seat)
    assert replace(symmetric, **named) == replace(b, prompt="orchestrator-symmetric")
    assert (alone.lead, alone.turns) == (b.executor.seat, shipped["D"].turns)


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


def test_an_arms_own_prompt_takes_the_place_of_its_roles() -> None:
    prompts = load_prompts(ROOT / "runner" / "prompts")
    own = prompts.of("orchestrator", "orchestrator-symmetric")
    common = prompts.orchestrator.partition("\n# Your role: ")[0]
    assert own.startswith(f"{common}\n# Your role: you lead, and edit or delegate")
    assert all(word in own for word in ("delegate_to_executor", "DONE", "BLOCKED: "))
    assert prompts.of("orchestrator") == prompts.orchestrator != own


def test_a_prompt_that_no_arm_of_a_run_names_is_not_on_its_record() -> None:
    prompts = load_prompts(ROOT / "runner" / "prompts")
    assert prompts.only({None}).further == {}
    assert list(prompts.only({"orchestrator-symmetric"}).further) == ["orchestrator-symmetric"]


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
