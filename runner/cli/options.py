"""Options that several commands share, each spelt one way everywhere.

Every option is an environment variable too: `--arm C` is `ARM=C`. The command line wins.
"""

import argparse
import os
from collections.abc import Callable

from runner.config.loading import chosen

__all__ = ["add", "chosen", "flag", "names", "several", "usd", "values", "whole"]


def whole(least: int) -> Callable[[str], int]:
    """A reader of whole numbers from `least` up; argparse shows what it raises."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least:
            raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from {least} up")
        return number

    return read


def usd(text: str) -> float:
    """A reader of an amount of money above 0; argparse shows what it raises."""
    try:
        amount = float(text)
    except ValueError:
        amount = 0.0
    if not 0 < amount < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}' is not an amount in USD above 0")
    return amount


def names(text: str) -> tuple[str, ...]:
    """A reader of names with commas between them, each once; argparse shows what it raises."""
    found = tuple(dict.fromkeys(name for part in text.split(",") if (name := part.strip())))
    if not found:
        raise argparse.ArgumentTypeError(f"'{text}' names nothing")
    return found


def several(parser: argparse.ArgumentParser, name: str, *, help: str) -> None:
    """Declare `--name VALUE`, which may be given more than once; `values` reads it."""
    variable = name.upper().replace("-", "_")
    parser.add_argument(
        f"--{name}",
        action="append",
        metavar=variable,
        help=f"{help}; may be repeated (or {variable} in the environment, with commas between)",
    )


def values(options: argparse.Namespace, name: str) -> tuple[str, ...]:
    """What was given for an option declared by `several`; the command line wins."""
    variable = name.upper().replace("-", "_")
    given = getattr(options, variable.lower())
    if given is None:
        given = [part.strip() for part in os.environ.get(variable, "").split(",")]
    return tuple(dict.fromkeys(part for part in given if part))


def flag(parser: argparse.ArgumentParser, name: str, *, help: str) -> None:
    """Declare `--name`, which NAME=1 in the environment sets too."""
    variable = name.upper().replace("-", "_")
    given = os.environ.get(variable, "").strip().lower()
    parser.add_argument(
        f"--{name}",
        action="store_true",
        default=given not in ("", "0", "no", "false"),
        help=f"{help} (or {variable}=1 in the environment)",
    )


def add(
    parser: argparse.ArgumentParser,
    name: str,
    *,
    help: str,
    read: Callable[[str], object] = str,
    default: object = None,
    required: bool = False,
    bare: object = None,
) -> None:
    """Declare `--name VALUE`, with the environment variable NAME as its default.

    With `bare`, the value may be left out, and `bare` is what is meant then.
    """
    variable = name.upper().replace("-", "_")
    given = os.environ.get(variable) or None
    short = ("-n",) if name == "n" else ()
    parser.add_argument(
        *short,
        f"--{name}",
        type=read,
        default=given if given is not None else default,
        required=required and given is None,
        nargs=None if bare is None else "?",
        const=bare,
        metavar=variable,
        help=f"{help} (or {variable} in the environment)",
    )
