"""Digests that must not change: which image and which model the results are of."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from runner.config.ollama import load_pins
from runner.errors import EnvironmentProblem
from runner.sidecar.digests import FILE, check_digest
from runner.sidecar.engine import named_digest

MODEL = "qwen3.5:9b"


def test_another_digest_than_the_first_is_refused_with_both(tmp_path: Path) -> None:
    check_digest(tmp_path, "model", MODEL, "aa11")
    check_digest(tmp_path, "model", MODEL, "aa11")
    with pytest.raises(EnvironmentProblem, match=r"bb22.*began with aa11.*RUNNER_RESULTS"):
        check_digest(tmp_path, "model", MODEL, "bb22")
    assert json.loads((tmp_path / FILE).read_text()) == {"model": {MODEL: "aa11"}}


def test_another_digest_than_the_pinned_is_refused_and_not_kept(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match=r"bb22.*pins aa"):
        check_digest(tmp_path, "model", MODEL, "bb22", pinned="aa")
    assert not (tmp_path / FILE).exists()
    check_digest(tmp_path, "model", MODEL, "aa11", pinned="aa")


def test_the_image_and_the_model_of_the_arms_are_pinned(tmp_path: Path) -> None:
    pins = load_pins()
    assert set(pins.models) == {MODEL}
    assert pins.image.digest is not None
    assert pins.image.reference == f"ollama/ollama@{pins.image.digest}"
    assert replace(pins.image, digest=None).reference == "ollama/ollama:0.34.2"
    shown = {"Id": "sha256:id", "RepoDigests": ["mirror/o@sha256:1", pins.image.reference]}
    digest = named_digest(pins.image.reference, shown)
    check_digest(tmp_path, "image", pins.image.name, digest, pins.image.digest)


@pytest.mark.parametrize(
    ("reference", "known", "digest"),
    [
        ("ollama/ollama:0.34.2", ["a/b@sha256:1", "ollama/ollama@sha256:2"], "sha256:2"),
        ("ollama/ollama@sha256:2", ["a/b@sha256:1", "ollama/ollama@sha256:2"], "sha256:2"),
        ("here:5000/o@sha256:2", ["here@sha256:1", "here:5000/o@sha256:2"], "sha256:2"),
        ("here:5000/o:1", ["here:5000/o@sha256:2"], "sha256:2"),
        ("here:5000/o", ["here:5000/o@sha256:2"], "sha256:2"),
        ("ollama", ["ollama@sha256:2"], "sha256:2"),
        ("loaded:1", [], "sha256:id"),
        ("tagged:1", ["a/b@sha256:1"], "sha256:1"),
    ],
)
def test_an_images_digest_is_its_own_registrys(
    reference: str, known: list[str], digest: str
) -> None:
    assert named_digest(reference, {"Id": "sha256:id", "RepoDigests": known}) == digest


def test_models_images_and_scripted_models_are_told_apart(tmp_path: Path) -> None:
    check_digest(tmp_path, "model", MODEL, "1")
    check_digest(tmp_path, "scripted model", MODEL, "2")
    check_digest(tmp_path, "image", MODEL, "3")
    check_digest(tmp_path, "model", "other", "4")


@pytest.mark.parametrize("text", ["{", "[]", '{"model": "aa"}', "\x00"])
def test_a_damaged_file_is_named_and_left(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(EnvironmentProblem, match=FILE):
        check_digest(tmp_path, "model", MODEL, "aa11")
    assert (tmp_path / FILE).read_text() == text
