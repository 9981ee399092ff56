"""The image of the stand-in for Ollama: our scripted server on the base image, built in seconds."""

import hashlib
import io
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

from runner.config.settings import ROOT
from runner.image.base import base_reference, ensure_base
from runner.image.context import MTIME
from runner.image.engine import BuildRequest, StoredImage, architecture, build_image, stored_image
from runner.sandbox.engine import Engine

RECIPE = ROOT / "images" / "ollama" / "standin"
REPOSITORY = "runner/ollama-standin"
# All that the program imports; it must run on the standard library.
_SCRIPTS = ("scripted/*.py", "scripted/attacks/*.toml")  # cheats read the latter
_PARTS = ("__init__.py", "types.py", "errors.py", "config/__init__.py", "config/solution.py")


def ensure_standin(
    engine: Engine, base_image: str | None, say: Callable[[str], None]
) -> tuple[str, StoredImage]:
    """The stand-in's image as its files are now, built if need be; its content key with it.

    Raises:
        EnvironmentProblem: the base image cannot be had, or the build failed.
    """
    files = standin_files(ROOT / "runner")
    files["Dockerfile"] = (RECIPE / "Dockerfile").read_bytes()
    base = base_reference(base_image, architecture(engine))
    key = _key(base, files)
    tag = f"{REPOSITORY}:{key[:12]}"
    stored = stored_image(engine, tag)
    if stored is None:
        ensure_base(engine, base_image, say)
        say("building the stand-in for Ollama (a few seconds, once)")
        labels = {"runner.standin.key": key}
        request = BuildRequest(_packed(files), "", tag, {"BASE": base}, labels)
        build_image(engine, request, lambda _text: None)
        stored = stored_image(engine, tag)
    assert stored is not None
    return key, stored


def standin_files(package: Path) -> dict[str, bytes]:
    """What goes into the image, by its path there, from the `runner` package's folder."""
    found = (path for pattern in _SCRIPTS for path in package.glob(pattern))
    scripts = sorted(path.relative_to(package).as_posix() for path in found)
    return {f"runner/{name}": (package / name).read_bytes() for name in (*_PARTS, *scripts)}


def _key(base: str, files: Mapping[str, bytes]) -> str:
    whole = hashlib.sha256(base.encode())
    for name, data in sorted(files.items()):
        whole.update(f"\0{name}\0{len(data)}\0".encode() + data)
    return whole.hexdigest()


def _packed(files: Mapping[str, bytes]) -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(data), 0o644, MTIME
            tar.addfile(entry, io.BytesIO(data))
    buffer.seek(0)
    return buffer
