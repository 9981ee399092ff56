"""Numpy, loaded when it is wanted: a status with nothing to write would wait for it in vain."""

import importlib
from functools import cache
from typing import Any


@cache
def numpy() -> Any:
    """The package."""
    return importlib.import_module("numpy")
