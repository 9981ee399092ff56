"""The Messages API as a stand-in speaks it: a request into a dialogue, a turn into an answer.

Pure functions over JSON; `messages_rules` says what is refused before.
"""

import hashlib
import json
from collections.abc import Sequence

from runner.scripted.cache import PromptBlock, Ttl
from runner.scripted.messages_rules import blocks_of
from runner.scripted.replies import HttpAnswer, JsonDict, as_dict, as_list
from runner.scripted.script import Answer, Ask, Dialogue, Exchange, Turn
from runner.scripted.tokens import estimate, tool_prompt
from runner.types import Usage

_KIND_BY_STATUS = {
    "400": (400, "invalid_request_error", "The request is refused."),
    "401": (401, "authentication_error", "invalid x-api-key"),
    "429": (429, "rate_limit_error", "This request would exceed your rate limit."),
    "500": (500, "api_error", "Internal server error"),
    "503": (503, "api_error", "Service unavailable"),
    "529": (529, "overloaded_error", "Overloaded"),
    "spend": (400, "invalid_request_error", "Your credit balance is too low to access the API."),
    "context": (400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
}


def no_models() -> HttpAnswer:
    """The list of models, which a script does not need: it plays whichever is asked for."""
    return HttpAnswer(200, {"data": [], "has_more": False, "first_id": None, "last_id": None})


def error(status: int, kind: str, message: str, request_id: str) -> HttpAnswer:
    """An error as the API words it."""
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": request_id}
    return HttpAnswer(status, body, {"request-id": request_id})


def fault_answer(kind: str, value: float | None, request_id: str) -> HttpAnswer | None:
    """The error answer of a fault, or None when the fault is no error answer."""
    if kind not in _KIND_BY_STATUS:
        return None
    answer = error(*_KIND_BY_STATUS[kind], request_id)
    headers = dict(answer.headers)
    if value is not None:
        headers["retry-after"] = f"{value:g}"
    return HttpAnswer(answer.status, answer.body, headers)


def dialogue_of(body: JsonDict) -> Dialogue:
    """The conversation in a checked request."""
    messages = [as_dict(item, "messages") for item in as_list(body["messages"], "messages")]
    first = next((i for i, m in enumerate(messages) if m["role"] == "assistant"), len(messages))
    instruction = "\n".join(
        str(block.get("text", ""))
        for message in messages[:first]
        for block in blocks_of(message)
        if block.get("type") == "text"
    )
    exchanges = [
        _exchange(message, messages[index + 1 : index + 2])
        for index, message in enumerate(messages)
        if message["role"] == "assistant"
    ]
    return Dialogue(instruction, tuple(exchanges))


def _exchange(said: JsonDict, following: Sequence[JsonDict]) -> Exchange:
    uses = [block for block in blocks_of(said) if block.get("type") == "tool_use"]
    results = {
        str(block["tool_use_id"]): block
        for message in following
        for block in blocks_of(message)
        if block.get("type") == "tool_result"
    }
    answered = [results.get(str(use["id"]), {}) for use in uses]
    return Exchange(
        tuple(Ask(str(use["name"]), use["input"]) for use in uses),
        tuple(Answer(_text_of(r.get("content")), bool(r.get("is_error"))) for r in answered),
    )


def _text_of(content: object) -> str:
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content or "")


def prompt_blocks(body: JsonDict) -> list[PromptBlock]:
    """The prompt as the cache sees it: tools, system, messages, with tokens and marks."""
    model = str(body["model"])
    tools = as_list(body.get("tools", []), "tools")
    blocks = [_block(tool, "tool", model) for tool in tools]
    if blocks:
        first = blocks[0]
        tokens = first.tokens + tool_prompt(model)
        blocks[0] = PromptBlock(first.content, tokens, first.mark)
    system = body.get("system") or []
    parts = system if isinstance(system, list) else [{"type": "text", "text": system}]
    blocks += [_block(part, "system", model) for part in parts]
    # What changes the messages' part of the prompt and nothing before it.
    settings = json.dumps(
        [body.get("tool_choice"), body.get("thinking"), body.get("output_config")]
    )
    for index, item in enumerate(as_list(body["messages"], "messages")):
        message = as_dict(item, "messages")
        where = f"{message['role']} {settings if index == 0 else ''}"
        blocks += [_block(part, where, model) for part in blocks_of(message)]
    if body.get("cache_control") and blocks:
        last = blocks[-1]
        blocks[-1] = PromptBlock(last.content, last.tokens, _ttl(body["cache_control"]), last.run)
    return blocks


def _block(value: object, where: str, model: str) -> PromptBlock:
    table = dict(as_dict(value, where))
    mark = _ttl(table.pop("cache_control", None))
    text = json.dumps(table, sort_keys=True, ensure_ascii=False)
    kind = str(table.get("type", ""))
    counted = str(table["text"]) if kind == "text" else text
    run = kind if kind in ("tool_use", "tool_result") else None
    return PromptBlock(f"{where}\n{text}", estimate(counted, model), mark, run)


def _ttl(mark: object) -> Ttl | None:
    if not isinstance(mark, dict):
        return None
    return "1h" if mark.get("ttl") == "1h" else "5m"


def output_tokens(turn: Turn, model: str) -> int:
    """The estimate for what a turn writes; at least 1."""
    calls = sum(estimate(f"{ask.name} {json.dumps(ask.arguments)}", model) for ask in turn.asks)
    return max(1, estimate(turn.text, model) + calls)


def answer(turn: Turn, body: JsonDict, number: int, prompt: Usage, request_id: str) -> HttpAnswer:
    """The turn as the API answers it; `number` counts the conversation's turns from 0."""
    content: list[JsonDict] = [{"type": "text", "text": turn.text}] if turn.text else []
    for index, ask in enumerate(turn.asks):
        tool_id = f"toolu_{number:04}{index:02}"
        content.append(
            {"type": "tool_use", "id": tool_id, "name": ask.name, "input": ask.arguments}
        )
    model = str(body["model"])
    digest = hashlib.sha256(json.dumps([request_id, content]).encode()).hexdigest()
    reply: JsonDict = {
        "id": f"msg_{digest[:24]}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": turn.stop_reason or ("tool_use" if turn.asks else "end_turn"),
        "stop_sequence": None,
        "usage": _usage(prompt, output_tokens(turn, model)),
    }
    return HttpAnswer(200, reply, {"request-id": request_id})


def _usage(prompt: Usage, written: int) -> JsonDict:
    return {
        "input_tokens": prompt.input_tokens,
        "cache_creation_input_tokens": prompt.cache_write_5m_tokens + prompt.cache_write_1h_tokens,
        "cache_read_input_tokens": prompt.cache_read_tokens,
        "cache_creation": {
            "ephemeral_5m_input_tokens": prompt.cache_write_5m_tokens,
            "ephemeral_1h_input_tokens": prompt.cache_write_1h_tokens,
        },
        "output_tokens": written,
        "service_tier": "standard",
    }


def spoil_usage(body: JsonDict, kind: str) -> JsonDict:
    """The reply with its usage made wrong, as a `usage-...` fault asks."""
    usage = dict(as_dict(body["usage"], "usage"))
    if kind == "usage-missing":
        return {key: value for key, value in body.items() if key != "usage"}
    if kind == "usage-none":
        usage = dict.fromkeys(usage)
    elif kind == "usage-negative":
        usage["output_tokens"] = -7
    elif kind == "usage-fraction":
        usage["input_tokens"] = 12.5
    return {**body, "usage": usage}
