"""Faults on demand: which of an endpoint's requests goes wrong, and how.

Written `KIND@N`, `KIND@N-M` or `KIND@*`, several joined by commas; N counts the model calls
one endpoint gets, retries included, from 1. A kind may carry a value: `429:2` asks the client
to wait 2 seconds, `say:json-cut` says that case of `runner.scripted.malformed`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from runner.errors import UsageError
from runner.scripted.malformed import CASES

KINDS: Mapping[str, str] = {
    "400": "400, the request is refused",
    "401": "401, the key is refused",
    "429": "429; `429:2` with a retry-after of 2 seconds",
    "500": "500, an internal error",
    "503": "503, the service is unavailable",
    "529": "529, overloaded; takes a retry-after like 429",
    "spend": "400, the spend limit is reached",
    "context": "400, the prompt is too long",
    "drop": "the connection closes before the request is read",
    "drop-after": "the connection closes after the request is read",
    "half": "the answer stops half way",
    "hang": "nothing is answered until the client leaves",
    "oom": "500 of Ollama's, the machine has no memory for the model",
    "cut": "Ollama only: half of the prompt is left out without a word; its count tells",
    "say": "Ollama only: a case of docs/ollama.md's malformed replies, `say:json-cut`; else empty",
    "crash": "the answer stops half way and the stand-in's container dies",
    "garbage": "200 with a body that is no JSON",
    "html": "200 with a web page",
    "not-a-reply": "200 with JSON that is no reply",
    "usage-none": "usage fields are null",
    "usage-missing": "there is no usage",
    "usage-negative": "a usage field is negative",
    "usage-fraction": "a usage field is no whole number",
}
# What goes wrong with the models on a stand-in's disk; N counts its pulls.
DISK_KINDS: Mapping[str, str] = {
    "pull-break": "the connection closes half way through the first layer",
    "pull-hang": "nothing more comes from there on, until the client leaves",
    "pull-error": "the server gives the layer up there",
    "pull-full": "the disk is full there",
    "pull-missing": "the registry has no such model",
    "digest": "every model has another digest, whatever N is",
}
_ITEM = re.compile(
    r"(?P<kind>[a-z0-9-]+)(:((?P<value>\d+(\.\d+)?)|(?P<case>[a-z-]+)))?@((?P<first>\d+)(-(?P<last>\d+))?|\*)"
)


@dataclass(frozen=True)
class Fault:
    """One kind of fault on the requests `first` to `last` (from 1; None: for ever)."""

    kind: str
    first: int = 1
    last: int | None = None
    value: float | None = None
    case: str | None = None

    def hits(self, number: int) -> bool:
        """Whether the endpoint's request `number` is to go wrong."""
        return number >= self.first and (self.last is None or number <= self.last)


Faults = tuple[Fault, ...]


def fault_for(faults: Sequence[Fault], number: int) -> Fault | None:
    """The fault for request `number`; the first named wins."""
    return next((fault for fault in faults if fault.hits(number)), None)


def parse_faults(text: str, kinds: Iterable[str] = KINDS) -> Faults:
    """Read `529@3,drop@5-6`; `kinds` are those that may be named.

    Raises:
        UsageError: an item is misspelt; the message lists what is allowed.
    """
    known = tuple(kinds)
    return tuple(_parse(item.strip(), known) for item in text.split(","))


def _parse(item: str, known: Sequence[str]) -> Fault:
    match = _ITEM.fullmatch(item)
    if match is None or match["kind"] not in known:
        raise UsageError(
            f"fault '{item}' is not KIND@N, KIND@N-M or KIND@* with a KIND of: {', '.join(known)}"
        )
    value = float(match["value"]) if match["value"] else None
    case = _case(item, match["kind"], match["case"])
    if match["first"] is None:
        return Fault(match["kind"], value=value, case=case)
    first = int(match["first"])
    last = int(match["last"]) if match["last"] else first
    if first < 1 or last < first:
        raise UsageError(f"fault '{item}': requests count from 1, and M is not below N")
    return Fault(match["kind"], first, last, value, case)


def _case(item: str, kind: str, case: str | None) -> str | None:
    if case is not None and (kind != "say" or case not in CASES):
        raise UsageError(
            f"fault '{item}': only KIND@N with the kind say has a case, one of {', '.join(CASES)}"
        )
    return case
