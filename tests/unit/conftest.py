"""What every unit test gets: an environment without anybody's keys, addresses and proxies."""

from collections.abc import Iterator

import pytest
from wire_samples import ENVIRONMENT

from runner.scripted.server import ScriptedServer


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def scripted() -> Iterator[ScriptedServer]:
    """A scripted server for task T3, keeping the requests it gets."""
    with ScriptedServer({"T3": ()}, keep=100) as running:
        yield running
