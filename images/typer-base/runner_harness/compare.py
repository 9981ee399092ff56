"""Ours against the plain way: the same tests, the same outcomes, and how long each took."""

from collections.abc import Mapping
from typing import Any


def comparison(ours: Mapping[str, Any], plain: Mapping[str, Any]) -> dict[str, Any]:
    """Seconds of both, their ratio, and one line for each difference in what they say."""
    found = different_outcomes(ours["pytest"]["tests"], plain["pytest"]["tests"])
    found += [
        f"{tool}.{key}: {ours[tool][key]}, plain {plain[tool][key]}"
        for tool, keys in _COMPARED.items()
        for key in keys
        if ours[tool][key] != plain[tool][key]
    ]
    return {
        "same": not found,
        "tests": len(ours["pytest"]["tests"]),
        "ours_s": ours["seconds"],
        "plain_s": plain["seconds"],
        "ratio": round(ours["seconds"] / plain["seconds"], 3),
        "differences": found,
    }


_COMPARED = {
    "mypy": ("exit", "errors", "files"),
    "ruff_check": ("exit", "errors", "codes"),
    "pytest": ("exit", "passed", "failed", "skipped", "not_collected"),
}


def different_outcomes(ours: Mapping[str, str], plain: Mapping[str, str]) -> list[str]:
    """One line for each test that only one of the two ran, or that ended differently."""
    return [
        f"{name}: {ours.get(name, 'not run')}, plain {plain.get(name, 'not run')}"
        for name in sorted({*ours, *plain})
        if ours.get(name) != plain.get(name)
    ]
