"""Faults on demand: which of an endpoint's requests goes wrong, and how.

Written `KIND@N`, `KIND@N-M` or `KIND@*`, several joined by commas; N counts the model calls
one endpoint gets, retries included, from 1. A kind may carry a value: `429:2` asks the client
to wait 2 seconds.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from runner.errors import UsageError

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
    "garbage": "200 with a body that is no JSON",
    "html": "200 with a web page",
    "not-a-reply": "200 with JSON that is no reply",
    "usage-none": "usage fields are null",
    "usage-missing": "there is no usage",
    "usage-negative": "a usage field is negative",
    "usage-fraction": "a usage field is no whole number",
}
_ITEM = re.compile(
    r"(?P<kind>[a-z0-9-]+)(:(?P<value>\d+(\.\d+)?))?@((?P<first>\d+)(-(?P<last>\d+))?|\*)"
)


@dataclass(frozen=True)
class Fault:
    """One kind of fault on the requests `first` to `last` (from 1; None: for ever)."""

    kind: str
    first: int = 1
    last: int | None = None
    value: float | None = None

    def hits(self, number: int) -> bool:
        """Whether the endpoint's request `number` is to go wrong."""
        return number >= self.first and (self.last is None or number <= self.last)


Faults = tuple[Fault, ...]


def fault_for(faults: Sequence[Fault], number: int) -> Fault | None:
    """The fault for request `number`; the first named wins."""
    return next((fault for fault in faults if fault.hits(number)), None)


def parse_faults(text: str) -> Faults:
    """Read `529@3,drop@5-6`.

    Raises:
        UsageError: an item is misspelt; the message lists what is allowed.
    """
    return tuple(_parse(item.strip()) for item in text.split(","))


def _parse(item: str) -> Fault:
    match = _ITEM.fullmatch(item)
    if match is None or match["kind"] not in KINDS:
        kinds = ", ".join(KINDS)
        raise UsageError(
            f"fault '{item}' is not KIND@N, KIND@N-M or KIND@* with a KIND of: {kinds}"
        )
    value = float(match["value"]) if match["value"] else None
    if match["first"] is None:
        return Fault(match["kind"], value=value)
    first = int(match["first"])
    last = int(match["last"]) if match["last"] else first
    if first < 1 or last < first:
        raise UsageError(f"fault '{item}': requests count from 1, and M is not below N")
    return Fault(match["kind"], first, last, value)
