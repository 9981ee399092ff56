"""`runner clean` and what workers keep: copies of what is on record go, all else stays."""

from dataclasses import replace
from pathlib import Path

import pytest
from board_events import Trial, run_started, session
from rich.console import Console

from runner.cli.clean import clean_spool
from runner.cluster.spool import FOLDER, JOURNAL
from runner.config.settings import Settings
from runner.events import Event
from runner.ledger.database import ingest
from runner.ledger.journal import Journal

TRIAL = Trial("A T1 0.1")
WHOLE = list(TRIAL.whole())
OTHER_END = [*WHOLE[:-1], replace(WHOLE[-1], ended_at="2026-11-23T11:00:00.000+00:00")]  # type: ignore[type-var]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Results in which the trial is on record."""
    found = Settings(results=tmp_path)
    with Journal.create(found.journals / "run.jsonl") as journal:
        journal.append_all([run_started(), session(), *WHOLE])
    ingest(found.database, [found.journals / "run.jsonl"], {})
    return found


def spool(settings: Settings, events: list[Event], name: str = "5e551011") -> Path:
    """An attempt as its worker wrote it down."""
    path = settings.results / FOLDER / TRIAL.id / name / JOURNAL
    with Journal.create(path) as journal:
        journal.append_all(events)
    (path.parent / "files").mkdir()
    (path.parent / "files" / "change.tar").write_bytes(b"x")
    return path


def said(settings: Settings, capsys: pytest.CaptureFixture[str]) -> str:
    clean_spool(Console(), settings)
    return capsys.readouterr().out


@pytest.mark.parametrize(
    "events", [WHOLE[:-1], OTHER_END, []], ids=["broke off", "given up", "nothing"]
)
def test_what_only_the_worker_knows_stays_and_is_told(
    settings: Settings, capsys: pytest.CaptureFixture[str], events: list[Event]
) -> None:
    path = spool(settings, events)
    assert "1 attempts in" in said(settings, capsys)
    assert path.is_file()


def test_a_damaged_journal_stays(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    path = spool(settings, WHOLE)
    path.write_bytes(path.read_bytes().replace(b"agent", b"angel"))
    assert "not on record here" in said(settings, capsys)
    assert path.is_file()


def test_without_a_database_all_stays(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    path = spool(settings, WHOLE)
    settings.database.unlink()
    assert "not on record here" in said(settings, capsys)
    assert path.is_file()


def test_what_a_live_worker_is_at_is_not_even_named(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    path = spool(settings, WHOLE)
    with Journal.resume(path):
        assert said(settings, capsys) == ""
    assert path.is_file()


def test_a_copy_of_what_is_on_record_goes_and_nothing_else(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    copy, other = spool(settings, WHOLE), spool(settings, OTHER_END, "0ther5e5")
    before = (settings.journals / "run.jsonl").read_bytes()
    assert "copies of 1 attempts" in said(settings, capsys)
    assert not copy.parent.exists()
    assert other.is_file()
    assert (settings.journals / "run.jsonl").read_bytes() == before


def test_the_last_copy_takes_its_folder_along(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = spool(settings, WHOLE)
    assert "not on record" not in said(settings, capsys)
    assert list((settings.results / FOLDER).iterdir()) == []
    assert said(settings, capsys) == ""
    assert not copy.exists()
