"""What the command line says and which exit code it gives, before any engine is asked."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from commandline import runner

from runner.cli.main import COMMANDS, main
from runner.config.settings import ROOT
from runner.scripted.server import ScriptedServer


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, with no key and no engine to be found."""
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "ARM", "TASK", "MODELS", "N"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RUNNER_RESULTS", str(tmp_path / "results"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-engine.sock")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def messages_server() -> Iterator[ScriptedServer]:
    """A Messages API that takes one key only."""
    with ScriptedServer({}, api_key="the-right-key") as server:
        yield server


def trial(*more: str) -> list[str]:
    return ["trial", "--arm", "A", "--task", "T3", *more]


def test_help_names_every_command(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert all(f"\n  {name} " in said for name in COMMANDS)


@pytest.mark.parametrize("name", ["status", "show", "sql", "rates"])
def test_who_only_reads_loads_neither_a_vendors_package_nor_numpy(name: str) -> None:
    wants = f"import sys, runner.cli.{name}; print({{'anthropic', 'numpy'}} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", wants], capture_output=True, text=True, check=True)
    assert said.stdout == "set()\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help_with_an_example_and_the_exit_codes(
    place: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert f"example: runner {name}" in said
    assert "exit codes: 0 solved or done" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["trial", "--arm", "Z", "--task", "T3"], "unknown arm 'Z'; there are: A, B, B-bounded, "),
        (["trial", "--arm", "A", "--task", "T9"], "unknown task 'T9'; there are: T1, T2, T3"),
        (trial("--models", "dead"), "say live, scripted"),
        (trial("--models", "scripted:genius"), "unknown persona 'genius'"),
        (trial("--models", "scripted:oracle?speed=9"), "unknown option 'speed'"),
    ],
)
def test_a_wrong_word_is_named_with_what_there_is(
    place: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(arguments) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["trial"],
        ["nonsense"],
        [],
        trial("--trial", "x"),
        trial("--trial", "-1"),
        trial("--max-iters", "0"),
        trial("--attempt", "0"),
    ],
)
def test_wrong_usage_exits_with_2(place: Path, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2


def test_options_come_from_the_environment_and_the_command_line_wins(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARM", "Y")
    monkeypatch.setenv("TASK", "T3")
    assert main(["trial"]) == 2
    assert "unknown arm 'Y'" in capsys.readouterr().err
    assert main(["trial", "--arm", "X"]) == 2
    assert "unknown arm 'X'" in capsys.readouterr().err


@pytest.mark.parametrize("key", [None, ""])
def test_a_live_trial_without_a_key_says_how_to_give_one(
    place: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    key: str | None,
) -> None:
    if key is not None:
        monkeypatch.setenv("ANTHROPIC_API_KEY", key)
    assert main(trial()) == 3
    said = capsys.readouterr().err
    assert "ANTHROPIC_API_KEY is not set" in said
    assert "--models scripted" in said


def test_a_wrong_key_is_refused_before_anything_is_made(
    place: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    messages_server: ScriptedServer,
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "a-wrong-key")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", messages_server.url)
    assert main(trial()) == 3
    said = capsys.readouterr().err
    assert "refuses ANTHROPIC_API_KEY (401)" in said
    assert "a-wrong-key" not in said
    assert not (place / "results").exists()


@pytest.mark.parametrize("key", ["   ", "sk-ant-1 ", "sk-ant\n1", "schlüssel"])
def test_what_can_be_no_key_is_refused_before_anything_is_made(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", key)
    assert main(trial()) == 2
    said = capsys.readouterr().err
    assert "ANTHROPIC_API_KEY is empty or holds characters no key has" in said
    assert not (place / "results").exists()


@pytest.mark.parametrize("address", ["localhost", "localhost:8000", "ftp://a", "http://", "/v1"])
def test_what_is_no_address_is_refused_before_anything_is_made(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "any")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", address)
    assert main(trial()) == 2
    said = capsys.readouterr().err
    assert f"ANTHROPIC_BASE_URL '{address}' is no address" in said
    assert "http://" in said
    assert not (place / "results").exists()


@pytest.mark.parametrize("address", ["host:port", "http://[::1"])
def test_an_ollama_host_that_is_no_address_is_named_by_every_command(
    tmp_path: Path, address: str
) -> None:
    for command in (["doctor"], trial("--models", "scripted")):
        done = runner(tmp_path / "results", *command, OLLAMA_HOST=address)
        assert done.returncode == 2
        assert done.stderr.startswith("runner: OLLAMA_HOST in the environment is no address")


def test_an_unreachable_server_is_named(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "any")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    assert main(trial()) == 3
    said = capsys.readouterr().err
    assert "127.0.0.1:9" in said
    assert "does not answer" in said


def test_arm_b_without_ollama_says_what_is_missing(
    place: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    messages_server: ScriptedServer,
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "the-right-key")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", messages_server.url)
    monkeypatch.setenv("OLLAMA_HOST", "http://127.0.0.1:9")
    assert main(["trial", "--arm", "B", "--task", "T2"]) == 3
    said = capsys.readouterr().err
    assert "no Ollama server answers at http://127.0.0.1:9" in said
    assert "OLLAMA_HOST" in said


def test_no_engine_says_which_was_tried_and_what_to_do(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(trial("--models", "scripted")) == 3
    said = capsys.readouterr().err
    assert "no-engine.sock" in said
    assert "make setup" in said
    assert not (place / "results").exists()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("max_tokens = 4096", "max_token = 4096", "unknown key 'lead.max_token'"),
        ("max_tokens = 4096", 'max_tokens = "4096"', "key 'lead.max_tokens'"),
        ("[lead]", "[lead", "is not valid TOML"),
        ('"anthropic"', '"openai"', "unknown provider 'openai'; known: anthropic, ollama"),
        ("[lead]", "[lead.options]\ncash_ttl = 3\n[lead]", "unknown anthropic option 'cash_ttl'"),
        ('id = "A"', 'id = "AA"', "is not the file's name"),
    ],
)
def test_a_mistake_in_an_arms_file_is_named_with_file_and_key(
    place: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    old: str,
    new: str,
    said: str,
) -> None:
    change_arm(place, monkeypatch, old, new)
    assert main(trial("--models", "scripted")) == 2
    err = capsys.readouterr().err
    assert "A.toml" in err
    assert said in err


def test_a_model_without_a_price_refuses_to_start(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    change_arm(place, monkeypatch, "claude-opus-4-7", "claude-nobody-1")
    assert main(trial("--models", "scripted")) == 2
    said = capsys.readouterr().err
    assert 'no price for "claude-nobody-1"' in said
    assert "list-2026-11.toml" in said


def test_a_setting_of_the_wrong_type_names_the_variable(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNNER_CPUS", "many")
    assert main(trial("--models", "scripted")) == 2
    assert "cpus" in capsys.readouterr().err


def test_status_and_sql_before_the_first_trial_are_no_errors_of_a_traceback(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status"]) == 0
    assert main(["sql", "select 1 as one"]) == 0
    assert "one" in capsys.readouterr().out


def test_an_unknown_card_is_named_and_not_shown_as_no_costs(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNNER_CARD", "list-1999")
    for command in (["status"], ["show", "any"]):
        assert main(command) == 2
        assert "unknown rate card 'list-1999'; there are: list-" in capsys.readouterr().err


@pytest.mark.parametrize("last", ["-1", "x"])
def test_the_number_of_trials_to_list_is_a_number(
    place: Path, capsys: pytest.CaptureFixture[str], last: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["status", "--last", last])
    assert ended.value.code == 2
    assert f"'{last}' is not a whole number from 0 up" in capsys.readouterr().err


def test_sql_that_is_wrong_or_writes_is_refused(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["status"])
    assert main(["sql", "select nothing from nowhere"]) == 2
    assert main(["sql", "delete from trials"]) == 2
    assert "SQL:" in capsys.readouterr().err


def test_a_trial_that_does_not_exist_is_named(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["status"])
    assert main(["show", "nobody"]) == 2
    assert "there is no trial 'nobody'" in capsys.readouterr().err


def change_arm(place: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str) -> None:
    arms = place / "arms"
    shutil.copytree(ROOT / "runner" / "arms", arms)
    text = (arms / "A.toml").read_text()
    assert old in text
    (arms / "A.toml").write_text(text.replace(old, new, 1))
    monkeypatch.setenv("RUNNER_ARMS_DIR", str(arms))
