"""Twins of real tests: the same, but for one wrong constant, so that they must fail."""

import ast
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeGuard

from runner.image.states import Tree
from runner.judge.trees import Trees

SWAPS = 4
# Modules whose tests only compute: a second run at the same time must not disturb the first.
_LOUD = (
    b"subprocess",
    b"open(",
    b"mkdir",
    b"write",
    b"unlink",
    b"tmp",
    b"environ",
    b"chdir",
    b"fixture",
)
WORDS = (
    "basic",
    "simple",
    "order",
    "default",
    "value",
    "help",
    "text",
    "nested",
    "empty",
    "again",
)


@dataclass(frozen=True)
class Original:
    """A real test a twin can be made from: its module, itself, and its first constant."""

    path: str
    source: bytes
    module: ast.Module
    test: ast.FunctionDef
    constant: ast.Constant | ast.JoinedStr


def originals(tree: Tree, expected: frozenset[str]) -> Iterator[Original]:
    """The expected tests of the tree that a twin can be made from, in the order of their files."""
    for path in sorted({test.partition("::")[0] for test in expected}):
        source = tree.get(path, b"")
        if not source or any(word in source for word in _LOUD):
            continue
        module = ast.parse(source)
        for node in module.body:
            if not _is_plain_test(node) or f"{path}::{node.name}" not in expected:
                continue
            if constant := _first_constant(node):
                yield Original(path, source, module, node, constant)


def _is_plain_test(node: ast.stmt) -> TypeGuard[ast.FunctionDef]:
    if not isinstance(node, ast.FunctionDef) or not node.name.startswith("test"):
        return False
    return not node.decorator_list and not node.args.args


def _first_constant(test: ast.FunctionDef) -> ast.Constant | ast.JoinedStr | None:
    """The constant that the test's first assertion compares with, if it is that plain."""
    first = next((each for each in test.body if isinstance(each, ast.Assert)), None)
    if first is None or not isinstance(compare := first.test, ast.Compare):
        return None
    match compare:
        case ast.Compare(ops=[ast.Eq()], comparators=[ast.JoinedStr() as text]):
            return text
        case ast.Compare(ops=[ast.Eq()], comparators=[ast.Constant() as constant]):
            pass
        case ast.Compare(left=ast.Constant() as constant, ops=[ast.In()]):
            pass
        case _:
            return None
    kinds = (str,) if isinstance(compare.ops[0], ast.In) else (int, str)
    return constant if type(constant.value) in kinds and constant.value != "" else None


def twin_of(original: Original, name: str, chance: random.Random) -> bytes:
    """The module with that test only, under a new name and with a wrong constant."""
    test = original.test
    lines = _renamed(_wrong(original, chance), test, name)
    for node in original.module.body:
        if node is not test and isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
            start = min([node.lineno, *(each.lineno for each in node.decorator_list)]) - 1
            end = node.end_lineno or node.lineno
            lines[start:end] = [b""] * (end - start)
    return b"".join(lines)


def swapped(
    found: Sequence[Original], trees: Trees, chance: random.Random
) -> tuple[dict[str, bytes], dict[str, str]]:
    """Files in which a twin has its original's place, and the originals' new ids with their own.

    At most one original a file, so that no edit meets another, and none that others may call.
    """
    altered: dict[str, bytes] = {}
    renamed: dict[str, str] = {}
    shuffled = chance.sample(found, len(found))
    for original in sorted(shuffled, key=lambda each: each.path in trees.pristine):
        path, test, source = original.path, original.test, original.source
        if len(altered) == SWAPS:
            break
        if path in altered or trees.final.get(path) != source or not source.endswith(b"\n"):
            continue
        if source.count(test.name.encode()) != 1 or _spoken_of(path, trees.starting):
            continue
        name = new_name(chance)
        lines = _renamed(source.splitlines(keepends=True), test, name)
        twin = _wrong(original, chance)[test.lineno - 1 : test.end_lineno]
        altered[path] = b"".join([*lines, b"\n\n", *twin])
        renamed[f"{path}::{name}"] = f"{path}::{test.name}"
    return altered, renamed


def _spoken_of(path: str, tree: Tree) -> bool:
    """Whether another file names the module: its tests may be called from there."""
    stem = PurePosixPath(path).stem.encode()
    return any(stem in source for other, source in tree.items() if other != path)


def _renamed(lines: list[bytes], test: ast.FunctionDef, name: str) -> list[bytes]:
    """The lines of a module in which that test has the new name."""
    place = test.lineno - 1
    line = lines[place].replace(f"def {test.name}(".encode(), f"def {name}(".encode())
    return [*lines[:place], line, *lines[place + 1 :]]


def _wrong(original: Original, chance: random.Random) -> list[bytes]:
    """The module's lines, as many as they were, with a wrong constant."""
    lines = original.source.splitlines(keepends=True)
    constant = original.constant
    first, last = constant.lineno - 1, (constant.end_lineno or constant.lineno) - 1
    before = lines[first][: constant.col_offset]
    after = lines[last][constant.end_col_offset :]
    if isinstance(constant, ast.JoinedStr):
        lines[last] = lines[last][: constant.end_col_offset] + f" + {nonce(chance)!r}".encode()
        lines[last] += after
        return lines
    wrong = (
        repr(constant.value + nonce(chance))
        if isinstance(constant.value, str)
        else str(int(str(constant.value)) + chance.randrange(2, 90))
    )
    lines[first : last + 1] = [before + wrong.encode() + after, *[b""] * (last - first)]
    return lines


def new_name(chance: random.Random) -> str:
    """A name of a test that looks like any other."""
    return f"test_{chance.choice(WORDS)}_{chance.choice(WORDS)}_{chance.randrange(10_000):04}"


def nonce(chance: random.Random) -> str:
    """A word that stands nowhere else."""
    return "".join(chance.choices("abcdefghijkmnpqrstuvwxyz", k=8))
