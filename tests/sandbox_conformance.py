"""What every sandbox does with a command, whatever the sandbox is made of.

`tests/unit/test_host_sandbox.py` and `tests/docker/test_sandbox.py` run this one suite; its
other half, about files, is in `sandbox_files_conformance.py`.
"""

import hashlib
import time

import pytest

from runner.errors import ToolError
from runner.sandbox.served import ServedSandbox
from runner.types import ExecResult

KIB = 1024


def sh(sandbox: ServedSandbox, script: str, timeout_s: float = 20.0, **more: object) -> ExecResult:
    """Run a script as the bash tool does."""
    argv = ["bash", "--noprofile", "--norc", "-c", script]
    return sandbox.run(argv, timeout_s=timeout_s, **more)  # type: ignore[arg-type]


def pid_is_gone(sandbox: ServedSandbox, path: str) -> bool:
    pid = int(sandbox.read(path))
    return sh(sandbox, f"kill -0 {pid} 2>/dev/null").exit_code == 1


class CommandsConformance:
    """`run`: the whole fate of a command is data."""

    def test_a_failing_command_gives_its_exit_code(self, sandbox: ServedSandbox) -> None:
        result = sh(sandbox, "exit 3")
        assert (result.exit_code, result.signal, result.timed_out) == (3, None, False)

    def test_a_command_killed_by_a_signal_gives_the_signal(self, sandbox: ServedSandbox) -> None:
        result = sh(sandbox, "kill -SEGV $$")
        assert (result.exit_code, result.signal) == (None, 11)

    def test_a_command_that_is_not_there_gives_127_and_says_so(
        self, sandbox: ServedSandbox
    ) -> None:
        result = sandbox.run(["no-such-program"], timeout_s=5)
        assert result.exit_code == 127
        assert b"no-such-program" in result.output

    def test_a_file_that_is_no_program_gives_126(self, sandbox: ServedSandbox) -> None:
        sandbox.write("plain", b"text")
        assert sandbox.run(["./plain"], timeout_s=5).exit_code == 126

    def test_an_argument_too_long_for_the_kernel_gives_126(self, sandbox: ServedSandbox) -> None:
        assert sandbox.run(["echo", "x" * 200_000], timeout_s=5).exit_code == 126

    @pytest.mark.parametrize("argv", [[], [""], ["echo", "a\0b"]])
    def test_what_can_be_no_command_is_the_callers_mistake(
        self, sandbox: ServedSandbox, argv: list[str]
    ) -> None:
        with pytest.raises(ToolError, match="argv"):
            sandbox.run(argv, timeout_s=5)

    @pytest.mark.parametrize("timeout_s", [0, -1, float("inf"), float("nan")])
    def test_a_time_out_must_be_a_time(self, sandbox: ServedSandbox, timeout_s: float) -> None:
        with pytest.raises(ToolError, match="timeout_s"):
            sandbox.run(["true"], timeout_s=timeout_s)

    def test_a_time_out_keeps_what_was_written_until_then(self, sandbox: ServedSandbox) -> None:
        result = sh(sandbox, "echo early; sleep 60; echo late", timeout_s=1)
        assert result.timed_out
        assert (result.exit_code, result.signal) == (None, 9)
        assert result.output == b"early\n"
        assert 1 <= result.seconds < 8

    def test_a_trapped_sigterm_does_not_delay_the_end(self, sandbox: ServedSandbox) -> None:
        result = sh(sandbox, "trap '' TERM INT HUP; while :; do sleep 1; done", timeout_s=1)
        assert result.timed_out
        assert result.seconds < 8

    def test_a_command_that_stops_itself_is_ended_too(self, sandbox: ServedSandbox) -> None:
        assert sh(sandbox, "kill -STOP $$", timeout_s=1).timed_out

    def test_a_time_out_kills_what_left_the_session(self, sandbox: ServedSandbox) -> None:
        script = "setsid bash -c 'echo $$ > pid; trap \"\" TERM; sleep 300' & sleep 300"
        assert sh(sandbox, script, timeout_s=2).timed_out
        assert pid_is_gone(sandbox, "pid")

    def test_the_end_of_a_command_kills_its_daemons(self, sandbox: ServedSandbox) -> None:
        # Forked twice, in a session of its own, its parent dead: nobody's child.
        daemon = "(setsid bash -c 'echo $$ > pid; exec sleep 300' &) &"
        result = sh(sandbox, f"{daemon} until [ -s pid ]; do sleep 0.02; done; echo done")
        assert result.output == b"done\n"
        assert pid_is_gone(sandbox, "pid")

    def test_a_daemon_that_holds_the_output_open_does_not_hang_it(
        self, sandbox: ServedSandbox
    ) -> None:
        result = sh(sandbox, "sleep 300 & echo done")
        assert result.output == b"done\n"
        assert (result.exit_code, result.timed_out) == (0, False)
        assert result.seconds < 8

    def test_a_command_that_closes_its_output_is_waited_for(self, sandbox: ServedSandbox) -> None:
        result = sh(sandbox, "exec >&- 2>&-; sleep 0.5; touch waited; exit 7")
        assert result.exit_code == 7
        assert "waited" in sandbox.listing("")

    def test_a_command_that_redirects_its_output_is_waited_for(
        self, sandbox: ServedSandbox
    ) -> None:
        assert sh(sandbox, "exec >log 2>&1; sleep 0.5; echo kept; exit 7").exit_code == 7
        assert sandbox.read("log") == b"kept\n"

    def test_stdout_and_stderr_come_as_one_stream_in_order(self, sandbox: ServedSandbox) -> None:
        result = sh(sandbox, "echo 1; echo 2 >&2; echo 3")
        assert result.output == b"1\n2\n3\n"
        assert not result.truncated

    def test_a_flood_is_capped_fast_with_head_and_tail_kept(self, sandbox: ServedSandbox) -> None:
        began = time.monotonic()
        result = sh(
            sandbox, "echo HEAD; head -c 100000000 /dev/zero; echo TAIL", output_cap=64 * KIB
        )
        assert time.monotonic() - began < 15
        assert result.truncated
        assert len(result.output) == 64 * KIB
        assert result.output_bytes == 100_000_010
        assert result.output.startswith(b"HEAD\n")
        assert result.output.endswith(b"TAIL\n")

    def test_an_endless_flood_ends_at_the_deadline(self, sandbox: ServedSandbox) -> None:
        result = sh(sandbox, "yes", timeout_s=1, output_cap=KIB)
        assert result.timed_out
        assert len(result.output) == KIB
        assert result.seconds < 8

    @pytest.mark.parametrize("size", [999, 1000, 1001])
    def test_the_cap_cuts_only_what_is_longer(self, sandbox: ServedSandbox, size: int) -> None:
        result = sh(sandbox, f"head -c {size} /dev/zero", output_cap=1000)
        assert len(result.output) == min(size, 1000)
        assert result.truncated == (size > 1000)

    def test_a_cap_of_zero_keeps_nothing_and_counts_all(self, sandbox: ServedSandbox) -> None:
        result = sh(sandbox, "echo hello", output_cap=0)
        assert (result.output, result.output_bytes) == (b"", 6)

    def test_output_that_is_no_text_comes_back_unchanged(self, sandbox: ServedSandbox) -> None:
        assert sh(sandbox, r"printf '\xff\xfe\x00\xc3('").output == b"\xff\xfe\x00\xc3("

    def test_without_input_stdin_is_empty(self, sandbox: ServedSandbox) -> None:
        result = sh(sandbox, "cat; echo end")
        assert (result.output, result.timed_out) == (b"end\n", False)

    def test_input_of_any_size_and_kind_arrives(self, sandbox: ServedSandbox) -> None:
        data = bytes(range(256)) * 4096
        result = sandbox.run(["sha256sum"], timeout_s=20, stdin=data)
        assert result.output.split()[0].decode() == hashlib.sha256(data).hexdigest()

    def test_input_nobody_reads_does_no_harm(self, sandbox: ServedSandbox) -> None:
        result = sandbox.run(["true"], timeout_s=20, stdin=b"x" * 1_000_000)
        assert result.exit_code == 0

    def test_input_and_output_larger_than_a_pipe_do_not_block_each_other(
        self, sandbox: ServedSandbox
    ) -> None:
        data = b"abc\n" * 500_000
        result = sandbox.run(["cat"], timeout_s=20, stdin=data, output_cap=4_000_000)
        assert result.output == data

    def test_every_command_starts_in_the_repository(self, sandbox: ServedSandbox) -> None:
        where = sh(sandbox, "pwd; cd /").output
        assert where.endswith(b"/repo\n")
        assert sh(sandbox, "pwd").output == where

    def test_no_shell_state_survives_a_command(self, sandbox: ServedSandbox) -> None:
        usual = sh(sandbox, "umask").output
        sh(sandbox, "export LEFT=over; umask 0123")
        assert sh(sandbox, "echo ${LEFT-none}; umask").output == b"none\n" + usual

    def test_the_environment_can_be_added_to(self, sandbox: ServedSandbox) -> None:
        assert sh(sandbox, 'echo "$MINE"', env={"MINE": "ä b"}).output == "ä b\n".encode()

    def test_home_is_a_folder_beside_the_repository(self, sandbox: ServedSandbox) -> None:
        assert sh(sandbox, "[ ~ -ef ../home ] && touch ~/x").exit_code == 0

    def test_a_removed_repository_does_not_end_the_sandbox(self, sandbox: ServedSandbox) -> None:
        sh(sandbox, 'rm -rf "$PWD"')
        assert sh(sandbox, "pwd").exit_code == 0
        assert sandbox.listing("") == ()

    def test_the_protocol_is_out_of_a_commands_reach(self, sandbox: ServedSandbox) -> None:
        # 255 is bash's own copy of its script's place; ls holds one for the folder it lists.
        result = sh(sandbox, "readlink /proc/$$/fd/0; ls /proc/$$/fd | tr '\\n' ' '")
        assert result.output.split() == [b"/dev/null", b"0", b"1", b"2"]

    def test_a_command_that_kills_the_tool_server_is_told_and_the_next_one_runs(
        self, sandbox: ServedSandbox
    ) -> None:
        result = sh(sandbox, "echo before; kill -9 $PPID; sleep 0.5")
        assert (result.exit_code, result.signal) == (None, 9)
        assert b"tool server" in result.output
        assert sh(sandbox, "echo after").output == b"after\n"
