"""A small image for the sandbox's own tests, so that they need no typer image."""

import io
import os
import tarfile
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import pytest

from runner.sandbox.container import DockerSandbox, open_sandbox
from runner.sandbox.engine import Engine, connect
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


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    engine = connect()
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def plain_image(engine: Engine) -> str:
    """The id of an image with Python, git, bash, the tool server and a four-file tree."""
    files = {name: (PROGRAMS / name).read_bytes() for name in ("toolserver.py", "processes.py")}
    files["worktree.py"] = (PROGRAMS / "worktree.py").read_bytes()
    files["tree.tar"] = packed(TREE)
    files["Dockerfile"] = DOCKERFILE.format(base=base_image(engine)).encode()
    with engine.translated("build the test image"):
        image, _ = engine.client.images.build(
            fileobj=io.BytesIO(packed(files)),
            custom_context=True,
            network_mode="none",
            tag=TAG,
            rm=True,
            forcerm=True,
        )
    return str(image.id)


@pytest.fixture(scope="session")
def open_plain(engine: Engine, plain_image: str) -> Opener:
    """Opens a sandbox of the plain image under a trial id of its own."""

    def opener(limits: Limits | None = None) -> AbstractContextManager[DockerSandbox]:
        trial = f"test-{uuid.uuid4().hex[:8]}"
        return open_sandbox(engine, plain_image, run_id="test", trial_id=trial, limits=limits)

    return opener


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
