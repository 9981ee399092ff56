"""Figures as text: few trials never look sure, and no character acts instead of being seen."""

import numpy
import pytest

from analysis.report.figures import estimate, p_value, rate, reason, seconds, share, shown, usd
from analysis.stats.estimates import Estimate, median, wilson
from analysis.stats.samples import Floats


def values(given: list[float]) -> Floats:
    return numpy.array(given, dtype=numpy.float64)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\udcff", "\\udcff"),
        ("a\u202eb\u2066", "a\\u202eb\\u2066"),
        ("\r\x00\x9b", "\\r\\x00\\x9b"),
        ("two\nlines\tand <b> é 漢 🙂", "two\nlines\tand <b> é 漢 🙂"),
    ],
)
def test_what_acts_is_made_visible_and_all_else_kept(text: str, seen: str) -> None:
    assert shown(text) == seen


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_values_say_so_in_the_place_of_an_interval(n: int) -> None:
    assert estimate(median(values([1.0] * n))) == "$1.00 (n too small)"
    assert rate(wilson(n, n)) == "100% (n too small)"


def test_no_value_says_why() -> None:
    assert estimate(median(values([]))) == "no data"
    assert estimate(median(values([1.0, float("nan"), 2.0]))) == "not known for 1 of 3"
    assert rate(wilson(0, 0)) == "no data"
    assert usd(None) == "not known"


def test_equal_values_show_no_spread() -> None:
    assert estimate(median(values([2.0, 2.0, 2.0]))) == "$2.00 (all equal)"


def test_an_interval_without_an_upper_end_says_so() -> None:
    assert estimate(Estimate(1.0, 0.5, float("inf"), 3)) == "$1.00 [0.50, no limit]"


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0%"), (0.001, "<1%"), (0.999, ">99%"), (1.0, "100%"), (0.5, "50%")]
)
def test_a_share_is_0_or_100_percent_only_when_it_is(value: float, text: str) -> None:
    assert share(value) == text


def test_p_is_never_zero() -> None:
    assert (p_value(None), p_value(0.00001), p_value(0.1)) == ("n too small", "<0.001", "0.100")


@pytest.mark.parametrize(
    ("note", "said"),
    [
        ("B: not known for 1 of 20", "not known"),
        ("A: no data; B: not known for 1 of 20", "not known"),
        ("B: no data", "no data"),
        ("E costs nothing", "costs nothing"),
        ("all values are equal: resampling can't show a spread", "all equal"),
        ("n too small (2 against 2)", "n too small"),
        ("n too small: p can't be below 0.100", "n too small"),
        ("n too small in an arm", "n too small"),
    ],
)
def test_where_there_is_no_figure_the_cell_says_why(note: str, said: str) -> None:
    assert reason(note) == share(None, note) == p_value(None, note) == said


def test_seconds_keep_a_digit_where_it_matters() -> None:
    assert (seconds(None), seconds(0.42), seconds(1234.5)) == ("–", "0.4 s", "1,234 s")
