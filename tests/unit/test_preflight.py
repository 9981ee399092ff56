from pathlib import Path

import pytest

from runner.config.settings import Settings
from runner.errors import EnvironmentProblem
from runner.preflight import check_results


@pytest.mark.parametrize("name", ["journal", "transcripts", "changes"])
def test_each_folder_of_results_must_take_a_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("a file in the folder's place")
    with pytest.raises(EnvironmentProblem, match=rf"/{name}: File exists: .*RUNNER_RESULTS"):
        check_results(Settings(results=tmp_path))


def test_folders_are_made_and_nothing_is_left_in_them(tmp_path: Path) -> None:
    check_results(Settings(results=tmp_path / "results"))
    made = {path.relative_to(tmp_path / "results") for path in (tmp_path / "results").rglob("*")}
    assert made == {Path("journal"), Path("transcripts"), Path("changes")}
