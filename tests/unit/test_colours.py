"""The colours are told apart by every kind of sight, and text in them can be read."""

from itertools import combinations

import numpy
import pytest

from analysis.colours import (
    ALERT,
    FURTHER_ARMS,
    GROUND,
    INK,
    MUTED,
    PAPER_ARMS,
    Colour,
    arm_colours,
    darkened,
    every_colour,
)

# Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB.
SIGHTS = {
    "normal": numpy.eye(3),
    "protanopia": numpy.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
         [-0.003882, -0.048116, 1.051998]]),
    "deuteranopia": numpy.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
         [-0.011820, 0.042940, 0.968881]]),
    "tritanopia": numpy.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
         [0.004733, 0.691367, 0.303900]]),
}  # fmt: skip
XYZ = numpy.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)  # fmt: skip
GROUNDS = ("light", "dark")


def linear(colour: str) -> numpy.ndarray:
    part = numpy.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return numpy.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """WCAG 2's contrast ratio."""
    low, high = sorted(float(XYZ[1] @ linear(each)) for each in (one, other))
    return (high + 0.05) / (low + 0.05)


def lab(light: numpy.ndarray) -> numpy.ndarray:
    parts = XYZ @ numpy.clip(light, 0, 1) / [0.95047, 1.0, 1.08883]
    x, y, z = numpy.where(parts > 0.008856, numpy.cbrt(parts), 7.787 * parts + 16 / 116)
    return numpy.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def apart(one: str, other: str, sight: str) -> float:
    seen = [lab(SIGHTS[sight] @ linear(each)) for each in (one, other)]
    return float(numpy.linalg.norm(seen[0] - seen[1]))


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("ground", GROUNDS)
def test_arms_are_told_apart(ground: str, sight: str) -> None:
    four = [getattr(each, ground) for each in PAPER_ARMS.values()]
    all_arms = [*four, *(getattr(each, ground) for each in FURTHER_ARMS)]
    assert min(apart(*pair, sight) for pair in combinations(four, 2)) >= 25
    assert min(apart(*pair, sight) for pair in combinations(all_arms, 2)) >= 17


@pytest.mark.parametrize("ground", GROUNDS)
def test_text_can_be_read_on_its_ground(ground: str) -> None:
    behind = getattr(GROUND, ground)
    for each in (INK, MUTED, ALERT, *PAPER_ARMS.values(), *FURTHER_ARMS):
        assert contrast(getattr(each, ground), behind) >= 4.5, each


def test_the_ratio_of_black_to_white_is_the_known_one() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)


def test_an_arm_of_the_paper_has_its_colour_whoever_is_beside_it() -> None:
    for arms in (["A"], ["D", "A"], ["local", "A", "B", "C", "D"]):
        assert arm_colours(arms)["A"] == PAPER_ARMS["A"]


def test_other_arms_have_colours_of_their_own() -> None:
    found = arm_colours(["A", "B", "C", "D", "e", "f", "g", "h"])
    assert len(set(found.values())) == 8
    assert arm_colours(["f", "e"]) == arm_colours(["e", "f"])


def test_more_arms_than_colours_are_no_error() -> None:
    assert len(arm_colours([f"arm {n}" for n in range(40)])) == 40


def test_no_colour_is_another_ones_in_the_dark() -> None:
    """Else a drawing's change of ground would change some colours twice."""
    lights = [each.light for each in every_colour()]
    assert len(set(lights)) == len(lights)
    assert not set(lights) & {each.dark for each in every_colour()}


def test_a_drawing_changes_its_ground() -> None:
    assert darkened(f'<path fill="{INK.light}"/>') == f'<path fill="{INK.dark}"/>'
    assert isinstance(INK, Colour)
