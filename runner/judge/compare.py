"""What is new in the code an agent left, told statement by statement."""

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from runner.config.tasks import Task
from runner.image.states import Tree
from runner.judge.canonical import Said, Statement, said, statements
from runner.judge.change import Change
from runner.judge.names import Names, bindings, blocks, import_bindings
from runner.judge.trees import Trees, covers, module_name

_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Import:
    """One name taken by an import: `bound` stands for `source`; `*` for a star import.

    `whole` says that a module itself is imported (`import x.y`), not a name from it.
    """

    path: str
    line: int
    bound: str
    source: str
    whole: bool


@dataclass(frozen=True)
class Comparison:
    """A task, its trees, the change, and what differs in the code.

    `code` names the changed Python files that are no tests. `added` is what the final tree says
    and neither of the others does in any changed file. `earlier` is what those said in statements
    that were touched; `gone` is what of that the final tree no longer says, in those words.
    `fresh` are the imports of the final tree's files, `stale` those of the others, except inside
    functions that did not change.
    """

    task: Task
    trees: Trees
    change: Change
    code: tuple[str, ...]
    renamed: Mapping[str, str]
    added: tuple[Said, ...]
    earlier: tuple[Said, ...]
    gone: tuple[Said, ...]
    fresh: tuple[Import, ...]
    stale: tuple[Import, ...]

    def names(self, tree: Tree) -> Names:
        """The names of one of the trees, followed to where they are made."""
        return Names(self.trees, tree, self.renamed, follow=True)


def compared(task: Task, trees: Trees, change: Change) -> Comparison:
    """Read the changed files of the three trees."""
    changed = [path for path in trees.changed() if path.endswith(".py")]
    code = tuple(path for path in changed if not covers(task.tests, path))
    renamed = moves(task)
    left, gone = _rewritten(trees, code)
    added: tuple[Said, ...] = ()
    earlier: tuple[Said, ...] = ()
    now: list[Said] = []
    # Following names through the package takes longer: only when it may matter.
    for follow in (False, True):
        sides = [
            [each for s in some if (each := said(Names(trees, tree, renamed, follow), s))]
            for tree, some in ((trees.pristine, gone[0]), (trees.starting, gone[1]))
        ]
        names = Names(trees, trees.final, renamed, follow)
        known = Counter(s.text for s in sides[0]) | Counter(s.text for s in sides[1])
        now = [each for s in left if (each := said(names, s))]
        added = tuple(beyond(known, now))
        earlier = (*sides[0], *sides[1])
        if not added:
            break
    still = {each.text for each in now}
    gone_for_good = tuple(each for each in earlier if each.text not in still)
    stale = [
        *_imports(trees, trees.pristine, code, gone[0]),
        *_imports(trees, trees.starting, code, gone[1]),
    ]
    fresh = tuple(_imports(trees, trees.final, code, left))
    return Comparison(
        task, trees, change, code, renamed, added, earlier, gone_for_good, fresh, tuple(stale)
    )


def moves(task: Task) -> dict[str, str]:
    """The dotted names a task asks to move: old -> new."""
    return {
        f"{module_name(spec.old_path)}.{spec.function}": f"{module_name(spec.new_path)}."
        f"{spec.function}"
        for spec in task.checks
        if spec.kind == "function_moved"
    }


def beyond(known: Mapping[str, int], found: Iterable[Said]) -> Iterator[Said]:
    """What is said more often than known."""
    left = Counter(known)
    for each in found:
        left[each.text] -= 1
        if left[each.text] < 0:
            yield each


def apart(
    trees: Trees, before: Tree, after: Tree, path: str
) -> tuple[list[Statement], list[Statement]]:
    """The statements of a file, before and after, that are not word for word in both.

    A statement whose words stand for other things now is among them.
    """
    old, new = statements(trees, before, path), statements(trees, after, path)
    odd = _other_meaning(trees, before, after, path)
    kept = Counter(s.source for s in old) & Counter(s.source for s in new)
    for text in list(kept):
        if not odd.isdisjoint(_WORD.findall(text)):
            del kept[text]
    return _without(old, kept), _without(new, kept)


def _other_meaning(trees: Trees, before: Tree, after: Tree, path: str) -> set[str]:
    found = []
    for tree in (before, after):
        module = trees.module(tree[path]) if path in tree else None
        found.append({} if module is None else bindings(module, path))
    old, new = found
    return {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}


def _without(found: list[Statement], kept: Mapping[str, int]) -> list[Statement]:
    left = Counter(kept)
    rest = []
    for each in found:
        left[each.source] -= 1
        if left[each.source] < 0:
            rest.append(each)
    return rest


def _rewritten(
    trees: Trees, code: Iterable[str]
) -> tuple[list[Statement], tuple[list[Statement], list[Statement]]]:
    """The final statements that are in neither earlier tree, and what is gone of each of those."""
    left: list[Statement] = []
    gone: tuple[list[Statement], list[Statement]] = ([], [])
    for path in code:
        gone_pristine, new_to_pristine = apart(trees, trees.pristine, trees.final, path)
        gone_starting, new_to_starting = apart(trees, trees.starting, trees.final, path)
        there = {id(each.raw) for each in new_to_starting}
        left += [each for each in new_to_pristine if id(each.raw) in there]
        gone[0].extend(gone_pristine)
        gone[1].extend(gone_starting)
    return left, gone


def _imports(
    trees: Trees, tree: Tree, code: Iterable[str], some: Iterable[Statement]
) -> Iterator[Import]:
    for path in code:
        module = trees.module(tree[path]) if path in tree else None
        for node in blocks(module) if module else ():
            yield from _taken(node, path)
    for statement in some:
        for node in ast.walk(statement.raw):
            yield from _taken(node, statement.path)


def _taken(node: ast.AST, path: str) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            bound = alias.asname or alias.name.partition(".")[0]
            yield Import(path, node.lineno, bound, alias.name, whole=True)
    elif isinstance(node, ast.ImportFrom):
        if any(alias.name == "*" for alias in node.names):
            yield Import(path, node.lineno, "*", ast.unparse(node), whole=False)
        for bound, source in import_bindings(node, path):
            yield Import(path, node.lineno, bound, source, whole=False)
