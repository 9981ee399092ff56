"""The `runner` command: finds the subcommand, shows operator errors, gives the exit code."""

import argparse
import importlib
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn, Protocol, cast

from rich.console import Console

from runner.errors import EXIT_INTERRUPTED, EXIT_USAGE, OperatorError
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

MODULES = {"import": "import_"}  # where a command's name cannot be a module's

EXIT_CODES = """\
exit codes: 0 solved or done, 1 not solved, 2 wrong usage, 3 something is missing on this
machine, 4 budget reached, 130 interrupted"""


class Command(Protocol):
    """What a module of this package offers."""

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's options."""
        ...

    def run(self, options: argparse.Namespace, console: Console) -> int:
        """Do it and give the exit code; `console` is standard output."""
        ...


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the result is the process's exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    # They end a trial as Ctrl-C does: containers removed, the record closed.
    for number in ending_signals():
        signal.signal(number, _interrupt)
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
        return command.run(parser.parse_args(given[1:]), _console())
    except OperatorError as error:
        print(f"runner: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    except KeyboardInterrupt:
        print("runner: interrupted", file=sys.stderr)  # noqa: T201
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has left (`| head`); say nothing more to them.
        sys.stderr.close()
        return EXIT_USAGE


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


def _console() -> Console:
    # Piped output keeps whole lines: a program reads it, not a person with a narrow window.
    return Console(highlight=False, width=None if sys.stdout.isatty() else 200)


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
