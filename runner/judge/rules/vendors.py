"""Whose code is whose: the packages under test, and the libraries they used before."""

import re
from pathlib import PurePosixPath

from runner.judge.compare import Comparison
from runner.judge.rules.outside import STDLIB, TOOLS
from runner.judge.trees import covers

_IMPORT = re.compile(rb"^[ \t]*(?:from|import)[ \t]+([A-Za-z_]\w*)", re.MULTILINE)


def own_packages(comparison: Comparison) -> frozenset[str]:
    """The top-level names of the modules that the task lets an agent change."""
    trees, task = comparison.trees, comparison.task
    paths = [
        path
        for path in trees.starting.keys() | trees.final.keys()
        if path.endswith(".py") and covers(task.editable, path) and not covers(task.tests, path)
    ]
    tops = {PurePosixPath(path).parts[0].removesuffix(".py") for path in paths}
    return frozenset(tops) - STDLIB - TOOLS


def used_before(comparison: Comparison) -> frozenset[str]:
    """The top-level names of libraries that the pristine packages import."""
    own = own_packages(comparison)
    found = {
        name.decode()
        for path, data in comparison.trees.pristine.items()
        if path.endswith(".py") and PurePosixPath(path).parts[0].removesuffix(".py") in own
        for name in _IMPORT.findall(data)
    }
    return frozenset(found) - own - STDLIB - TOOLS
