"""Whose limit holds for a run: the one that is given, the one it had, or the default."""

import pytest

from runner.matrix.session import DEFAULT_USD, run_limit
from runner.types import ProviderKind


@pytest.mark.parametrize(
    ("given", "kind", "earlier", "limit"),
    [
        (None, "live", None, DEFAULT_USD),  # nobody watches it: it has a limit in any case
        (None, "live", 5.0, 5.0),
        (None, "live", 90.0, 90.0),
        (7.0, "live", None, 7.0),
        (7.0, "live", 90.0, 7.0),
        (None, "scripted", None, None),  # nothing is paid
        (None, "scripted", 5.0, 5.0),
        (7.0, "scripted", 5.0, 7.0),
    ],
)
def test_a_runs_limit(
    given: float | None, kind: ProviderKind, earlier: float | None, limit: float | None
) -> None:
    assert run_limit(given, kind, earlier) == limit
