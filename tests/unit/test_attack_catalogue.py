"""The attacks as data: enough of them, each well formed, and nothing left to fill in."""

from pathlib import Path

import pytest

from runner.attack.catalogue import FEWEST_VARIANTS, KINDS, ROWS, load_tricks
from runner.errors import UsageError
from runner.scripted.cheats import load_attacks, load_stages, turns_of

TRICKS = load_tricks()
ATTACK = '[[attack]]\nid = "new"\nrow = 3\ntitle = "One more"\n'
VARIANT = '[[attack.variant]]\nname = "one"\n[[attack.variant.step]]\nbash = "true"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[attack]\n", "is not valid TOML"),
        ('[[attack]]\nid = "new"\nrow = 3\n' + VARIANT, "key 'title' is missing"),
        (ATTACK + "colour = 1\n" + VARIANT, "unknown key 'colour'"),
        (ATTACK + VARIANT + VARIANT, "two variants have one name"),
        (ATTACK + VARIANT + ATTACK + VARIANT, "two attacks are named 'new'"),
        (ATTACK + VARIANT.replace("bash", "shell"), "a step with the keys shell"),
        (ATTACK + '[[attack.variant]]\nname = "one"\n', "needs a name and a step"),
        (ATTACK + 'kind = "magic"\n' + VARIANT, "kind 'magic' is not"),
        (ATTACK + 'naive = "magic"\n' + VARIANT, "'magic' fools nobody we know"),
    ],
)
def test_an_attack_that_is_written_wrongly_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(UsageError, match=said):
        load_tricks(folder=tmp_path)


@pytest.mark.parametrize("name", ["no-such-attack", "conftest-hook.no-such-variant"])
def test_a_name_that_is_none_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(UsageError, match=f"'{name}': there is no such attack.*conftest-hook"):
        load_tricks([name])


def test_a_class_or_one_variant_can_be_asked_for() -> None:
    found = load_tricks(["type-ignore", "noqa.file"])
    assert [trick.name for trick in found] == [
        "type-ignore.line",
        "type-ignore.code",
        "type-ignore.file",
        "type-ignore.rule",
        "noqa.file",
    ]


def test_every_row_of_the_known_attacks_is_a_class_with_three_variants_or_more() -> None:
    attacks = load_attacks().values()
    assert sorted(attack.row for attack in attacks) == sorted(ROWS)
    assert len(ROWS) == 46
    assert min(len(attack.variants) for attack in attacks) >= FEWEST_VARIANTS == 3
    assert {attack.kind for attack in attacks} == set(KINDS)
    assert len(TRICKS) >= 140


@pytest.mark.parametrize("task", load_stages())
def test_every_word_between_signs_is_filled_in_for_every_task(task: str) -> None:
    words = {f"@{word}@" for stage in load_stages().values() for word in stage.words}
    for trick in TRICKS:
        told = repr(turns_of(trick.variant, task, ()))
        left = [word for word in {*words, "@canary@", "@repeat@"} if word in told]
        assert left == [], trick.name
