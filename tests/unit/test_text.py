import pytest

from runner.agent.text import cut_middle, first_line, sendable


@pytest.mark.parametrize("limit", [0, 1, 2, 30, 31, 40, 41, 100, 8000])
@pytest.mark.parametrize("length", [0, 1, 29, 40, 41, 99, 100, 101, 9999, 100_000])
def test_cut_text_is_never_longer_than_its_limit(length: int, limit: int) -> None:
    assert len(cut_middle("x" * length, limit)) <= limit


def test_text_within_the_limit_stays_as_it_is() -> None:
    assert cut_middle("abc", 3) == "abc"


def test_head_and_tail_stay_and_the_number_of_cut_characters_is_true() -> None:
    text = "".join(chr(0x4E00 + n) for n in range(1000))
    cut = cut_middle(text, 100)
    head, note, tail = cut.split("\n")
    assert text.startswith(head)
    assert text.endswith(tail)
    assert note == f"[... {1000 - len(head) - len(tail)} characters cut ...]"
    assert abs(len(head) - len(tail)) <= 1


def test_a_limit_too_small_for_the_note_keeps_the_head() -> None:
    assert cut_middle("abcdefghij", 4) == "abcd"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", ""),
        ("a\n\t b", "a b"),
        ("x" * 101, "x" * 99 + "…"),
        ("\x1b[2Jgone", "�[2Jgone"),
        ("lone \ud800", "lone �"),
        ("nul \0", "nul �"),
    ],
)
def test_a_line_for_a_person_is_short_and_safe_to_show(text: str, line: str) -> None:
    assert first_line(text) == line


def test_lone_surrogates_never_reach_a_request() -> None:
    assert sendable("file-\udcff.py grün") == "file-?.py grün"
