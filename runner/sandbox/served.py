"""What every sandbox with a tool server does the same: turn calls into requests and back."""

import json
import time
from collections.abc import Mapping, Sequence

from runner.errors import SandboxFailure, ToolError
from runner.types import ExecResult, JsonObject, TreeEntry

# The tool server keeps a command's deadline itself; this is how much later the host steps in.
BACKSTOP_S = 10.0
TIMEOUT_CAP_S = 86_400.0
FILE_WAIT_S = 30.0
TREE_WAIT_S = 120.0
ENTRIES_CAP = 20_000
ENTRIES_BYTES_CAP = 268_435_456


class Interrupted(Exception):
    """The command took the tool server away; the sandbox lives. `timed_out`: it was stuck."""

    def __init__(self, message: str, *, timed_out: bool) -> None:
        super().__init__(message)
        self.timed_out = timed_out


class ServedSandbox:
    """Implements `runner.types.Sandbox` over `exchange`, which a subclass provides."""

    def exchange(
        self, request: JsonObject, body: bytes, wait_s: float
    ) -> tuple[dict[str, object], bytes]:
        """One request and its answer.

        Raises `Interrupted` when the agent's doing broke it off, `SandboxFailure` when the
        sandbox is gone.
        """
        raise NotImplementedError

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        output_cap: int = 65_536,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
    ) -> ExecResult:
        """Run `argv` in the repository's root and kill all it started when it ends.

        Of a longer output the first `output_cap // 2` bytes and the last `output_cap` -
        `output_cap // 2` are kept. What cannot be started gives exit code 127 or 126 and the
        reason as its output, as in a shell. A command that kills the tool server, or stops
        it for longer than the time-out, gives signal 9 and a note as its output.

        Raises `ToolError` for what can be no command (a NUL character, a time-out of 0),
        `SandboxFailure` when the sandbox is gone.
        """
        if not 0 < timeout_s <= TIMEOUT_CAP_S:  # also refuses what is no number at all
            raise ToolError(f"timeout_s must lie between 0 and {TIMEOUT_CAP_S:.0f}")
        request = {
            "op": "run",
            "argv": list(argv),
            "env": dict(env or {}),
            "timeout_s": timeout_s,
            "cap": output_cap,
        }
        began = time.monotonic()
        try:
            reply, output = self._ask(request, stdin, timeout_s + BACKSTOP_S)
        except Interrupted as lost:
            note = f"[{lost}]\n".encode("utf-8", "backslashreplace")
            spent = time.monotonic() - began
            return ExecResult(None, 9, note[:output_cap], len(note), spent, lost.timed_out)
        try:
            return ExecResult(
                exit_code=_optional_int(reply["exit_code"]),
                signal=_optional_int(reply["signal"]),
                output=output,
                output_bytes=_int(reply["total"]),
                seconds=_float(reply["seconds"]),
                timed_out=bool(reply["timed_out"]),
            )
        except (KeyError, TypeError) as problem:
            raise SandboxFailure(f"the tool server's answer makes no sense: {problem}") from None

    def read(self, path: str, *, cap: int = 1_048_576) -> bytes:
        """The file's bytes; `ToolError` when it is missing, no file or larger than `cap`."""
        return self._file({"op": "read", "path": path, "cap": cap})[1]

    def write(self, path: str, data: bytes) -> None:
        """Create or replace the file in one step, making parent directories."""
        self._file({"op": "write", "path": path}, data)

    def listing(self, path: str, *, cap: int = 2_000) -> tuple[str, ...]:
        """Sorted names in a directory, directories with a trailing slash, at most `cap`."""
        names = self._file({"op": "listing", "path": path, "cap": cap})[0].get("names")
        if not isinstance(names, list):
            raise SandboxFailure("the tool server's answer holds no names")
        return tuple(map(str, names))

    def entries(
        self, cap_count: int = ENTRIES_CAP, cap_bytes: int = ENTRIES_BYTES_CAP
    ) -> tuple[TreeEntry, ...]:
        """Everything in the repository but its `.git`, sorted by path, files with their hash.

        Folders themselves are not listed, links not followed. Raises `ToolError` when there
        are more than `cap_count` entries, more than `cap_bytes` in files (holes count too) or
        folders nested deeper than 64.
        """
        request = {"op": "tree", "cap_count": cap_count, "cap_bytes": cap_bytes}
        data = self._file(request, wait_s=TREE_WAIT_S)[1]
        try:
            return tuple(TreeEntry(*json.loads(line)) for line in data.splitlines())
        except (TypeError, ValueError) as problem:
            raise SandboxFailure(f"the tool server's listing makes no sense: {problem}") from None

    def _file(
        self, request: JsonObject, body: bytes = b"", wait_s: float = FILE_WAIT_S
    ) -> tuple[dict[str, object], bytes]:
        try:
            return self._ask(request, body, wait_s)
        except Interrupted as lost:
            raise ToolError(str(lost)) from None

    def _ask(
        self, request: JsonObject, body: bytes, wait_s: float
    ) -> tuple[dict[str, object], bytes]:
        reply, data = self.exchange(request, body, wait_s)
        if "error" in reply:
            raise ToolError(str(reply.get("message") or reply["error"]))
        return reply, data


def _int(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError(f"{value!r} is no whole number")
    return value


def _optional_int(value: object) -> int | None:
    return None if value is None else _int(value)


def _float(value: object) -> float:
    if not isinstance(value, int | float):
        raise TypeError(f"{value!r} is no number")
    return float(value)
