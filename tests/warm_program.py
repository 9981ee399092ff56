"""A process that has the runner loaded and becomes, at each request, a `runner` command.

Loading takes seconds and a fork takes milliseconds; apart from that such a command is one that a
person started: a process of its own with its own environment, output, signals and end. Requests
come as JSON lines on stdin, answers go as JSON lines to stdout. `warm.py` is the other side.
"""

import gc
import importlib
import json
import os
import signal
import sys
from typing import Any

import matrix_edges

from runner.cli.main import main

LOADED = ("matrix", "matrix_session", "status", "sql")


def serve() -> None:
    """Answer until stdin ends. In a child it ends with the command's exit code."""
    for name in LOADED:
        importlib.import_module(f"runner.cli.{name}")
    gc.collect()
    gc.freeze()  # what is loaded is shared with every child, at its end too
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        request = json.loads(line)
        if "poll" in request:
            reply: dict[str, Any] = {"code": _ended(request["poll"])}
        elif pid := os.fork():
            reply = {"pid": pid}
        else:
            answers.close()
            sys.exit(_become(request))
        answers.write(json.dumps(reply) + "\n")
        answers.flush()
    gc.unfreeze()  # at an end, DuckDB takes what is still frozen for leaked, and says so at length


def _ended(pid: int) -> int | None:
    """A child's exit code, negative for a signal; None while it runs."""
    found, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def _become(request: dict[str, Any]) -> int:
    nothing = os.open(os.devnull, os.O_RDONLY)
    out = os.open(request["out"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
    for source, target in ((nothing, 0), (out, 1), (out, 2)):
        os.dup2(source, target)
    os.environ.clear()
    os.environ.update(request["env"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    for edge in request["edges"]:
        name, *arguments = edge.split(":")
        getattr(matrix_edges, name)(*arguments)
    return main(request["argv"])


if __name__ == "__main__":
    serve()
