"""A pytest plugin: child Pythons under `coverage run` come from a warm process.

The tests start some five hundred `python -m coverage run FILE ...`; nearly all of their time is
spent on starting Python and importing coverage and rich. Here such a start is answered by
`runner_harness.zygote`. Anything that is not exactly of that form is a real process.
"""

import codecs
import ctypes
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any

import pytest

PR_SET_CHILD_SUBREAPER = 36
REQUEST_LIMIT = 131_072

# A child whose environment differs in one of these would start differently as a Python.
_DECISIVE = ("PYTHON", "LC_", "LANG", "TZ", "LD_", "COVERAGE", "MALLOC_", "GLIBC_", "VIRTUAL_ENV")
_FREE = frozenset({"PYTHONIOENCODING"})

# What `Popen._execute_child` of Python 3.11 is given after the arguments and the executable.
_ENDS = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
_NAMES = (
    *("preexec_fn", "close_fds", "pass_fds", "cwd", "env", "startupinfo", "creationflags", "shell"),
    *_ENDS,
    *("restore_signals", "gid", "gids", "uid", "umask", "start_new_session", "process_group"),
)
_PLAIN = {
    "preexec_fn": None,
    "close_fds": True,
    "shell": False,
    "restore_signals": True,
    "gid": None,
    "gids": None,
    "uid": None,
    "umask": -1,
    "start_new_session": False,
    "process_group": -1,
}

_start_real = subprocess.Popen._execute_child  # type: ignore[attr-defined]


class Nursery:
    """The worker's end: one warm process, started when it is first needed."""

    def __init__(self) -> None:
        self._channel: socket.socket | None = None
        self._decisive = decisive(os.environ)
        self._broken = False
        self._lock = threading.Lock()

    def pid_of(self, argv: list[str], cwd: str, env: Mapping[str, str], files: list[int]) -> int:
        """The pid of a new child of this process, 0 when a real process must be started."""
        if self._broken or not is_ordinary(env) or decisive(env) != self._decisive:
            return 0
        request = json.dumps({"argv": argv, "cwd": cwd, "env": dict(env)}).encode()
        if len(request) > REQUEST_LIMIT:
            return 0
        with self._lock:
            try:
                if self._channel is None:
                    self._channel = _start_zygote()
                socket.send_fds(self._channel, [request], files)
                return int(self._channel.recv(32))
            except (OSError, ValueError):
                self._broken = True
                return 0


def decisive(env: Mapping[str, str]) -> dict[str, str]:
    """The part of an environment that decides how Python starts."""
    return {
        name: value
        for name, value in env.items()
        if name.startswith(_DECISIVE) and name not in _FREE
    }


def is_ordinary(env: Mapping[Any, Any]) -> bool:
    """Whether an environment can hold this and a Python can start in it."""
    texts = [text for pair in env.items() for text in pair]
    if not all(isinstance(text, str) and "\0" not in text for text in texts):
        return False
    return not any("=" in name or not name for name in env) and _knows_encoding(env)


def _knows_encoding(env: Mapping[str, str]) -> bool:
    name, _, errors = env.get("PYTHONIOENCODING", "").partition(":")
    try:
        return (not name or bool(codecs.lookup(name))) and bool(
            codecs.lookup_error(errors or "strict")
        )
    except LookupError:  # Python would not even start
        return False


def is_coverage_run(argv: object, cwd: str) -> bool:
    """Whether `argv` is `<this Python> -m coverage run [-m MODULE | FILE] ...`, FILE existing."""
    if not isinstance(argv, list) or not all(
        isinstance(part, str) and "\0" not in part for part in argv
    ):
        return False
    if argv[:4] != [sys.executable, "-m", "coverage", "run"] or len(argv) < 5:
        return False
    if argv[4] == "-m":
        return len(argv) > 5
    return not argv[4].startswith("-") and os.path.isfile(os.path.join(cwd, argv[4]))


def _start_zygote() -> socket.socket:
    if ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError("this process cannot adopt orphans")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "runner_harness.zygote", str(theirs.fileno())],
            cwd="/",
            env={name: value for name, value in os.environ.items() if name not in _FREE},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )
    # Nobody waits for it: it ends when the worker closes the channel. Without a return code
    # `Popen` would complain, into whichever test runs just then.
    process.returncode = 0
    if ours.recv(16) != b"ready":
        raise OSError("the warm process did not start")
    return ours


def _is_plain(call: Mapping[str, Any]) -> bool:
    return not call["pass_fds"] and all(call[name] == value for name, value in _PLAIN.items())


def _install(nursery: Nursery) -> None:
    def start(self: Any, args: Any, executable: Any, *rest: Any) -> None:
        call = dict(zip(_NAMES, rest, strict=True))
        place = os.path.abspath("." if call["cwd"] is None else os.fsdecode(call["cwd"]))
        if executable is None and _is_plain(call) and is_coverage_run(args, place):
            ends = (call["p2cread"], call["c2pwrite"], call["errwrite"])
            files = [number if end == -1 else end for number, end in enumerate(ends)]
            env = os.environ if call["env"] is None else call["env"]
            pid = nursery.pid_of(args, place, env, files)
            if pid:
                self.pid = pid
                self._child_created = True
                self._close_pipe_fds(*(call[name] for name in _ENDS))
                return
        _start_real(self, args, executable, *rest)

    subprocess.Popen._execute_child = start  # type: ignore[attr-defined]


def pytest_configure(config: pytest.Config) -> None:
    """Take over the start of child Pythons where tests run: in workers, or without any."""
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        _install(Nursery())
