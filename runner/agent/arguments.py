"""Tool arguments: a dataclass is both the JSON schema a model sees and the check of its call."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from runner.config.loading import explain
from runner.errors import ToolError
from runner.types import JsonObject

T = TypeVar("T")


def schema_of(kind: type[object]) -> JsonObject:
    """The JSON schema of a pydantic dataclass, without the titles nobody reads."""
    schema: JsonObject = without_titles(TypeAdapter(kind).json_schema())
    return {key: value for key, value in schema.items() if key != "description"}


def without_titles(node: object) -> dict[str, object]:
    """Drop pydantic's generated `title` keys, at every depth; `node` is a JSON object."""
    assert isinstance(node, Mapping)
    return {
        key: without_titles(value) if isinstance(value, Mapping) else value
        for key, value in node.items()
        if not (key == "title" and isinstance(value, str))
    }


def parse(kind: Callable[..., T], arguments: JsonObject, tool: str) -> T:
    """Read a model's arguments as `kind`, a pydantic dataclass.

    `ToolError` says which argument is wrong and why.
    """
    try:
        # As keywords, because strict validation takes no mapping for a dataclass.
        return kind(**arguments)
    except ValidationError as error:
        raise ToolError(f"{tool}: {explain(error)[:2000]}") from error
