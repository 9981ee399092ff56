"""Every picture of one gallery: marks, colours, words, and nothing that leads outside."""

import json
import re
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree

import altair
import pytest
from chart_samples import HOSTILE, growth, times, trials, used
from doc_pages import ALL, table
from test_colours import contrast

from analysis.charts import Picture, pictures
from analysis.charts.drawing import plain
from analysis.colours import GROUND, arm_colours, every_colour
from analysis.stats.summary import analyse

SVG = "{http://www.w3.org/2000/svg}"
ARMS = ("A", "B", "C", "D", HOSTILE)
CHARTS = ("cost", "success", "pareto-T1", "pareto-T2", "growth-T1", "tokens", "time")
NAMES = (*CHARTS, "chain-T1", "chain-T2", "growth-T2")
Gallery = Mapping[str, Picture]


@pytest.fixture(scope="module")
def gallery() -> Gallery:
    return pictures(trials(), growth(), used(), analyse(trials()), times())


def marks(picture: Picture, kind: str) -> int:
    """How many marks of a kind there are; a line or an area is one, however many turns it has."""
    return picture.svg_light.count(f'aria-roledescription="{kind}"')


def data(picture: Picture) -> list[dict[str, object]]:
    assert picture.spec is not None
    datasets = picture.spec["datasets"]
    assert isinstance(datasets, dict)
    return [row for rows in datasets.values() for row in rows]


def scales(part: object) -> Iterator[dict[str, list[str]]]:
    """Every scale in a specification."""
    if isinstance(part, Mapping):
        if isinstance(part.get("scale"), dict):
            yield part["scale"]
        for each in part.values():
            yield from scales(each)
    elif isinstance(part, list):
        for each in part:
            yield from scales(each)


def test_all_pictures_are_there(gallery: Gallery) -> None:
    assert set(gallery) == set(NAMES)


# ---- marks ------------------------------------------------------------------------------


def test_every_trial_with_both_numbers_is_a_point(gallery: Gallery) -> None:
    # Of T1: three of A, B, C and D each; the void one is none. And three medians.
    assert marks(gallery["pareto-T1"], "point") == 12 + 3
    shapes = [row["what"] for row in data(gallery["pareto-T1"]) if "trial" in row]
    assert (shapes.count("solved"), shapes.count("not solved")) == (7, 5 + 1)  # D is named too


def test_a_trial_without_usd_is_named_where_it_is_not_shown(gallery: Gallery) -> None:
    assert marks(gallery["pareto-T2"], "point") == 1 + 1
    assert "want of USD or seconds: 1 trial" in gallery["pareto-T2"].text


def test_intervals_have_their_ends_and_none_is_cut(gallery: Gallery) -> None:
    # A and C have both ends, B an arrow for its upper one, D no figure, T2 one point.
    cost = gallery["cost"]
    assert (marks(cost, "rule mark"), marks(cost, "tick"), marks(cost, "point")) == (3, 5, 4 + 1)
    (endless,) = [row for row in data(cost) if row.get("open")]
    assert (endless["arm"], "no limit" in str(endless["said"])) == ("B", True)
    ends = [scale["domain"][1] for scale in scales(cost.spec) if scale.get("domain", [1])[0] == 0]
    highest = max(float(str(row["high"])) for row in data(cost) if "high" in row)
    assert highest <= max(float(end) for end in ends)


def test_an_arm_without_a_success_says_so_in_the_place_of_its_figure(gallery: Gallery) -> None:
    assert "none: no success in 3, $0.60 spent" in gallery["cost"].svg_light
    assert "D on T1: none: no success in 3" in gallery["cost"].text


def test_growth_is_a_line_with_a_band_over_three_turns(gallery: Gallery) -> None:
    grown = gallery["growth-T1"]
    # Line and band each draw one mark; each turn has its point.
    assert (marks(grown, "area mark"), marks(grown, "line mark")) == (1, 1)
    assert marks(grown, "point") == 3
    assert "Arm C (3 trials): from 2,000,000 in turn 1 to 6,000,000 in turn 5" in grown.text


def test_bars_have_a_part_for_everything_measured(gallery: Gallery) -> None:
    # A's five parts and B's one that is not split up; a part of nothing is a bar of no width.
    assert marks(gallery["time"], "bar") == 2 * 6
    seconds = {(row["arm"], row["part"]): row["amount"] for row in data(gallery["time"])
               if "part" in row}  # fmt: skip
    assert seconds["A", "model"] == pytest.approx(100.0)
    assert seconds["A", "other"] == pytest.approx(280.0 - 215.0)
    assert seconds["B", "not split up"] == pytest.approx(480.0)


def test_the_chain_holds_the_measured_figures(gallery: Gallery) -> None:
    chain = gallery["chain-T1"]
    assert (chain.svg_light.count('class="step"'), chain.svg_light.count('class="arrow"')) == (5, 4)
    for said in ("2.0M tokens", "2.0M to 6.0M", "3 turns", "2.0M read again", "7.0M tokens",
                 "1.00 times A", "$0.20", "of $42.70"):  # fmt: skip
        assert f">{said}<" in chain.svg_light
        assert said in chain.text


def test_where_nothing_is_known_a_sentence_stands(gallery: Gallery) -> None:
    assert gallery["growth-T2"].spec is None
    assert "on record call by call" in gallery["growth-T2"].text
    assert "No arm with an executor has tried T2" in gallery["chain-T2"].text


# ---- colours ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", CHARTS)
def test_an_arm_has_one_colour_in_all_pictures(gallery: Gallery, name: str) -> None:
    expected = {plain(arm): colour.light for arm, colour in arm_colours(ARMS).items()}
    found = [
        dict(zip(scale["domain"], scale["range"], strict=True))
        for scale in scales(gallery[name].spec)
        if "A" in scale.get("domain", []) and isinstance(scale["range"][0], str)
    ]
    assert found
    assert all(each == expected for each in found)


@pytest.mark.parametrize("name", NAMES)
def test_the_dark_picture_is_the_light_one_in_other_colours(gallery: Gallery, name: str) -> None:
    light, dark = gallery[name].svg_light, gallery[name].svg_dark
    assert re.sub("#[0-9a-f]{6}", "", light) == re.sub("#[0-9a-f]{6}", "", dark)
    for colour in every_colour():
        assert colour.light not in dark


@pytest.mark.parametrize("name", NAMES)
def test_text_can_be_read_on_both_grounds(gallery: Gallery, name: str) -> None:
    for svg, ground in (
        (gallery[name].svg_light, GROUND.light),
        (gallery[name].svg_dark, GROUND.dark),
    ):
        texts = list(ElementTree.fromstring(svg).iter(f"{SVG}text"))
        assert texts
        for text in texts:
            halo = text.get("stroke") == ground
            if text.get("class") != "watermark" and not halo:
                assert contrast(str(text.get("fill")), ground) >= 4.5, text.text


# ---- marked, labelled, shut off ---------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_simulated_trials_can_not_be_missed(gallery: Gallery, name: str) -> None:
    for svg in (gallery[name].svg_light, gallery[name].svg_dark):
        assert svg.count('class="watermark"') == 1
        assert svg.count("SIMULATED") >= 2
    assert gallery[name].spec is None or "SIMULATED" in json.dumps(gallery[name].spec)


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_labelled_with_its_words(gallery: Gallery, name: str) -> None:
    root = ElementTree.fromstring(gallery[name].svg_light)
    assert root.get("role") == "img"
    assert root.get("aria-label") == plain(gallery[name].text)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_leads_outside_and_no_name_becomes_markup(gallery: Gallery, name: str) -> None:
    picture = gallery[name]
    assert "://" not in json.dumps(picture.spec)
    for svg in (picture.svg_light, picture.svg_dark):
        assert "://" not in re.sub(r'xmlns(:\w+)?="[^"]+"', "", svg)
        assert "<script" not in svg
        assert "\x1b" not in svg


def test_a_hostile_name_is_shown_as_it_is_written(gallery: Gallery) -> None:
    assert "&lt;script>" in gallery["cost"].svg_light.replace("&gt;", ">")


@pytest.mark.parametrize("name", ["cost", "pareto-T1", "growth-T1", "tokens"])
def test_a_specification_is_one_by_its_schema(gallery: Gallery, name: str) -> None:
    assert altair.Chart.from_dict(dict(gallery[name].spec or {})) is not None


def test_the_guide_names_every_picture() -> None:
    named = {row[0].split("-")[0] for row in table(ALL["docs/pictures.md"], "The pictures", "name")}
    assert named == {name.split("-")[0] for name in NAMES}
