"""`runner ollama` with a server of one's own, and pulls on screen."""

from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from wire_samples import free_port_url

from runner.cli.main import main
from runner.cli.pulling import pull_screen
from runner.errors import EnvironmentProblem
from runner.models.ollama_store import Pulled, held_models, load_model, pull_model
from runner.scripted.faults import DISK_KINDS, parse_faults
from runner.scripted.server import ScriptedServer
from runner.scripted.shelf import Shelf

MODEL = "qwen3.5:9b"
HIDDEN, SHOWN = "\x1b[?25l", "\x1b[?25h"  # the terminal's cursor


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server of one's own that holds no model yet; there is no Docker engine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-engine.sock")
    with ScriptedServer({}, shelf=Shelf()) as server:
        monkeypatch.setenv("OLLAMA_HOST", server.url.removeprefix("http://"))
        yield server.url


# ---- the command ----------------------------------------------------------------------------


def test_nobody_at_the_address_is_exit_code_3(
    given: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = free_port_url()
    monkeypatch.setenv("OLLAMA_HOST", nowhere)
    assert main(["ollama"]) == 3
    assert f"the Ollama server at {nowhere} does not answer" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--start", "--stop"])
def test_a_server_of_ones_own_is_neither_started_nor_stopped(
    given: str, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    assert main(["ollama", option]) == 3
    said = capsys.readouterr().err
    assert f"OLLAMA_HOST names a server ({given}), so none is started or stopped here" in said


def test_without_a_server_of_ones_own_an_engine_is_needed(
    given: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OLLAMA_HOST")
    for option in ((), ("--start",), ("--stop",), ("--pull", MODEL)):
        assert main(["ollama", *option]) == 3
        assert "no-engine.sock" in capsys.readouterr().err


def test_a_server_without_models_says_so(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ollama"]) == 0
    said = capsys.readouterr().out
    assert f"the server of OLLAMA_HOST  (OLLAMA_HOST={given})" in said
    assert "it holds no models" in said


def test_a_model_is_pulled_and_listed_with_size_digest_and_place(
    given: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["ollama", "--pull", MODEL]) == 0
    said = capsys.readouterr().out
    assert f"pulling model {MODEL}" in said
    assert f"model {MODEL}: success" in said
    row = next(line for line in said.splitlines() if "262144" in line)
    assert row.split() == [MODEL, "6.6", "GB", Shelf().digest(MODEL)[:12], "none", "262144", "no"]
    load_model(given, MODEL, {"num_ctx": 8192}, "1h")
    assert main(["ollama"]) == 0
    assert "0% GPU, context 8192" in capsys.readouterr().out


# ---- arms and OLLAMA_HOST -------------------------------------------------------------------


@pytest.fixture
def unreachable(given: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An address of no Ollama; the vendor answers and takes the key."""
    nowhere = free_port_url()
    monkeypatch.setenv("OLLAMA_HOST", nowhere)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "the-right-key")
    with ScriptedServer({}, api_key="the-right-key") as vendor:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", vendor.url)
        yield nowhere


@pytest.mark.parametrize("arm", ["B", "B-bounded", "B-symmetric", "E"])
def test_an_arm_with_a_local_model_says_what_is_missing_and_how_to_get_it(
    unreachable: str, capsys: pytest.CaptureFixture[str], arm: str
) -> None:
    assert main(["trial", "--arm", arm, "--task", "T2"]) == 3
    said = capsys.readouterr().err
    assert f"arm {arm}: no Ollama server answers at {unreachable}" in said
    assert "start one (`ollama serve`) or set OLLAMA_HOST" in said


@pytest.mark.parametrize("arm", ["A", "C", "D"])
def test_an_arm_without_one_does_not_ask_for_it(
    unreachable: str, capsys: pytest.CaptureFixture[str], arm: str
) -> None:
    assert main(["trial", "--arm", arm, "--task", "T2"]) == 3
    said = capsys.readouterr().err
    assert "no-engine.sock" in said  # which is all that this machine lacks
    assert "Ollama" not in said


# ---- a pull on screen -----------------------------------------------------------------------


def screen_of(shelf: Shelf, *, terminal: bool, silence_s: float = 60.0) -> tuple[str, str | None]:
    """What is on screen after a pull, and what it failed with."""
    out = StringIO()
    console = Console(file=out, force_terminal=terminal, width=120)
    problem = None
    with ScriptedServer({}, shelf=shelf) as server:
        try:
            with pull_screen(console) as screen:

                def heard(progress: Pulled) -> None:
                    screen.pulling("m", progress)

                pull_model(server.url, "m", heard, lambda seconds: None, silence_s)
            assert held_models(server.url) == ("m",)
        except EnvironmentProblem as failure:
            problem = str(failure)
    return out.getvalue(), problem


def broken(faults: str) -> Shelf:
    return Shelf(faults=parse_faults(faults, DISK_KINDS))


@pytest.mark.parametrize("fault", ["pull-missing@*", "pull-full@*", "pull-error@*"])
def test_a_pull_that_fails_leaves_the_terminal_its_cursor(fault: str) -> None:
    shown, problem = screen_of(broken(fault), terminal=True)
    assert problem is not None
    assert HIDDEN in shown
    assert shown.rindex(SHOWN) > shown.rindex(HIDDEN)


def test_a_pull_that_is_interrupted_leaves_the_terminal_its_cursor() -> None:
    out = StringIO()
    console = Console(file=out, force_terminal=True)

    def pull() -> None:
        with pull_screen(console) as screen:
            screen.pulling("m", Pulled("pulling", 1, 2))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull()
    assert out.getvalue().rindex(SHOWN) > out.getvalue().rindex(HIDDEN)


def test_a_pull_on_a_terminal_is_a_bar_that_ends_as_a_line() -> None:
    shown, problem = screen_of(Shelf(), terminal=True)
    assert problem is None
    assert shown.rstrip().endswith("pulled m")
    assert shown.rindex(SHOWN) > shown.rindex(HIDDEN)


def test_a_pull_that_is_piped_is_a_line_for_each_tenth_and_each_break() -> None:
    shown, problem = screen_of(broken("pull-break@1"), terminal=False)
    assert problem is None
    lines = shown.splitlines()
    assert lines[0] == "pulling m"
    assert sum("broke off" in line for line in lines) == 1
    assert lines[-1] == "  m: success"
    tenths = [line for line in lines if "% of 6.6 GB" in line]
    assert 9 <= len(tenths) <= 10


def test_a_pull_that_falls_silent_goes_on_where_it_was() -> None:
    shown, problem = screen_of(broken("pull-hang@1"), terminal=False, silence_s=0.2)
    assert problem is None
    assert "broke off (timed out); going on" in shown
    assert shown.rstrip().endswith("m: success")


def test_a_pull_that_is_always_silent_is_given_up_after_five_breaks_that_brought_nothing() -> None:
    shown, problem = screen_of(broken("pull-hang@*"), terminal=False, silence_s=0.2)
    assert problem is not None
    assert "what has come is kept" in problem
    assert shown.count("broke off") == 4
