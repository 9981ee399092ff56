"""Held-out questions: what a hidden program observed, against what only the host knows."""

from collections.abc import Mapping

from runner.config.probes import Probe
from runner.judge.evidence import json_object
from runner.types import Check, ExecResult, JsonObject

_SHOWN_CHARS = 300
_NAMED = 50


def answer(name: str, question: Probe, result: ExecResult) -> tuple[Check, JsonObject]:
    """The check, which names the wrong observations, and for people what they were.

    The program runs beside the agent's code, which may say anything in its place: that is no
    way round, because only the right values pass.
    """
    lines = result.output.decode("utf-8", "replace").strip().splitlines()
    observed = json_object(lines[-1]) if lines else None
    if result.exit_code != 0 or observed is None:
        missing = "the program did not end in time" if result.timed_out else "nothing was observed"
        return Check(name, False, {"missing": missing}), {"output": lines[-20:]}
    wrong = differing(question.expected, observed)
    detail: JsonObject = {"cases": len(question.expected), "wrong": wrong[:_NAMED]}
    said = {key: repr(observed.get(key))[:_SHOWN_CHARS] for key in wrong[:_NAMED]}
    return Check(name, not wrong, detail), said


def differing(expected: Mapping[str, object], observed: Mapping[str, object]) -> list[str]:
    """The names of what was not observed exactly as expected, of what is missing or added."""
    names = {*expected, *observed}
    return sorted(
        key
        for key in names
        if key not in expected or key not in observed or not equal(expected[key], observed[key])
    )


def equal(one: object, other: object) -> bool:
    """Equal and of exactly the same types, all the way down: 1 is neither True nor 1.0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return one == other
