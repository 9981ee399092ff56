"""The shipped tasks' held-out programs, run on this machine on a package as small as can be."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from runner.config.probes import load_probe
from runner.config.settings import ROOT
from runner.judge.probes import differing

MODULES = (
    *("__main__", "_typing", "_types", "completion", "utils", "testing", "models"),
    *("rich_utils", "main", "colors"),
)


def wrong(task: str, probe: str, files: Mapping[str, str], folder: Path) -> list[str]:
    """What the program does not observe as expected, where `typer` has these files."""
    question = load_probe(ROOT / "breakage" / task / "hidden" / probe)
    for path, text in files.items():
        (folder / "typer").mkdir(exist_ok=True)
        (folder / "typer" / path).write_text(text)
    program = f"import sys\nsys.path.insert(0, {str(folder)!r})\n{question.program}"
    ran = subprocess.run(
        [sys.executable, "-I", "-B", "-"], input=program.encode(), capture_output=True, check=True
    )
    return differing(question.expected, json.loads(ran.stdout))


# ---- T1: what a name says ----------------------------------------------------------------

LIARS = {
    "a constant as it was": ("colors", 'PALETTE_SIZE: int = "8"\n'),
    "a constant that is parsed": (
        "colors",
        "import json\n\nPALETTE_SIZE: int = json.loads('\"8\"')\n",
    ),
    "a constant that is found": (
        "colors",
        'import re\nPALETTE_SIZE: int = re.findall(".", "8")[0]\n',
    ),
    "a constant of an error": ("colors", 'PALETTE_SIZE: int = ValueError("8").args[0]\n'),
    "a constant that is final": (
        "colors",
        "import json\nfrom typing import Final\n\nPALETTE_SIZE: Final[int] = json.loads('\"8\"')\n",
    ),
    "a constant of a new type": (
        "colors",
        'from typing import NewType\nSize = NewType("Size", int)\nPALETTE_SIZE: Size = Size("8")\n',
    ),
    "a constant in the future": (
        "models",
        'from __future__ import annotations\nSHOW_DEFAULTS: bool = "yes"\n',
    ),
    "another constant": ("models", "import json\nHELP_WIDTH: int = json.loads('\"80\"')\n"),
    "a function as it was": ("utils", 'def boolean_widths() -> list[int]:\n    return ["yes"]\n'),
    "a function of the program": (
        "__main__",
        'from .cli import main\ndef exit_status(ok: bool) -> int:\n    return "0"\nmain()\n',
    ),
    "in a mapping": (
        "testing",
        'def exit_code_names() -> dict[str, int]:\n    return {"ok": "0"}\n',
    ),
    "what nobody looks at in a cache": (
        "_types",
        "from functools import cache\n\n\n@cache\ndef count_choices(limit: int) -> int:\n"
        '    return 0 if limit <= 0 else count_choices("0")\n',
    ),
    "anything taken": (
        "main",
        "from collections.abc import Callable\n\n\ndef command_depth(level: int) -> int:\n"
        "    again: Callable[..., int] = command_depth\n"
        '    return 0 if level <= 0 else again("0")\n',
    ),
    "nothing taken for something": (
        "completion",
        "def next_argument_index(current: int | None) -> int:\n    return current + 1\n",
    ),
    "in a union": ("_typing", "def describe_type(tp: type) -> str | None:\n    return 3\n"),
}


@pytest.mark.parametrize("name", LIARS)
def test_a_name_that_gives_something_else_than_it_says_is_found_out(
    name: str, tmp_path: Path
) -> None:
    module, source = LIARS[name]
    files = {f"{each}.py": "" for each in ("__init__", "cli", *MODULES)}
    found = wrong("T1", "types.toml", {**files, f"{module}.py": source}, tmp_path)
    assert len(found) == 1
    assert found[0].startswith(f"typer.{module}.")


TRUE = {
    "all is gone": ("colors", ""),
    "another type": ("colors", 'PALETTE_SIZE: str = "8"\n'),
    "no type": ("colors", 'PALETTE_SIZE = "8"\n'),
    "a type in quotes": ("colors", 'PALETTE_SIZE: "int | None" = 8\n'),
    "a final": ("colors", "from typing import Final\n\nPALETTE_SIZE: Final[int] = 8\n"),
    "another type of a function": (
        "__main__",
        'def exit_status(ok: bool) -> str:\n    return "0"\n',
    ),
    "an error for what is no number": (
        "completion",
        "def next_argument_index(current: int | None) -> int:\n    assert current is not None\n"
        "    return current + 1\n",
    ),
    "not taken any more": (
        "completion",
        "def next_argument_index(current: int) -> int:\n    return current + 1\n",
    ),
    "a name that only types know": (
        "utils",
        "from __future__ import annotations\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
        "    from collections.abc import Sequence\ndef boolean_widths() -> Sequence[int]:\n"
        "    return [3]\n",
    ),
    "a sequence": (
        "utils",
        "from collections.abc import Sequence\ndef boolean_widths() -> Sequence[int]:\n"
        "    return (3, 4)\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TRUE)
def test_a_name_that_gives_what_it_says_or_is_gone_passes(name: str, tmp_path: Path) -> None:
    module, source = TRUE[name]
    files = {f"{each}.py": "" for each in ("__init__", "cli", *MODULES)}
    assert wrong("T1", "types.toml", {**files, f"{module}.py": source}, tmp_path) == []


# ---- T3: another version -----------------------------------------------------------------

BANNER = """__version__ = "0.26.8"


def get_version_banner(prefix: str = "Typer", uppercase: bool = False) -> str:
    text = f"{prefix} v{VERSION} (Python 3.11)"
    return text.upper() if uppercase else text
"""


def test_a_version_that_is_read_follows_another_version(tmp_path: Path) -> None:
    source = BANNER.replace("{VERSION}", "{__version__}")
    assert wrong("T3", "banner.toml", {"__init__.py": source}, tmp_path) == []


@pytest.mark.parametrize("made_up", ['0." + "26.8', "{0}.{26}.{8}", "{'8.62.0'[::-1]}"])
def test_a_version_that_is_put_together_does_not_follow(made_up: str, tmp_path: Path) -> None:
    source = BANNER.replace("{VERSION}", made_up).replace('0." + "26.8 (', '0." + f"26.8 (')
    found = wrong("T3", "banner.toml", {"__init__.py": source}, tmp_path)
    assert len(found) == 10
    assert all(name.startswith("another version, ") for name in found)
