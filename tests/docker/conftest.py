"""An engine, a small image with a tool server, and sandboxes of it."""

import io
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest
from plain_image_parts import DOCKERFILE, PROGRAMS, TAG, TREE, Opener, base_image, packed

from runner.sandbox.container import DockerSandbox, open_sandbox
from runner.sandbox.engine import Engine, connect
from runner.sandbox.limits import Limits


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    engine = connect()
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def plain_image(engine: Engine) -> str:
    """The id of an image with Python, git, bash, the tool server and a four-file tree."""
    names = ("toolserver.py", "processes.py", "worktree.py")
    files = {name: (PROGRAMS / name).read_bytes() for name in names}
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
