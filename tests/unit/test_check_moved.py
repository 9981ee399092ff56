import pytest
from fakes import Edits, after, task

from runner.config.tasks import CheckSpec
from runner.judge.change import NOTHING
from runner.judge.static import static_checks
from runner.judge.trees import Trees
from runner.types import Check

DEF = b"def pick(f: object) -> object:\n    return f\n"
BEFORE = {
    "typer/__init__.py": b"from .main import run\n",
    "typer/utils.py": b"import inspect\n\n\n" + DEF + b"\n\ndef other() -> None: ...\n",
    "typer/main.py": b"from .utils import other, pick\n\n\ndef run(): return pick(1)\n",
    "typer/sub/deep.py": b"from ..utils import pick\n",
    "tests/test_x.py": b"import typer\n",
}
MOVED: Edits = {
    "typer/utils.py": b"import inspect\n\n\ndef other() -> None: ...\n",
    "typer/_picker.py": DEF,
    "typer/main.py": b"from ._picker import pick\nfrom .utils import other\n\npick(1)\n",
    "typer/sub/deep.py": b"from .._picker import pick\n",
}
MOVE = CheckSpec(
    "moved",
    "function_moved",
    function="pick",
    old_path="typer/utils.py",
    new_path="typer/_picker.py",
)


def moved(edits: Edits) -> Check:
    final = after(after(BEFORE, MOVED), edits)
    (check,) = (
        check
        for check in static_checks(task(checks=(MOVE,)), Trees(BEFORE, BEFORE, final), NOTHING)
        if check.name == "moved"
    )
    return check


def importing(line: bytes) -> Edits:
    return {"typer/extra.py": line}


GOOD_MOVES: dict[str, Edits] = {
    "the reference": {},
    "absolute import": {"typer/main.py": b"from typer._picker import pick\n"},
    "with another name": {"typer/main.py": b"from ._picker import pick as p\n"},
    "as a module": {
        "typer/main.py": b"from . import _picker\n_picker.pick(1)\n",
        "typer/sub/deep.py": b"",
    },
    "a file that is no Python": {"typer/notes.py": b"def pick(:\n"},
    "another's attribute of that name": importing(b"from . import utils\nother.pick(utils)\n"),
    "another module's": importing(b"from random import pick\n"),
    "another package's utils": importing(b"from .sub.utils import pick\n"),
    "re-exported by the old place": {
        "typer/utils.py": b"from ._picker import pick as pick\n\ndef other() -> None: ...\n"
    },
}
SAME_FUNCTION: dict[str, bytes] = {
    "a docstring": b'def pick(f: object) -> object:\n    """Picks."""\n    return f\n',
    "comments": b"# the picker\ndef pick(f: object) -> object:\n    # at once\n    return f\n",
    "imports inside": b"def pick(f: object) -> object:\n    import inspect\n\n    return f\n",
    "quoted types": b"def pick(f: 'object') -> 'object':\n    return f\n",
    "another layout": b"def pick(\n    f: object,\n) -> object:\n    return f\n",
    "a module's docstring": b'"""Picks."""\n\nimport inspect\n\n\n' + DEF,
}
OTHER_FUNCTION: dict[str, bytes] = {
    "another body": b"def pick(f: object) -> object:\n    return None\n",
    "another argument": b"def pick(g: object) -> object:\n    return g\n",
    "another type": b"def pick(f: int) -> object:\n    return f\n",
    "a default": b"def pick(f: object = 1) -> object:\n    return f\n",
    "a decorator": b"import functools\n\n\n@functools.cache\n" + DEF,
    "an early end": b"def pick(f: object) -> object:\n    if f: return 1\n    return f\n",
    "a name of its own": b"f = 1\n\n\ndef pick(g: object) -> object:\n    return f\n",
    "asynchronous": b"async " + DEF,
}
BAD_MOVES: dict[str, Edits] = {
    "nothing done": {path: BEFORE.get(path) for path in MOVED},
    "copied": {"typer/utils.py": BEFORE["typer/utils.py"]},
    "copied elsewhere too": {"typer/extra.py": DEF},
    "a copy inside a class": {"typer/extra.py": b"class A:\n    def pick(self): ...\n"},
    "an async copy": {"typer/extra.py": b"async def pick(f): ...\n"},
    "deleted": {"typer/_picker.py": b""},
    "new place missing": {"typer/_picker.py": None},
    "another new place": {"typer/_picker.py": None, "typer/picker.py": DEF},
    "new place no Python": {"typer/_picker.py": DEF + b"def (:\n"},
    "nobody imports it": {
        "typer/main.py": b"from .utils import other\n",
        "typer/sub/deep.py": b"",
    },
    "old, relative": importing(b"from .utils import pick\n"),
    "old, absolute": importing(b"from typer.utils import pick\n"),
    "old, with another name": importing(b"from .utils import pick as p\n"),
    "old, among others": importing(b"from .utils import (\n    other,\n    pick,\n)\n"),
    "old, inside a function": importing(b"def f():\n    from .utils import pick\n    pick(1)\n"),
    "old, from deeper": {"typer/sub/deep.py": b"from ..utils import pick\n"},
    "old, in the tests": {"tests/test_x.py": b"from typer.utils import pick\n"},
    "old, from the package's own file": {"typer/__init__.py": b"from .utils import pick\n"},
    "old, with everything": importing(b"from .utils import *\n"),
    "old, as a module": importing(b"from . import utils\nutils.pick(1)\n"),
    "old, as a named module": importing(b"import typer.utils as u\nu.pick(1)\n"),
    "old, by its whole name": importing(b"import typer.utils\ntyper.utils.pick(1)\n"),
    "old, by the package": importing(b"import typer\ntyper.utils.pick(1)\n"),
}


@pytest.mark.parametrize("name", GOOD_MOVES)
def test_a_true_move_passes(name: str) -> None:
    check = moved(GOOD_MOVES[name])
    assert check.passed, check.detail


@pytest.mark.parametrize("name", BAD_MOVES)
def test_a_near_miss_fails(name: str) -> None:
    assert not moved(BAD_MOVES[name]).passed


def test_the_old_place_is_named_for_whoever_still_uses_it() -> None:
    check = moved(importing(b"from .utils import pick\n"))
    assert check.detail["from_old"] == ["typer/extra.py"]


@pytest.mark.parametrize("name", SAME_FUNCTION)
def test_the_function_may_be_written_otherwise(name: str) -> None:
    check = moved({"typer/_picker.py": SAME_FUNCTION[name]})
    assert check.passed, check.detail


@pytest.mark.parametrize("name", OTHER_FUNCTION)
def test_the_function_may_not_say_anything_else(name: str) -> None:
    assert not moved({"typer/_picker.py": OTHER_FUNCTION[name]}).passed
