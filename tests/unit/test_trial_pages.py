"""What each trial's record is packed into, and what of it may run: nothing."""

import base64
import gzip
from pathlib import Path

import pytest
from report_record import HOSTILE, OPTIONS, record_of, said, trial

from analysis.report.build import answered, build
from analysis.report.detail import Places
from analysis.report.page import page


@pytest.fixture(autouse=True)
def _no_options(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OPTIONS:
        monkeypatch.delenv(name, raising=False)


def test_trials_that_do_not_fit_in_are_linked_and_the_page_stays_small(tmp_path: Path) -> None:
    events = trial()
    said(tmp_path, events, output="word " * 2_000)
    record = record_of(tmp_path, events)
    report = build(record, answered(record))
    places = Places(tmp_path / "transcripts", tmp_path, {})
    inside = page(report, record.trials, places, "trials")
    beside = page(report, record.trials, places, "trials", embed_bytes=100)
    assert (inside.linked, list(inside.files)) == (False, [])
    (style, _), (name, text) = beside.files
    assert (style, name) == ("trials/style.css", "trials/live-A-T1-0-1.html")
    assert f'href="{name}"' in beside.html
    assert "word word" in unpacked(text)
    assert len(text) < 6_000  # 10,000 characters were said, and the style is beside it
    assert "because" in text  # what needs no script to be read


def unpacked(text: str) -> str:
    """The record that a trial's own page holds."""
    packed = text.split('id="packed">')[1].split("<")[0]
    return gzip.decompress(base64.b64decode(packed)).decode()


def test_a_trials_own_page_lets_nothing_run_but_what_unpacks_it(tmp_path: Path) -> None:
    events = trial(reason=HOSTILE)
    said(tmp_path, events)
    record = record_of(tmp_path, events)
    places = Places(tmp_path / "transcripts", tmp_path, {})
    report = build(record, answered(record))
    *_, (_, text) = page(report, record.trials, places, "trials", embed_bytes=0).files
    policy = text.split('Content-Security-Policy" content="')[1].split('"')[0]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert text.count("<script") == 2  # what is packed, and what unpacks it
    assert "<script>window.ran" not in unpacked(text) + text


def test_the_page_lets_nothing_run_but_its_own_script(tmp_path: Path) -> None:
    record = record_of(tmp_path, trial("<b>x</b>", reason=HOSTILE))
    report = build(record, answered(record))
    html = page(report, record.trials, Places(tmp_path, tmp_path, {}), "trials").html
    policy = html.split('Content-Security-Policy" content="')[1].split('"')[0]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert html.count("<script>") == 1
    assert "<b>x</b>" not in html
