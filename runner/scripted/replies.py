"""What a server sends back, before any protocol: a status, headers and JSON."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

JsonDict = dict[str, object]


@dataclass(frozen=True)
class HttpAnswer:
    """A whole HTTP answer; `body` is JSON-able."""

    status: int
    body: object
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class HttpStream:
    """An answer that comes line by line, each JSON-able; `HangUp` among them breaks it off."""

    lines: Iterator[JsonDict]
    status: int = 200


class HangUp(Exception):
    """The line breaks here; `silent`: not before the client leaves."""

    def __init__(self, *, silent: bool = False) -> None:
        super().__init__()
        self.silent = silent


class BadRequest(Exception):
    """The request breaks the protocol's rules; `kind` is the vendor's word for it."""

    def __init__(
        self, message: str, status: int = 400, kind: str = "invalid_request_error"
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind


def as_dict(value: object, what: str) -> JsonDict:
    """`value` as a JSON object; raises `BadRequest` naming `what`."""
    if not isinstance(value, dict):
        raise BadRequest(f"{what}: Input should be a valid dictionary")
    return value


def as_list(value: object, what: str) -> list[object]:
    """`value` as a JSON array; raises `BadRequest` naming `what`."""
    if not isinstance(value, list):
        raise BadRequest(f"{what}: Input should be a valid list")
    return value
