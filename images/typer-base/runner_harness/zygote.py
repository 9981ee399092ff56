"""A warm Python process that becomes each `python -m coverage run ...` the tests start.

Started once for each pytest worker by `runner_harness.children`. It holds coverage, the standard
library and rich in memory, but nothing of the repository; for each request it forks a child
that goes on as `coverage run` would, only that nothing is measured. What it holds beyond
coverage's own imports is hidden from the child until the child imports it (see `stash`), so
that `sys.modules` and the attributes of packages are what they would be in a new process.
"""

import codecs
import gc
import importlib
import io
import json
import os
import socket
import sys
import traceback
from typing import Any

from coverage.cmdline import ERR
from coverage.exceptions import CoverageException, _ExceptionDuringRun
from coverage.execfile import PyRunner

from runner_harness.stash import Stash, preload

REQUEST_BYTES = 262_144

# What a typer program imports, beyond what coverage has imported already.
EXTRA_MODULES = (
    "annotated_doc",
    "bz2",
    "difflib",
    "heapq",
    "lzma",
    "shellingham",
    "shutil",
    "subprocess",
    "uuid",
    "rich._emoji_codes",
    "rich.align",
    "rich.columns",
    "rich.console",
    "rich.emoji",
    "rich.highlighter",
    "rich.markdown",
    "rich.markup",
    "rich.padding",
    "rich.panel",
    "rich.pretty",
    "rich.progress",
    "rich.prompt",
    "rich.syntax",
    "rich.table",
    "rich.text",
    "rich.theme",
    "rich.traceback",
    "pygments.formatters.terminal256",
    "pygments.lexers.python",
    "pygments.styles.monokai",
)


def main() -> None:
    """Serve requests until the worker closes its end."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    stash = preload(EXTRA_MODULES)
    gc.collect()
    gc.freeze()
    channel.send(b"ready")
    while True:
        data, files, _, _ = socket.recv_fds(channel, REQUEST_BYTES, 3)
        if not data:
            os._exit(0)
        child = _fork_orphan(channel)
        if child == 0:
            _become(json.loads(data), files, channel, stash)
        for file in files:
            os.close(file)
        channel.send(str(child).encode())


def _fork_orphan(channel: socket.socket) -> int:
    """0 in the new process, its pid here, once it has become a child of the worker.

    The process between the two ends at once; the kernel then gives the orphan to the worker,
    which has declared itself a reaper. So the worker waits for it as for any child of its own.
    """
    reading, writing = os.pipe()
    between = os.fork()
    if between == 0:
        child = os.fork()
        if child == 0:
            os.close(reading)
            os.close(writing)
            return 0
        os.write(writing, str(child).encode())
        os._exit(0)
    os.close(writing)
    child = int(os.read(reading, 32))
    os.close(reading)
    os.waitpid(between, 0)
    return child


def _become(
    request: dict[str, Any], files: list[int], channel: socket.socket, stash: Stash
) -> None:
    channel.close()
    for target, file in enumerate(files):
        os.dup2(file, target)
    os.closerange(3, max(files) + 1)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    _open_streams(os.environ.get("PYTHONIOENCODING", ""))
    sys.orig_argv = request["argv"]
    arguments = request["argv"][4:]
    as_module = arguments[0] == "-m"
    _coverage_run(arguments[1:] if as_module else arguments, as_module, stash)


def _open_streams(wanted: str) -> None:
    """Make stdin, stdout and stderr anew, as a starting Python makes them.

    `wanted` is PYTHONIOENCODING, which alone of Python's variables may differ from ours.
    """
    encoding, _, errors = wanted.partition(":")
    errors = errors or ("strict" if encoding else str(sys.stdout.errors))
    encoding = codecs.lookup(encoding or sys.stdout.encoding).name
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        mode = "w" if number else "r"
        buffer: Any = open(number, f"{mode}b", closefd=False)  # noqa: SIM115
        buffer.raw.name = f"<{name}>"
        stream: Any = io.TextIOWrapper(
            buffer,
            encoding=encoding,
            errors="backslashreplace" if number == 2 else errors,
            newline="\n",
            line_buffering=number == 2 or buffer.raw.isatty(),
        )
        stream.mode = mode
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _coverage_run(arguments: list[str], as_module: bool, stash: Stash) -> None:
    sys.path[0] = os.getcwd() if as_module else os.path.abspath(os.path.dirname(arguments[0]))
    importlib.invalidate_caches()
    stash.hide(sys.path[0])
    os.environ["COVERAGE_RUN"] = "true"
    # From here on this is what `coverage.cmdline.main` does around a run.
    try:
        PyRunner(arguments, as_module=as_module).run()
        status: Any = 0
    except _ExceptionDuringRun as error:
        traceback.print_exception(*error.args)
        status = ERR
    except CoverageException as error:
        print(error.args[0])
        status = ERR
    except SystemExit as error:
        status = error.args[0] if error.args else None
    sys.exit(status)


if __name__ == "__main__":
    main()
