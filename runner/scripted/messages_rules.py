"""What the Messages API refuses, in its own words: the checks an honest stand-in must make."""

from collections.abc import Mapping, Sequence

from runner.scripted.replies import BadRequest, JsonDict, as_dict, as_list

MOST_MARKS = 4
_SAMPLING = ("temperature", "top_p", "top_k")


def check_headers(headers: Mapping[str, str], api_key: str | None) -> None:
    """Refuse a request without a key, with another than `api_key`, or without a version.

    Header names are lower case. Raises `BadRequest`.
    """
    bearer = headers.get("authorization", "").removeprefix("Bearer ").strip()
    given = headers.get("x-api-key") or bearer
    if not given:
        raise BadRequest("x-api-key header is required", 401, "authentication_error")
    if api_key is not None and given != api_key:
        raise BadRequest("invalid x-api-key", 401, "authentication_error")
    if not headers.get("anthropic-version"):
        raise BadRequest("anthropic-version: header is required")


def check_body(body: JsonDict, version: str) -> None:
    """Refuse what the API refuses in a request's body; raises `BadRequest`."""
    if not isinstance(body.get("model"), str) or not body["model"]:
        raise BadRequest("model: Field required")
    limit = body.get("max_tokens")
    if type(limit) is not int or limit < 1:
        raise BadRequest("max_tokens: Input should be greater than or equal to 1")
    for name in _SAMPLING:
        if name in body and version >= "2026-10-21":
            raise BadRequest(f"{name}: Extra inputs are not permitted")
    _check_tools(as_list(body.get("tools", []), "tools"))
    messages = [
        as_dict(message, f"messages.{index}")
        for index, message in enumerate(as_list(body.get("messages"), "messages"))
    ]
    _check_messages(messages, str(body["model"]))
    marks = count_marks(body)
    if marks > MOST_MARKS:
        raise BadRequest(
            f"A maximum of {MOST_MARKS} blocks with cache_control may be provided. Found {marks}."
        )


def blocks_of(message: JsonDict) -> list[JsonDict]:
    """A message's content as blocks; a string is one text block."""
    content = message.get("content")
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [as_dict(block, "content") for block in as_list(content, "messages: content")]


def count_marks(body: JsonDict) -> int:
    """How many cache marks a request uses, the automatic one included."""
    blocks = [*as_list(body.get("tools", []), "tools")]
    if isinstance(body.get("system"), list):
        blocks += as_list(body["system"], "system")
    for message in as_list(body.get("messages"), "messages"):
        blocks += blocks_of(as_dict(message, "messages"))
    marked = sum(1 for block in blocks if isinstance(block, dict) and block.get("cache_control"))
    return marked + (1 if body.get("cache_control") else 0)


def _check_tools(tools: Sequence[object]) -> None:
    names = set()
    for index, tool in enumerate(tools):
        table = as_dict(tool, f"tools.{index}")
        name = table.get("name")
        if not isinstance(name, str) or not name:
            raise BadRequest(f"tools.{index}.name: Field required")
        if name in names:
            raise BadRequest("tools: Tool names must be unique.")
        names.add(name)
        if "type" not in table and not isinstance(table.get("input_schema"), dict):
            raise BadRequest(f"tools.{index}.input_schema: Field required")


def _check_messages(messages: Sequence[JsonDict], model: str) -> None:
    if not messages:
        raise BadRequest("messages: at least one message is required")
    open_calls: list[str] = []
    for index, message in enumerate(messages):
        role = message.get("role")
        if role not in ("user", "assistant"):
            raise BadRequest(f"messages.{index}.role: Input should be 'user' or 'assistant'")
        if index == 0 and role != "user":
            raise BadRequest('messages: first message must use the "user" role')
        blocks = blocks_of(message)
        _check_blocks(blocks, index)
        _check_results(blocks, open_calls, index, str(role))
        open_calls = [str(b.get("id")) for b in blocks if b.get("type") == "tool_use"]
    if open_calls:
        raise BadRequest(_unanswered(len(messages) - 1, open_calls))
    if messages[-1].get("role") == "assistant" and not model.startswith("claude-haiku-4-5"):
        raise BadRequest("This model does not support assistant message prefill.")


def _check_blocks(blocks: Sequence[JsonDict], index: int) -> None:
    if not blocks:
        raise BadRequest(f"messages.{index}: all messages must have non-empty content")
    ids = set()
    for place, block in enumerate(blocks):
        where = f"messages.{index}.content.{place}"
        kind = block.get("type")
        if not isinstance(kind, str):
            raise BadRequest(f"{where}.type: Field required")
        if kind == "text" and not str(block.get("text") or "").strip():
            raise BadRequest(f"{where}: text content blocks must be non-empty")
        if kind == "tool_use":
            as_dict(block.get("input"), f"{where}.tool_use.input")
            if not block.get("id") or block["id"] in ids:
                raise BadRequest(f"{where}: `tool_use` ids must be unique")
            ids.add(block["id"])


def _check_results(
    blocks: Sequence[JsonDict], open_calls: Sequence[str], index: int, role: str
) -> None:
    """Every tool use is answered in the very next message, and nothing else is."""
    answered = [str(b.get("tool_use_id")) for b in blocks if b.get("type") == "tool_result"]
    if role == "assistant" and answered:
        raise BadRequest(f"messages.{index}: `tool_result` blocks can only be in `user` messages")
    unknown = [call_id for call_id in answered if call_id not in open_calls]
    if unknown:
        raise BadRequest(
            f"messages.{index}: unexpected `tool_use_id` found in `tool_result` blocks:"
            f" {', '.join(unknown)}"
        )
    left = [call_id for call_id in open_calls if call_id not in answered]
    if left or len(answered) != len(set(answered)):
        raise BadRequest(_unanswered(index - 1, left or answered))


def _unanswered(index: int, call_ids: Sequence[str]) -> str:
    return (
        f"messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately"
        f" after: {', '.join(call_ids)}"
    )
