"""Inputs are what the locks say, byte for byte, or the build does not begin."""

import hashlib
import sys
from pathlib import Path

import pytest

from runner.errors import EnvironmentProblem
from runner.image import inputs
from runner.image.inputs import check_inputs, fetch_inputs, parse_lock, wheel_arguments

IMAGE = Path(__file__).parents[2] / "images" / "typer-base"
WHEEL = "Some_Tool-1.0-py3-none-any.whl"
SDIST = "typer-0.26.8.tar.gz"


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def locks(tmp_path: Path) -> Path:
    """A folder with locks of one wheel and one source distribution."""
    folder = tmp_path / "locks"
    folder.mkdir()
    (folder / "requirements.lock").write_text(f"some-tool==1.0 --hash=sha256:{sha(b'wheel')}\n")
    (folder / "sdist.lock").write_text(f"typer==0.26.8 --hash=sha256:{sha(b'sdist')}\n")
    (folder / "sdist-backend.lock").write_text(f"backend==1 --hash=sha256:{sha(b'')}\n")
    return folder


def stock(cache: Path, wheel: bytes, sdist: bytes) -> None:
    for name, content in ((f"wheels-amd64/{WHEEL}", wheel), (f"sdist/{SDIST}", sdist)):
        path = cache / "inputs" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(content)


@pytest.mark.parametrize("line", ["tool>=1.0", "tool==1.0", "tool==1.0 --hash=sha256:abc", "-r x"])
def test_a_line_without_version_and_hash_is_refused(tmp_path: Path, line: str) -> None:
    lock = tmp_path / "a.lock"
    lock.write_text(line + "\n")
    with pytest.raises(EnvironmentProblem, match=r"a\.lock: no version or no sha256"):
        parse_lock(lock)


def test_a_missing_lock_is_named(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match=r"gone\.lock: cannot be read"):
        parse_lock(tmp_path / "gone.lock")


def test_a_file_with_another_hash_is_named_with_the_fix(tmp_path: Path, locks: Path) -> None:
    stock(tmp_path, b"tampered", b"sdist")
    with pytest.raises(EnvironmentProblem, match=f"{WHEEL}: sha256 .* delete the file") as caught:
        fetch_inputs(locks, tmp_path, "amd64", pytest.fail)
    assert caught.value.exit_code == 3


def test_a_missing_file_is_named(tmp_path: Path, locks: Path) -> None:
    with pytest.raises(EnvironmentProblem, match=r"no file of some-tool 1\.0"):
        check_inputs(parse_lock(locks / "requirements.lock"), tmp_path)


def test_a_pip_that_fails_is_quoted_with_the_fix(
    tmp_path: Path, locks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\necho 'ERROR: no matching distribution' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(fake))
    with pytest.raises(EnvironmentProblem, match=r"(?s)no matching distribution.*PIP_INDEX_URL"):
        fetch_inputs(locks, tmp_path / "cache", "amd64", lambda line: None)


def test_an_unwritable_cache_is_named(tmp_path: Path, locks: Path) -> None:
    (tmp_path / "inputs").write_text("a file, not a folder")
    with pytest.raises(EnvironmentProblem, match="set RUNNER_CACHE"):
        fetch_inputs(locks, tmp_path, "amd64", lambda line: None)


def test_another_machine_is_refused() -> None:
    with pytest.raises(EnvironmentProblem, match=r"'riscv64'.*amd64 and arm64"):
        wheel_arguments(Path("x"), "riscv64")


def test_what_is_there_is_not_fetched_again(
    tmp_path: Path, locks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock(tmp_path, b"wheel", b"sdist")
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    found = fetch_inputs(locks, tmp_path, "amd64", pytest.fail)
    assert (found.sdist.name, [wheel.name for wheel in found.wheels]) == (SDIST, [WHEEL])


@pytest.mark.parametrize(("machine", "tag"), [("amd64", "x86_64"), ("arm64", "aarch64")])
def test_wheels_are_chosen_for_the_image_not_for_the_host(machine: str, tag: str) -> None:
    arguments = wheel_arguments(Path("x.lock"), machine)
    platforms = [a for a in arguments if a.startswith("--platform=")]
    assert platforms
    assert all(platform.endswith(tag) for platform in platforms)
    assert {"--only-binary=:all:", "--python-version=3.11"} <= set(arguments)


def test_the_shipped_locks_hold_the_versions_of_the_design() -> None:
    lock = parse_lock(IMAGE / inputs.WHEELS_LOCK)
    wanted = {
        "mypy": "2.1.0",
        "ruff": "0.15.14",
        "pytest": "9.0.3",
        "pytest-xdist": "3.8.0",
        "coverage": "7.13.1",
        "rich": "15.0.0",
    }
    assert {name: lock[name].version for name in wanted} == wanted
    # Compiled tools have a wheel for each of the two machines.
    assert all(len(lock[name].hashes) == 2 for name in ("mypy", "ruff", "coverage"))
    typer = parse_lock(IMAGE / inputs.SDIST_LOCK)["typer"]
    digest = "c244a6bd558886fe3f8780efb6bdd28bb9aff005a94eedebaa5cb32926fe2f7e"
    assert (typer.version, typer.hashes) == ("0.26.8", {digest})


def test_no_lock_names_a_server() -> None:
    for path in (*IMAGE.glob("*.lock"), IMAGE / "requirements.in"):
        assert "://" not in path.read_text()
