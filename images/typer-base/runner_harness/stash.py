"""Modules imported ahead of time that look as if they were not, until they are imported.

Importing a stashed module puts the finished module in its place, together with everything its
own import had brought in, at no more cost than a few dictionary entries.
"""

import builtins
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, cast


def preload(names: Iterable[str]) -> "Stash":
    """Import `names` and all they need; what was not there before is the stash."""
    before = set(sys.modules)
    needs: dict[str, list[str]] = {}
    original = builtins.__import__

    def recording(
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        module = original(name, globals, locals, fromlist or (), level)
        importer = str((globals or {}).get("__name__", ""))
        package = str((globals or {}).get("__package__") or "")
        full = importlib.util.resolve_name("." * level + name, package) if level else name
        found = needs.setdefault(importer, [])
        found += [full, *(f"{full}.{part}" for part in fromlist or ())]
        return module

    builtins.__import__ = recording
    try:
        for name in names:
            importlib.import_module(name)
    finally:
        builtins.__import__ = original
    hidden = {name: sys.modules[name] for name in list(sys.modules) if name not in before}
    return Stash(hidden, {name: tuple(dict.fromkeys(needs.get(name, ()))) for name in hidden})


class Stash:
    """Finds and loads hidden modules; a finder and loader of the import system.

    `modules` maps names to finished modules, `needs` maps them to the names that their code
    imported while it ran (some of which name no module but an attribute).
    """

    def __init__(
        self, modules: Mapping[str, ModuleType], needs: Mapping[str, Sequence[str]]
    ) -> None:
        self._modules = modules
        self._needs = needs
        self._specs = {name: module.__spec__ for name, module in modules.items()}
        self._shadowed: frozenset[str] = frozenset()

    def hide(self, first_path: str) -> None:
        """Hide the modules and stand ready to bring them back.

        A module of the same name in `first_path` (what comes first in `sys.path`) wins, as it
        would in a new process.
        """
        try:
            entries = os.listdir(first_path)
        except OSError:
            entries = []
        self._shadowed = frozenset(entry.partition(".")[0] for entry in entries)
        for name, module in self._modules.items():
            sys.modules.pop(name, None)
            parent, _, child = name.rpartition(".")
            owner = self._modules.get(parent) or sys.modules.get(parent)
            if owner is not None and owner.__dict__.get(child) is module:
                delattr(owner, child)
        sys.meta_path.insert(0, self)

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Part of the import system's finder protocol."""
        if name not in self._modules or name.partition(".")[0] in self._shadowed:
            return None
        return ModuleSpec(name, cast(Any, self))

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Part of the import system's loader protocol."""
        return self._modules[spec.name]

    def exec_module(self, module: ModuleType) -> None:
        """Part of the import system's loader protocol: no code runs, it ran long ago."""
        name = module.__name__
        module.__spec__ = self._specs[name]
        for need in self._needs.get(name, ()):
            if need in self._modules and need not in sys.modules:
                importlib.import_module(need)
