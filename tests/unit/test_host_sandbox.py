"""The sandbox suite on this machine, without Docker, and what only the host's one does."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sandbox_conformance import CommandsConformance, sh
from sandbox_files_conformance import EntriesConformance, FilesConformance

from runner.errors import SandboxFailure
from runner.sandbox.host import HostSandbox, open_host_sandbox
from runner.sandbox.served import ServedSandbox


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostSandbox]:
    with open_host_sandbox(tmp_path_factory.mktemp("work")) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared: HostSandbox) -> HostSandbox:
    """One for the whole suite: commands leave no process behind, so files are all to clear."""
    sh(shared, "cd ..; rm -rf repo home cache; mkdir repo home cache")
    return shared


class TestCommands(CommandsConformance):
    pass


class TestFiles(FilesConformance):
    pass


class TestEntries(EntriesConformance):
    pass


def test_a_broken_tree_is_said_when_the_sandbox_opens(tmp_path: Path) -> None:
    tar = tmp_path / "tree.tar"
    tar.write_bytes(b"no tar at all")
    with pytest.raises(SandboxFailure, match="unpack"), open_host_sandbox(tmp_path, tar):
        pytest.fail("it opened")


def test_other_processes_of_this_user_live_on(sandbox: ServedSandbox) -> None:
    sh(sandbox, "sleep 300 & exit 0")
    assert sh(sandbox, f"kill -0 {os.getpid()}").exit_code == 0
