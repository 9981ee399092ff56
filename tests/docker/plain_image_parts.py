"""The parts of a small image for the sandbox's own tests, so that they need no typer image."""

import io
import os
import tarfile
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import pytest

from runner.sandbox.container import DockerSandbox
from runner.sandbox.engine import Engine
from runner.sandbox.limits import Limits

PROGRAMS = Path(__file__).parents[2] / "images" / "typer-base"
TAG = "runner/sandbox-test:plain"
DOCKERFILE = """\
FROM {base}
RUN echo 'agent:x:10001:10001::/work/home:/bin/bash' >> /etc/passwd \\
 && echo 'keeper:x:10002:10002::/:/bin/false' >> /etc/passwd
ENV LANG=C.UTF-8 TZ=UTC
COPY toolserver.py processes.py worktree.py /opt/runner/
COPY tree.tar /opt/task/tree.tar
LABEL runner.test=sandbox
"""
TREE = {
    "repo/README.md": b"a task\n",
    "repo/pkg/mod.py": b"x = 1\n",
    "repo/.git/HEAD": b"ref: refs/heads/main\n",
    "cache/mypy/seed": b"warm\n",
}


class Opener(Protocol):
    def __call__(self, limits: Limits | None = None) -> AbstractContextManager[DockerSandbox]: ...


def base_image(engine: Engine) -> str:
    """The base that the real image is built on too; RUNNER_TEST_BASE names another."""
    wanted = os.environ.get("RUNNER_TEST_BASE")
    tags = [wanted] if wanted else []
    for image in [] if wanted else engine.client.images.list():
        tags += [tag for tag in image.tags if tag.startswith(("runner/base:", "base-probe:"))]
    if not tags:
        pytest.fail("no base image on this engine; `make image` makes one")
    return max(tags, key=lambda tag: (tag.startswith("runner/base:"), tag))


def packed(files: dict[str, bytes]) -> bytes:
    """A tar of these files, the same bytes for the same files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()
