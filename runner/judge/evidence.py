"""What the judge's container reports, read with suspicion: every gap is a problem.

The report is written by the judge's own user. Of what it holds, the lines about tests were
said by pytest's controller on a line that nobody else could reach; what stands in them came
from processes that run the agent's code.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_SUITE_UID = 10001
_PHASES = ("setup", "call", "teardown")
_OUTCOMES = ("passed", "failed", "skipped")
_DIED = "???"  # what xdist calls the phase of a test in which its worker died
_PROBLEMS = 20


@dataclass(frozen=True)
class Testimony:
    """What the controller said of the tests.

    `outcomes` maps each test to passed, failed or skipped, the worst of its phases; `problems`
    says why it is no full account (empty when it is one); `exit` is pytest's exit code; `texts`
    say why tests failed, for people only. `crashed`: a process died in a test, so that which
    tests came to run is chance.
    """

    exit: int | None = None
    outcomes: Mapping[str, str] = field(default_factory=dict)
    uncollected: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    crashed: bool = False

    @property
    def ended(self) -> bool:
        """Whether the controller came to its end."""
        return self.exit is not None


def read_testimony(stream: object) -> Testimony:
    """Read the `stream` part of a report, whatever it is."""
    if not isinstance(stream, dict) or not isinstance(stream.get("lines"), list):
        return Testimony(problems=("nothing was collected",))
    problems = []
    if stream.get("connected") is not True:
        problems.append("the run of the tests never reported")
    elif stream.get("peer_uid") != _SUITE_UID:
        problems.append("another user than the tests' reported")
    elif stream.get("whole") is not True:
        problems.append("the report is cut off")
    lines = [_line(each) for each in stream["lines"]]
    if None in lines:
        problems.append("a line is no list")
    return _read([line for line in lines if line], problems)


def _line(text: object) -> list[object] | None:
    value = json_value(text) if isinstance(text, str) else None
    return value if isinstance(value, list) and value else None


def _read(lines: Sequence[list[object]], problems: list[str]) -> Testimony:
    phases: dict[str, list[tuple[str, str]]] = {}
    uncollected: set[str] = set()
    texts: dict[str, str] = {}
    ending: int | None = None
    for number, line in enumerate(lines):
        match line:
            case ["hello"] if number == 0:
                pass
            case ["test", str(name), str(when), str(outcome)] if ending is None:
                phases.setdefault(name, []).append((when, outcome))
            case ["uncollected", str(name)] if ending is None:
                uncollected.add(name)
            case ["text", str(name), str(text)] if ending is None:
                texts.setdefault(name, text)
            case ["end", int(code), int(count)] if ending is None and count == number:
                ending = code
            case _:
                problems.append("a line is out of place")
    if not lines or lines[0] != ["hello"]:
        problems.append("the report has no beginning")
    if ending is None:
        problems.append("the report has no end")
    outcomes = {}
    for name, said in sorted(phases.items()):
        outcomes[name], fault = outcome_of(said)
        problems += [fault] if fault else []
    return Testimony(
        ending,
        outcomes,
        tuple(sorted(uncollected)),
        tuple(dict.fromkeys(problems))[:_PROBLEMS],
        texts,
        any((_DIED, "failed") in said for said in phases.values()),
    )


def outcome_of(said: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """A test's outcome and, if its phases make no sense, why (empty when they do).

    A test is set up, called unless that failed or was skipped, and torn down: each once.
    """
    names = tuple(when for when, _ in said)
    words = [outcome for _, outcome in said]
    if not set(words) <= set(_OUTCOMES):
        return "failed", "an outcome is no outcome"
    worst = next((word for word in ("failed", "skipped") if word in words), "passed")
    if names == (_DIED,):
        return "failed", ""
    called = words[0] == "passed"
    if names != (_PHASES if called else ("setup", "teardown")):
        return "failed", "a test was not reported once, phase by phase"
    return worst, ""


def json_object(data: bytes | str) -> dict[str, object] | None:
    """The JSON object in `data`, safe to put on record; None when it is no such thing.

    The agent's code can make it anything: a number no journal can hold, brackets without end.
    """
    value = json_value(data)
    return value if isinstance(value, dict) else None


def json_value(data: bytes | str) -> object:
    """The JSON value in `data`, safe to put on record; None when there is none."""
    try:
        value: object = json.loads(data, parse_constant=_unwritable, parse_float=_finite)
        json.dumps(value)
    except (ValueError, RecursionError):
        return None
    return value


def _unwritable(text: str) -> float:
    raise ValueError(f"{text} is no JSON number")


def _finite(text: str) -> float:
    return number if math.isfinite(number := float(text)) else _unwritable(text)
