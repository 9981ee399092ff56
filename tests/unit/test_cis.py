"""The table of the CIS benchmark: whole, and as the documentation shows it."""

import pytest
from doc_pages import ALL, table

from runner.sandbox.cis import SETTINGS, Setting


def test_every_id_is_there_once_and_in_order() -> None:
    assert [setting.id for setting in SETTINGS] == [f"5.{number}" for number in range(1, 33)]


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.id)
def test_what_is_not_met_is_explained(setting: Setting) -> None:
    assert setting.title
    assert setting.how
    if setting.state == "explained":
        assert not setting.asked
        assert len(setting.how.split()) > 8


def test_all_that_the_engine_can_say_is_asked_of_it() -> None:
    unasked = {setting.id for setting in SETTINGS if setting.state == "met" and not setting.asked}
    # How programs are started is no setting of the container; a test looks at one that was.
    assert unasked == {"5.23", "5.24"}


def test_the_page_shows_the_table_as_it_is() -> None:
    rows = table(ALL["docs/sandbox.md"], "The CIS benchmark, id by id", "id")
    assert [tuple(row) for row in rows] == [
        (each.id, each.title.replace("`", ""), each.state, each.how.replace("`", ""))
        for each in SETTINGS
    ]
