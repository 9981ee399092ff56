"""Pictures of little or nothing, and pictures as files."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from chart_samples import row, trials
from stats_samples import paper_row, paper_table

from analysis.charts import Picture, pictures, write
from analysis.charts.bars import short
from analysis.charts.files import page, safe
from analysis.charts.gallery import pictures as all_pictures
from analysis.charts.scatter import FEW, MANY, axes
from analysis.charts.theme import apart
from analysis.stats.samples import TrialRow
from analysis.stats.summary import analyse
from runner.errors import EnvironmentProblem


def drawn(*rows: TrialRow) -> Mapping[str, Picture]:
    return all_pictures(rows, (), (), analyse(rows))


def test_without_trials_there_is_one_picture_that_says_so() -> None:
    (picture,) = drawn().values()
    assert "There are no trials yet" in picture.svg_light
    assert picture.spec is None


def test_only_void_trials_are_no_reason_to_fail() -> None:
    found = drawn(row("A", "a", 0.1, 1.0, "infra"))
    assert "none: no data" in found["cost"].svg_light
    assert "no trial whose USD and seconds are both known" in found["pareto-T1"].text


def test_one_trial_of_one_arm_has_pictures_that_look_no_surer_than_they_are() -> None:
    found = drawn(row("A", "a", 0.1, 60.0, kind="live"))
    assert "$0.10, n = 1: n too small" in found["cost"].svg_light
    assert "100%, 1 of 1: n too small" in found["success"].svg_light
    assert found["tokens"].text == "There is no trial whose tokens are known."
    assert "SIMULATED" not in "".join(each.svg_light for each in found.values())


def test_nothing_known_but_the_outcome_is_enough() -> None:
    found = drawn(replace(row("A", "a", None, 60.0), wall_s=None))
    assert "none: not known for 1 of 1" in found["cost"].svg_light


def test_free_trials_have_a_scale_all_the_same() -> None:
    found = drawn(*(row("B", f"b{n}", 0.0, 60.0 + n) for n in range(3)))
    assert "NaN" not in found["cost"].svg_light + found["pareto-T1"].svg_light


def test_the_dear_do_not_press_the_cheap_into_a_corner() -> None:
    assert axes([{"usd": 0.01}, {"usd": 1.0}])[0].to_dict()["scale"]["type"] == "log"
    assert axes([{"usd": 0.1}, {"usd": 1.0}])[0].to_dict()["scale"]["type"] == "linear"
    assert axes([{"usd": 0.0}, {"usd": 1.0}])[0].to_dict()["scale"]["type"] == "linear"


def test_tokens_are_said_as_people_say_them() -> None:
    assert [short(each) for each in (350, 1_234, 35_400, 1_234_567)] == [
        "350", "1.2k", "35k", "1.2M",
    ]  # fmt: skip


def test_published_trials_have_their_medians_and_no_chain_by_call() -> None:
    rows = [replace(paper_row(line), trial_id=str(n)) for n, line in enumerate(paper_table())]
    t1 = [each for each in rows if each.task == "T1"]
    found = drawn(*t1)
    assert "median of the solved $1.74 and 253 s" in found["pareto-T1"].text
    assert "No trial on T1 is on record call by call" in found["growth-T1"].text
    assert "SIMULATED" not in found["pareto-T1"].svg_light


# ---- files ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def few() -> Mapping[str, Picture]:
    found = pictures(trials(), (), (), analyse(trials()))
    return {"success": found["success"], "growth/T1": found["growth-T1"]}


def test_a_folder_that_can_not_be_made_is_named(few: Mapping[str, Picture], tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(EnvironmentProblem, match="taken"):
        write(few, tmp_path / "taken")


@pytest.fixture(scope="module")
def written(few: Mapping[str, Picture], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return list(write(few, tmp_path_factory.mktemp("pictures") / "new" / "folder"))


def test_each_picture_is_four_files_and_all_are_one_page(written: list[Path]) -> None:
    names = {
        f"{name}-{ground}.{form}"
        for name in ("success", "growth-T1")
        for ground in ("light", "dark")
        for form in ("svg", "png")
    }
    assert {path.name for path in written} == {*names, "pictures.html"}
    assert all(path.stat().st_size > 500 for path in written)
    assert (written[0].parent / "success-dark.png").read_bytes().startswith(b"\x89PNG")


def test_the_page_fetches_nothing_and_may_not(written: list[Path]) -> None:
    text = written[-1].read_text(encoding="utf-8")
    assert "default-src 'none'" in text
    own = re.sub(r'<script type="module">.*?</script>', "", text, flags=re.DOTALL)
    assert not re.search(r"(?:src|href|action|data)\s*=", own)
    assert text.count("</script>") == 1
    assert len(text) < 2_000_000


def test_a_page_of_drawings_needs_no_script_of_others(few: Mapping[str, Picture]) -> None:
    assert len(page({"growth-T1": few["growth/T1"]})) < 20_000


def test_names_of_files_lead_nowhere() -> None:
    assert safe("../pareto T1/é") == "..-pareto-T1--"


def test_names_that_would_cover_each_other_move_up_and_others_stay() -> None:
    places = [(1.0, 10.0), (1.0, 10.0), (1.0, 10.5), (5.0, 10.0)]
    moved = apart(places, (0.5, 1.0))
    assert moved == [(1.0, 10.0), (1.0, 11.0), (1.0, 12.0), (5.0, 10.0)]
    assert apart([], (1.0, 1.0)) == []


def test_a_crowd_of_trials_steps_back_behind_the_medians() -> None:
    crowd = [row("A", f"a{n}", 0.5 + n / 100, 250.0 + n) for n in range(60)]
    assert FEW["size"] > MANY["size"]
    layers = drawn(*crowd)["pareto-T1"].spec
    assert layers is not None
    assert layers["layer"][1]["mark"]["size"] == MANY["size"]  # type: ignore[index]
