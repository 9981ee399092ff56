"""The steps of a reference solution; the standard library only, so that it runs anywhere."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Edit:
    """Replace the one occurrence of `old` in `path` by `new`."""

    path: str
    old: str
    new: str


@dataclass(frozen=True)
class Create:
    """Make the file `path` with `text`."""

    path: str
    text: str


Solution = tuple[Edit | Create, ...]
