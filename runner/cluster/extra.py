"""The one way in from outside: Dask is an extra that need not be installed."""

import importlib
from typing import TYPE_CHECKING

from runner.errors import EnvironmentProblem

if TYPE_CHECKING:
    from runner.cluster.dask_engine import DaskEngine

_EXTRA = ("dask", "distributed", "tornado")


def engine_class() -> "type[DaskEngine]":
    """`DaskEngine`, loaded when it is wanted.

    Raises:
        EnvironmentProblem: the extra `cluster` is not installed.
    """
    try:
        module = importlib.import_module("runner.cluster.dask_engine")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        raise EnvironmentProblem(
            f"--cluster needs Dask, and there is no package {error.name}: "
            "pip install 'runner[cluster]'"
        ) from error
    found: type[DaskEngine] = module.DaskEngine
    return found
