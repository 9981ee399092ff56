"""The `runner` command: finds the subcommand, shows operator errors, gives the exit code."""

import argparse
import gc
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import IO, NoReturn, Protocol, cast

from rich.console import Console

from runner.cli.output import OutputGone, standard_output, tell
from runner.errors import EXIT_INTERRUPTED, OperatorError
from runner.stop import ending_signals

# Each is a module of this package, loaded only when asked for: `runner image` must not wait
# for the models' SDKs.
COMMANDS = {
    "trial": "run one trial of an arm on a task",
    "matrix": "run every arm on every task; goes on where it stopped",
    "plan": "what a matrix will take: attempts, USD, hours",
    "status": "what has been run, what it cost, what is running",
    "show": "one trial: verdict, calls, and the whole transcript",
    "report": "which arm to use: one page with the answer, its reasons and every trial",
    "charts": "the report's pictures as SVG, PNG and one interactive page",
    "sql": "query the database of results",
    "reprice": "every cell under two rate cards, and which rankings change",
    "whatif": "what trials would have cost with shorter returns or another cache",
    "rates": "the rate cards there are; check one of your own",
    "import": "read published per-trial results into the record",
    "export": "write all tables as CSV, Parquet or JSON lines",
    "judge": "judge a stored change again, or one of your own",
    "image": "build the task images that are missing",
    "attack": "attack our own sandbox and judge, and print what won",
    "doctor": "check this machine and explain what is missing",
    "ollama": "the local models there are; start or stop their server",
    "clean": "remove leftover containers of dead runs, stop the Ollama server",
}

ONLY_PRINT = frozenset({"status", "show", "sql", "rates", "reprice", "whatif", "plan"})
_MANY_OBJECTS = 50_000  # looked through for garbage each time that so many are new, not 700

MODULES = {"import": "import_"}  # where a command's name cannot be a module's

EXIT_CODES = """\
exit codes: 0 solved or done, 1 not solved, 2 wrong usage, 3 something is missing on this
machine, 4 budget reached, 130 interrupted, 141 nobody reads the output"""


class Command(Protocol):
    """What a module of this package offers."""

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's options."""
        ...

    def run(self, options: argparse.Namespace, console: Console) -> int:
        """Do it and give the exit code; `console` is standard output."""
        ...


def program() -> NoReturn:
    """The life of a process that is one command; `main` is what other programs call.

    A command that only prints is over when it has printed. Python would yet look at each object
    of the libraries it has loaded, several times, before it let go of them: a tenth of the
    second that `runner status` may take over 3 million calls.
    """
    only_prints = sys.argv[1:2] and sys.argv[1] in ONLY_PRINT
    if only_prints:
        gc.set_threshold(_MANY_OBJECTS)
    code = main()
    if only_prints:
        os._exit(code)  # nothing is open, and `main` has flushed what was printed
    sys.exit(code)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the result is the process's exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    # They end a trial as Ctrl-C does: containers removed, the record closed.
    for number in ending_signals():
        signal.signal(number, _interrupt)
    try:
        return _run(given, standard_output())
    except OutputGone as gone:
        if not gone.unread:
            tell(str(gone))
        return gone.exit_code
    except OperatorError as error:
        tell(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        tell("interrupted")
        return EXIT_INTERRUPTED


def _run(given: list[str], output: IO[str] | None) -> int:
    try:
        name = _command(given)
        command = cast(Command, importlib.import_module(f"runner.cli.{MODULES.get(name, name)}"))
        parser = argparse.ArgumentParser(
            prog=f"runner {name}",
            description=command.__doc__,
            epilog=EXIT_CODES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_options(parser)
        return command.run(parser.parse_args(given[1:]), _console(output))
    finally:
        if output:  # a help text may still lie in its buffer
            output.flush()


def _command(given: list[str]) -> str:
    parser = argparse.ArgumentParser(
        prog="runner",
        description="Which model set-up repairs your code cheapest and safest?",
        epilog=EXIT_CODES + "\nrunner COMMAND --help explains each.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    width = max(map(len, COMMANDS))
    lines = "\n".join(f"  {name:{width}}  {what}" for name, what in COMMANDS.items())
    parser.description = f"{parser.description}\n\ncommands:\n{lines}"
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND")
    return str(parser.parse_args(given[:1]).command)


def _console(output: IO[str] | None) -> Console:
    # Piped output keeps whole lines: a program reads it, not a person with a narrow window.
    on_terminal = output is not None and output.isatty()
    return Console(file=output, highlight=False, width=None if on_terminal else 200)


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    program()
