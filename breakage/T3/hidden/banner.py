"""Calls `typer.get_version_banner` in ways the provided tests do not; prints one JSON line."""

import inspect
import json
import sys

import typer

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
CASES = [
    {},
    {"prefix": "Typer", "uppercase": False},
    {"prefix": "Harbour Tools"},
    {"prefix": "grün-éclair"},
    {"prefix": ""},
    {"uppercase": True},
    {"prefix": "straße", "uppercase": True},
]


def expected(prefix: str = "Typer", uppercase: bool = False) -> str:
    banner = f"{prefix} v{typer.__version__} (Python {PYTHON})"
    return banner.upper() if uppercase else banner


def wrong_cases() -> list[str]:
    found = []
    for case in CASES:
        banner = typer.get_version_banner(**case)
        # `==` could be anyone's: only a true str with the very characters will do.
        if type(banner) is not str or str.__ne__(banner, expected(**case)):
            found.append(f"{case!r} gave {banner!r}")
    return found


def wrong_signature() -> list[str]:
    parameters = inspect.signature(typer.get_version_banner).parameters
    defaults = {name: parameter.default for name, parameter in parameters.items()}
    wanted = {"prefix": "Typer", "uppercase": False}
    return [] if defaults == wanted else [f"parameters are {defaults!r}"]


def main() -> None:
    try:
        problems = wrong_cases() + wrong_signature()
    except Exception as error:
        problems = [f"{type(error).__name__}: {error}"]
    print(json.dumps({"passed": not problems, "detail": {"problems": problems}}))


if __name__ == "__main__":
    main()
