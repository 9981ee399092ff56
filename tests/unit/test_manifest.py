from pathlib import Path

import pytest

from runner.config.settings import ROOT
from runner.manifest import code_digest, files_digest, without_password


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("http://me:secret@server:8000/v1", "http://server:8000/v1"),
        ("https://server", "https://server"),
        ("server:11434", "server:11434"),
        ("me:secret@server:11434", "server:11434"),
    ],
)
def test_a_password_in_an_address_is_not_on_record(given: str, kept: str) -> None:
    assert without_password(given) == kept


def test_a_hash_of_files_changes_with_every_name_and_content(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one.py").write_text("1")
    first = files_digest(tmp_path)
    (tmp_path / "a" / "one.py").write_text("2")
    second = files_digest(tmp_path)
    (tmp_path / "a" / "one.py").rename(tmp_path / "a" / "two.py")
    assert len({first, second, files_digest(tmp_path)}) == 3


def test_the_hash_of_the_code_is_that_of_the_code_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = code_digest()
    assert running == files_digest(ROOT / "runner")
    monkeypatch.setattr("runner.manifest.ROOT", tmp_path)  # as if an update had come meanwhile
    assert code_digest() == running


def test_byte_code_is_no_source(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("1")
    before = files_digest(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "one.pyc").write_bytes(b"2")
    assert files_digest(tmp_path) == before
