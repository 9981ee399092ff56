"""Ollama's native API as a stand-in speaks it. Pure functions over JSON.

The counts are what the whole prompt would take: nothing is cut, so a prompt longer than
`num_ctx` shows as a count above it.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from runner.scripted.faults import Fault
from runner.scripted.malformed import EMPTY, REFUSED, SAID
from runner.scripted.replies import BadRequest, HttpAnswer, JsonDict, as_dict, as_list
from runner.scripted.script import Answer, Ask, Dialogue, Exchange, Turn
from runner.scripted.tokens import estimate

VERSION = "0.34.2"  # the server whose API this follows
DEFAULT_CONTEXT = 4096  # tokens, on a machine with little GPU memory
ERROR_WORD = "ERROR: "  # how a tool's error begins among results
_ROLES = ("system", "user", "assistant", "tool")
_ERRORS = {
    "400": (400, "invalid request"),
    "401": (401, "unauthorized"),
    "429": (429, "too many requests"),
    "500": (500, "model runner has unexpectedly stopped"),
    "503": (503, "server busy, please try again. maximum pending requests exceeded"),
    "529": (503, "server busy, please try again. maximum pending requests exceeded"),
    "spend": (402, "usage limit reached"),
    "context": (400, "prompt too long; exceeded max context length"),
    "oom": (500, "model requires more system memory (9.8 GiB) than is available (3.1 GiB)"),
}


def error(status: int, message: str) -> HttpAnswer:
    """An error as the server words it."""
    return HttpAnswer(status, {"error": message})


def fault_answer(kind: str, value: float | None) -> HttpAnswer | None:
    """The error answer of a fault, or None when the fault is no error answer."""
    if kind not in _ERRORS:
        return None
    status, message = _ERRORS[kind]
    headers = {} if value is None else {"retry-after": f"{value:g}"}
    return HttpAnswer(status, {"error": message}, headers)


def check_body(body: JsonDict) -> None:
    """Refuse what the server refuses in a chat request; raises `BadRequest`."""
    if not isinstance(body.get("model"), str) or not body["model"]:
        raise BadRequest("model is required")
    for index, item in enumerate(as_list(body.get("messages"), "messages")):
        message = as_dict(item, f"messages.{index}")
        if message.get("role") not in _ROLES:
            raise BadRequest(f"invalid role {message.get('role')!r}")
        for call in as_list(message.get("tool_calls") or [], "tool_calls"):
            function = as_dict(as_dict(call, "tool_calls").get("function"), "function")
            as_dict(function.get("arguments"), "function.arguments")


def dialogue_of(body: JsonDict) -> Dialogue:
    """The conversation in a checked request; results belong to the calls before, in order."""
    messages = [as_dict(item, "messages") for item in as_list(body["messages"], "messages")]
    instruction = next((str(m.get("content", "")) for m in messages if m["role"] == "user"), "")
    exchanges = []
    for index, message in enumerate(messages):
        if message["role"] == "assistant":
            calls = as_list(message.get("tool_calls") or [], "tool_calls")
            answers = tuple(_answers(messages[index + 1 :]))
            exchanges.append(Exchange(tuple(_ask(call) for call in calls), answers))
    return Dialogue(instruction, tuple(exchanges))


def _ask(call: object) -> Ask:
    function = as_dict(as_dict(call, "tool_calls")["function"], "function")
    return Ask(str(function.get("name")), function.get("arguments"))


def _answers(following: Sequence[JsonDict]) -> Iterator[Answer]:
    for message in following:
        if message["role"] != "tool":
            return
        # The protocol has no field for an error, so whoever sends the result says it in words.
        text = str(message.get("content", ""))
        yield Answer(text, is_error=text.startswith(ERROR_WORD))


def prompt_tokens(body: JsonDict) -> int:
    """The estimate for the whole prompt: messages and tools."""
    model = str(body["model"])
    tools = as_list(body.get("tools") or [], "tools")
    items = [*as_list(body["messages"], "messages"), *tools]
    return sum(estimate(json.dumps(item, ensure_ascii=False), model) for item in items)


def answer(turn: Turn, body: JsonDict, latency_s: float) -> HttpAnswer:
    """The turn as the server answers it; its durations add up to `latency_s`, or to 1 ms."""
    model = str(body["model"])
    message: JsonDict = {"role": "assistant", "content": turn.text}
    if turn.asks:
        message["tool_calls"] = [
            {"function": {"name": ask.name, "arguments": ask.arguments}} for ask in turn.asks
        ]
    asked = sum(estimate(f"{ask.name} {json.dumps(ask.arguments)}", model) for ask in turn.asks)
    nanoseconds = int(max(latency_s, 0.001) * 1e9)  # no server answers in no time
    return HttpAnswer(
        200,
        {
            "model": model,
            "created_at": datetime.now(UTC).isoformat(),
            "message": message,
            "done": True,
            "done_reason": "length" if turn.stop_reason == "max_tokens" else "stop",
            "total_duration": nanoseconds,
            "load_duration": 0,
            "prompt_eval_count": prompt_tokens(body),
            "prompt_eval_duration": nanoseconds // 5,
            "eval_count": max(1, estimate(turn.text, model) + asked),
            "eval_duration": nanoseconds - nanoseconds // 5,
        },
    )


def loaded(body: JsonDict) -> HttpAnswer:
    """The answer to a chat without messages, which only loads the model."""
    message = {"role": "assistant", "content": ""}
    reply = {"model": body["model"], "created_at": datetime.now(UTC).isoformat()}
    return HttpAnswer(200, {**reply, "message": message, "done_reason": "load", "done": True})


def spoilt(answer: HttpAnswer, fault: Fault) -> HttpAnswer:
    """The reply with its counts made wrong, as a `usage-...` or a `cut` fault asks, or with other
    words, as `say` does."""
    body = dict(as_dict(answer.body, "reply"))
    if fault.kind == "say":
        case = fault.case or EMPTY
        if case in REFUSED:
            return error(500, REFUSED[case])
        body["message"] = {"role": "assistant", **SAID[case]}
    elif fault.kind == "usage-none":
        body.update(prompt_eval_count=None, eval_count=None)
    elif fault.kind == "usage-missing":
        del body["prompt_eval_count"], body["eval_count"]
    elif fault.kind == "usage-negative":
        body["eval_count"] = -7
    elif fault.kind == "usage-fraction":
        body["prompt_eval_count"] = 12.5
    elif fault.kind == "cut":
        body["prompt_eval_count"] = int(str(body["prompt_eval_count"])) // 2
    return HttpAnswer(200, body)


def show(model: str) -> JsonDict:
    """What the server tells of a model."""
    return {
        "modelfile": f"FROM {model}",
        "details": _details(),
        "model_info": {"general.architecture": "scripted", "scripted.context_length": 262144},
        "capabilities": ["completion", "tools", "thinking"],
    }


def tag(model: str, digest: str, size: int) -> JsonDict:
    """A line of the list of models on disk; `size` in bytes."""
    return {"name": model, "model": model, "digest": digest, "size": size, "details": _details()}


def running(line: JsonDict, num_ctx: int) -> JsonDict:
    """A line of the list of loaded models; `num_ctx` is the context it was loaded with."""
    return {**line, "size_vram": 0, "context_length": num_ctx}


def _details() -> JsonDict:
    return {
        "format": "scripted",
        "family": "scripted",
        "parameter_size": "0",
        "quantization_level": "none",
    }
