import pytest
from fakes import DictSandbox, ran

from runner.agent.bash import COMMAND_BYTES, bash_tool
from runner.agent.text import TOOL_OUTPUT_CHARS
from runner.errors import SandboxFailure, ToolError
from runner.sandbox.host import HostSandbox, open_host_sandbox
from runner.types import ExecResult, Tool, ToolOutput


def tool_over(result: ExecResult) -> Tool:
    return bash_tool(
        DictSandbox(on_run=lambda _sandbox, _argv: result), timeout_s=120, timeout_max_s=600
    )


def answer_to(result: ExecResult) -> ToolOutput:
    return tool_over(result).run({"command": "x"})


WRONG = {
    "missing": ({}, "key 'command' is missing"),
    "extra": ({"command": "ls", "cwd": "/"}, "unknown key 'cwd'"),
    "a number": ({"command": 7}, "command"),
    "a list": ({"command": ["ls", "-l"]}, "command"),
    "null": ({"command": None}, "command"),
    "empty": ({"command": ""}, "is empty"),
    "blank": ({"command": " \n\t"}, "is empty"),
    "NUL": ({"command": "echo \0"}, "NUL"),
    "lone surrogate": ({"command": "echo \ud800"}, "Unicode"),
    "huge": ({"command": "x" * (COMMAND_BYTES + 1)}, "str_replace_editor"),
    "huge in bytes": ({"command": "ü" * (COMMAND_BYTES // 2 + 1)}, "bytes"),
    "no time": ({"command": "ls", "timeout_s": 0}, "between 1 and 600"),
    "negative time": ({"command": "ls", "timeout_s": -5}, "between 1 and 600"),
    "too much time": ({"command": "ls", "timeout_s": 601}, "between 1 and 600"),
    "time as text": ({"command": "ls", "timeout_s": "60"}, "timeout_s"),
    "time as yes": ({"command": "ls", "timeout_s": True}, "timeout_s"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_call_runs_nothing_and_says_why(name: str) -> None:
    arguments, message = WRONG[name]
    sandbox = DictSandbox()
    with pytest.raises(ToolError, match=message) as caught:
        bash_tool(sandbox, timeout_s=120, timeout_max_s=600).run(arguments)
    assert str(caught.value).startswith("bash: ")
    assert len(str(caught.value)) < 3000
    assert sandbox.commands == []


def test_the_schema_names_what_is_checked() -> None:
    schema = tool_over(ran()).spec.parameters
    assert schema["required"] == ["command"]
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == {"command", "timeout_s"}  # type: ignore[call-overload]
    assert "title" not in str(schema)


ENDINGS = {
    "silence": (ran(), "[exit 0]", 0),
    "output": (ran(b"hello\n\n"), "hello\n[exit 0]", 0),
    "leading blanks stay": (ran(b"  a\n"), "  a\n[exit 0]", 0),
    "only blanks": (ran(b" \n"), "[exit 0]", 0),
    "failure": (ran(b"no", 3), "no\n[exit 3]", 3),
    "no UTF-8": (ran(b"caf\xe9"), "caf�\n[exit 0]", 0),
    "signal": (ran(b"", None, 11), "[killed by signal 11]", 139),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_output_comes_first_and_the_ending_last(name: str) -> None:
    result, text, exit_code = ENDINGS[name]
    output = answer_to(result)
    assert (output.text, output.exit_code) == (text, exit_code)
    assert not output.is_error


def test_a_stopped_command_keeps_its_output_so_far() -> None:
    output = tool_over(ran(b"half", None, 9, timed_out=True)).run({"command": "x", "timeout_s": 7})
    assert output.text.startswith("half\n[stopped after 7 s")
    assert output.timed_out


@pytest.mark.parametrize("chars", [7_990, 8_000, 65_536])
def test_what_is_shown_never_passes_the_cap_and_keeps_both_ends(chars: int) -> None:
    output = answer_to(ran(b"A" + b"x" * (chars - 2) + b"Z"))
    assert len(output.text) <= TOOL_OUTPUT_CHARS
    assert output.text.startswith("A")
    assert output.text.endswith("Z\n[exit 0]")
    assert output.truncated is (chars > TOOL_OUTPUT_CHARS)


def test_output_cut_in_the_sandbox_is_on_record_as_cut() -> None:
    assert answer_to(ExecResult(0, None, b"ab", 1_000_000, 0.1, False)).truncated


def test_a_lost_sandbox_is_no_answer() -> None:
    def lost(_sandbox: DictSandbox, _argv: object) -> ExecResult:
        raise SandboxFailure("gone")

    with pytest.raises(SandboxFailure):
        bash_tool(DictSandbox(on_run=lost), timeout_s=1, timeout_max_s=1).run({"command": "x"})


# ---- with the real tool server -----------------------------------------------------------


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> HostSandbox:
    with open_host_sandbox(tmp_path_factory.mktemp("bash")) as opened:
        yield opened  # type: ignore[misc]


REAL = {
    "echo one; echo two >&2; exit 4": "one\ntwo\n[exit 4]",
    "cd /; export A=1": "[exit 0]",
    "echo ${A-unset}": "unset\n[exit 0]",  # a fresh shell each time
    "basename $PWD": "repo\n[exit 0]",
    "-x; echo $?": "127\n[exit 0]",  # a dash does not make it an option
    "kill -SEGV $$": "[killed by signal 11]",
    "cat": "[exit 0]",  # nothing to read, and no waiting for it
}


@pytest.mark.parametrize("command", REAL)
def test_commands_run_in_a_fresh_shell_in_the_repository(
    sandbox: HostSandbox, command: str
) -> None:
    output = bash_tool(sandbox, timeout_s=20, timeout_max_s=20).run({"command": command})
    assert output.text.endswith(REAL[command])


def test_a_command_is_stopped_in_time(sandbox: HostSandbox) -> None:
    tool = bash_tool(sandbox, timeout_s=0.3, timeout_max_s=20)
    output = tool.run({"command": "echo before; sleep 600"})
    assert output.timed_out
    assert output.text.startswith("before\n[stopped after 0.3 s")


def test_the_longest_command_is_taken(sandbox: HostSandbox) -> None:
    command = "true " + "x" * (COMMAND_BYTES - 5)
    output = bash_tool(sandbox, timeout_s=20, timeout_max_s=20).run({"command": command})
    assert output.text == "[exit 0]"
