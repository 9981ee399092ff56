import math
from itertools import combinations

import numpy
import pytest
from scipy import stats

from analysis.stats.comparison import (
    Comparison,
    cliffs_delta,
    compare,
    holm,
    magnitude,
    p_value,
    paper_p,
    ratio_of_medians,
    smallest_p,
    with_holm,
)
from analysis.stats.samples import Floats


def array(*values: float) -> Floats:
    return numpy.array(values, dtype=numpy.float64)


def drawn(seed: int, n: int, shift: float = 0) -> Floats:
    return numpy.random.RandomState(seed).lognormal(size=n) + shift


def by_every_split(a: Floats, b: Floats) -> float:
    """Two-sided p by hand: the share of splits whose rank sum is as far from its mean."""
    ranks = stats.rankdata(numpy.concatenate([a, b]))
    middle = ranks.mean() * len(a)
    sums = [sum(chosen) for chosen in combinations(ranks, len(a))]
    far = abs(ranks[: len(a)].sum() - middle)
    return sum(abs(each - middle) >= far - 1e-9 for each in sums) / len(sums)


# ---- too little -------------------------------------------------------------------------


@pytest.mark.parametrize("few", [(), (1,), (1, 2)])
def test_fewer_than_three_values_are_not_compared(few: tuple[float, ...]) -> None:
    found = compare("T1", "usd", ("A", array(*few)), ("B", array(7, 8, 9)))
    assert (found.p, found.p_paper, found.delta, found.magnitude) == (None, None, None, None)
    assert (found.method, found.hopeless, found.settled) == ("none", True, False)
    assert ("no data" if not few else "n too small") in found.note


def test_an_unknown_value_is_named_with_its_arm() -> None:
    found = compare("T1", "usd", ("A", array(1, 2, 3)), ("B", array(1, math.nan, 3)))
    assert (found.p, found.note) == (None, "B: not known for 1 of 3")
    assert (found.known, found.hopeless, found.settled) == (False, False, False)


def test_ties_everywhere_differ_in_nothing() -> None:
    found = compare("T1", "usd", ("A", array(2, 2, 2)), ("B", array(2, 2, 2)))
    assert (found.p, found.p_paper, found.delta, found.magnitude) == (1, 1, 0, "negligible")


def test_ties_everywhere_in_large_samples_differ_in_nothing_either() -> None:
    assert p_value(numpy.ones(200), numpy.ones(300)) == (1, "permutation")


# ---- p ----------------------------------------------------------------------------------


def test_three_against_three_fully_apart_is_a_tenth_and_no_less() -> None:
    found = compare("T1", "usd", ("A", array(1, 2, 3)), ("B", array(4, 5, 6)))
    assert f"{found.p:.3f}" == "0.100"
    assert (found.method, found.hopeless) == ("exact", True)
    assert found.note == "n too small: p can't be below 0.100"
    assert f"{found.p_paper:.3f}" == "0.050"


@pytest.mark.parametrize(("n", "smallest"), [((3, 4), 2 / 35), ((4, 4), 2 / 70), ((5, 5), 2 / 252)])
def test_the_smallest_p_is_that_of_samples_that_do_not_overlap(
    n: tuple[int, int], smallest: float
) -> None:
    a, b = numpy.arange(n[0], dtype=float), numpy.arange(n[1]) + 100.0
    assert smallest_p(*n) == pytest.approx(smallest)
    assert p_value(a, b)[0] == pytest.approx(smallest)


def test_the_smallest_p_of_many_is_zero_and_no_overflow() -> None:
    assert smallest_p(50_000, 50_000) == 0


@pytest.mark.parametrize("seed", range(5))
def test_without_ties_p_is_the_share_of_all_splits(seed: int) -> None:
    a, b = drawn(seed, 4), drawn(seed + 50, 6, 0.5)
    p, method = p_value(a, b)
    assert (p, method) == (pytest.approx(by_every_split(a, b)), "exact")


@pytest.mark.parametrize("seed", range(5))
def test_with_ties_p_is_the_share_of_all_splits_too(seed: int) -> None:
    random = numpy.random.RandomState(seed)
    a, b = (random.randint(0, 5, n).astype(float) for n in (4, 5))
    p, method = p_value(a, b)
    assert (p, method) == (pytest.approx(by_every_split(a, b)), "permutation")


def test_with_ties_in_larger_samples_splits_are_drawn_and_seeded() -> None:
    a, b = numpy.arange(30.0) // 2, numpy.arange(30.0) // 2 + 3
    p, method = p_value(a, b)
    assert method == "sampled permutation"
    assert p == pytest.approx(stats.mannwhitneyu(a, b, method="asymptotic").pvalue, rel=0.2)
    assert p_value(a, b) == (p, method)


def test_large_samples_take_the_corrected_normal_approximation() -> None:
    a, b = drawn(1, 60), drawn(2, 70, 0.1)
    assert p_value(a, b) == (stats.mannwhitneyu(a, b, method="asymptotic").pvalue, "normal")


def test_the_papers_p_is_scipys_without_continuity_where_there_are_no_ties() -> None:
    a, b = drawn(1, 5), drawn(2, 7)
    plain = stats.mannwhitneyu(a, b, method="asymptotic", use_continuity=False)
    assert paper_p(a, b) == pytest.approx(plain.pvalue)


@pytest.mark.parametrize(
    ("b", "delta", "p"),
    [
        ((40, 50, 60), "+1.00 large", "0.050"),
        ((25, 40, 50), "+0.78 large", "0.127"),
        ((15, 35, 40), "+0.56 large", "0.275"),
        ((5, 25, 35), "+0.11 negligible", "0.827"),
    ],
)
def test_three_against_three_by_every_order_the_paper_printed(
    b: tuple[float, ...], delta: str, p: str
) -> None:
    """Its table prints 0.050, 0.127, 0.275 and 0.827, and the deltas beside them."""
    found = compare("T1", "usd", ("B", array(*b)), ("A", array(10, 20, 30)))
    assert f"{found.delta:+.2f} {found.magnitude}" == delta
    assert f"{found.p_paper:.3f}" == p


# ---- families ---------------------------------------------------------------------------


def test_holm_gives_the_published_examples() -> None:
    """R's `p.adjust(method = "holm")` and the worked example of Wikipedia's article."""
    assert holm([0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == (1, 1)
    assert holm([]) == ()


def test_what_was_not_tested_is_no_part_of_the_family() -> None:
    apart = (("A", numpy.arange(6.0)), ("B", numpy.arange(6.0) + 10))
    tested = compare("T1", "usd", *apart)
    untested = compare("T1", "usd", ("A", array(1)), ("C", array(2)))
    first, second, third = with_holm([tested, untested, tested])
    assert tested.p is not None
    assert first.p_holm == third.p_holm == pytest.approx(2 * tested.p)
    assert second.p_holm is None
    assert first.settled
    assert not first.hopeless


def apart(n: int, pairs: int) -> list[Comparison]:
    a, b = numpy.arange(float(n)), numpy.arange(float(n)) + 100
    return [compare("T1", "usd", ("A", a), ("B", b))] * pairs


@pytest.mark.parametrize(
    ("n", "pairs", "hopeless"), [(3, 1, True), (4, 1, False), (4, 18, True), (5, 18, True)]
)
def test_a_family_may_be_too_large_for_so_few_trials(n: int, pairs: int, hopeless: bool) -> None:
    # 4 against 4: 2/70 x 18 = 0.514; 5 against 5: 2/252 x 18 = 0.143.
    (first, *_) = with_holm(apart(n, pairs))
    assert (first.hopeless, first.settled) == (hopeless, not hopeless)
    assert first.note.startswith("n too small" if hopeless else "")
    assert bool(first.note) is hopeless


def test_six_against_six_are_enough_for_eighteen_pairs() -> None:
    # 2/924 x 18 = 0.039.
    found = with_holm(apart(6, 18))
    assert {(each.hopeless, each.settled, each.note) for each in found} == {(False, True, "")}
    assert found[0].smallest_p_holm == pytest.approx(2 / 924 * 18)


def test_large_samples_of_a_family_have_hope_where_its_small_ones_have_none() -> None:
    small, *_, large = with_holm([*apart(4, 2), *apart(6, 1)])
    # Sorted: 0.0022 x 3, then 0.0286 x 2.
    assert (small.hopeless, large.hopeless) == (True, False)
    assert small.note == "n too small: p after Holm can't be below 0.057"


# ---- sizes ------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_cliffs_delta_counts_pairs(seed: int) -> None:
    random = numpy.random.RandomState(seed)
    a, b = (random.randint(0, 9, n).astype(float) for n in (7, 11))
    counted = sum(numpy.sign(x - y) for x in a for y in b) / (len(a) * len(b))
    assert cliffs_delta(a, b) == pytest.approx(counted)
    assert cliffs_delta(b, a) == pytest.approx(-counted)


def test_the_labels_begin_at_romanos_limits() -> None:
    sizes = (0, 0.146, 0.147, 0.329, 0.33, 0.473, 0.474, 1)
    labels = ["negligible", "negligible", "small", "small", "medium", "medium", "large", "large"]
    assert [magnitude(size) for size in sizes] == labels
    assert [magnitude(-size) for size in sizes] == labels


# ---- ratios -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("under", "note"),
    [((), "B: no data"), ((1, math.nan), "B: not known for 1 of 2"), ((0, 0, 1), "median is 0")],
)
def test_a_ratio_over_nothing_is_none(under: tuple[float, ...], note: str) -> None:
    found = ratio_of_medians(("A", array(1, 2, 3)), ("B", array(*under)))
    assert found.value is None
    assert note in found.note


def test_a_ratio_of_two_values_has_no_interval() -> None:
    found = ratio_of_medians(("A", array(2, 4)), ("B", array(1, 1, 1)))
    assert (found.value, found.low, found.high) == (3, None, None)
    assert "n too small" in found.note


def test_a_ratios_interval_is_that_of_scipys_bootstrap() -> None:
    a, b = drawn(1, 30, 1), drawn(2, 25, 1)

    def ratio(x: Floats, y: Floats, axis: int) -> Floats:
        return numpy.asarray(numpy.median(x, axis=axis) / numpy.median(y, axis=axis))

    theirs = stats.bootstrap((a, b), ratio, method="percentile", rng=1).confidence_interval
    found = ratio_of_medians(("A", a), ("B", b))
    assert found.low == pytest.approx(theirs.low, rel=0.02)
    assert found.high == pytest.approx(theirs.high, rel=0.02)


def test_an_arm_against_itself_is_one_and_unsure() -> None:
    a = drawn(1, 20)
    found = ratio_of_medians(("A", a), ("A", a))
    assert found.value == 1
    assert found.low is not None
    assert found.high is not None
    assert found.low < 1 < found.high
