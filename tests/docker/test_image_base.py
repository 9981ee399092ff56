"""The base image: what is given must serve, what is missing is explained."""

import io
import uuid
from collections.abc import Iterator

import pytest
from plain_image_parts import base_image, packed

from runner.errors import EnvironmentProblem
from runner.image import base
from runner.image.base import ensure_base
from runner.sandbox.engine import Engine

pytestmark = pytest.mark.docker


@pytest.fixture
def without_git(engine: Engine) -> Iterator[str]:
    """An image with Python and without git."""
    tag = f"runner/sandbox-test:{uuid.uuid4().hex[:8]}"
    dockerfile = f"FROM {base_image(engine)}\nRUN rm /usr/bin/git\n".encode()
    with engine.translated("build the test image"):
        engine.client.images.build(
            fileobj=io.BytesIO(packed({"Dockerfile": dockerfile})),
            custom_context=True,
            network_mode="none",
            tag=tag,
            rm=True,
        )
    yield tag
    with engine.translated("remove the test image"):
        engine.client.images.remove(tag)


def test_a_base_without_git_is_refused_by_name(engine: Engine, without_git: str) -> None:
    with pytest.raises(
        EnvironmentProblem, match=f"BASE_IMAGE={without_git} has no .*git"
    ) as caught:
        ensure_base(engine, without_git, lambda line: None)
    assert caught.value.exit_code == 3


def test_a_base_that_cannot_be_pulled_is_named(engine: Engine) -> None:
    said: list[str] = []
    with pytest.raises(EnvironmentProblem, match=r"pull the base image localhost:9/none:1"):
        ensure_base(engine, "localhost:9/none:1", said.append)
    assert said == ["pulling the base image localhost:9/none:1"]


def test_without_base_and_bootstrap_tool_the_commands_are_given(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "SUITE", "absent")
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(EnvironmentProblem, match=r"(?s)apt-get install .* mmdebstrap.*BASE_IMAGE="):
        ensure_base(engine, None, pytest.fail)


def test_a_given_base_that_serves_is_taken_as_it_is(engine: Engine) -> None:
    tag = base_image(engine)
    assert ensure_base(engine, tag, pytest.fail).startswith("sha256:")
