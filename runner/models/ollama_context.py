"""Whether a local model saw its whole prompt: asked before a call and proved after it.

The server cuts a prompt that does not fit without a word, and loads a model with another
context than was asked for when it must. Both would make a result that is not the model's.
"""

from collections.abc import Mapping, Sequence

from runner.errors import ModelFailure
from runner.models.answer import as_json
from runner.types import Message, Reply, ToolResult, ToolSpec, UserText

# A token of a byte-level BPE, which this family of models has, is a byte at least. Text has 3 or
# 4 to a token, but digits one each, and random bytes little more.
BYTES_PER_TOKEN = 1.0
FRAME_TOKENS = 16  # around each message and each tool
TEMPLATE_TOKENS = 1_000  # what a model's template says of its own before all others


def check_fits(
    system: str, messages: Sequence[Message], tools: Sequence[ToolSpec], num_ctx: int
) -> None:
    """Refuse a prompt that may not fit into `num_ctx` tokens, before it is sent.

    Raises:
        ModelFailure: kind `context_length`; the estimate errs on the side of refusing.
    """
    tokens = estimate(system, messages, tools)
    if tokens > num_ctx:
        raise ModelFailure(
            f"the prompt may take {tokens} tokens and num_ctx is {num_ctx}: not sent, because "
            "the server would cut it",
            kind="context_length",
            lost=False,
        )


def estimate(system: str, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> int:
    """Tokens of a prompt at most: the server's own last count, and the bytes of what is new."""
    new: list[str] = []
    for message in reversed(messages):
        if isinstance(message, Reply) and message.usage.input_tokens:
            written = message.usage.output_tokens or _tokens([_text(message)])
            return message.usage.input_tokens + written + _tokens(new)
        new.append(_text(message))
    offered = [f"{tool.name}{tool.description}{tool.parameters}" for tool in tools]
    return TEMPLATE_TOKENS + _tokens([system, *offered, *new])


def _tokens(texts: Sequence[str]) -> int:
    size = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    return int(size / BYTES_PER_TOKEN) + FRAME_TOKENS * len(texts)


def _text(message: Message) -> str:
    if isinstance(message, UserText | ToolResult):
        return message.text
    # What is echoed holds the thoughts too.
    return str(message.raw or f"{message.text}{[dict(call.arguments) for call in message.calls]}")


def check_whole(messages: Sequence[Message], reply: Reply, num_ctx: int) -> None:
    """Refuse a reply whose counts say that something was cut.

    A count the server did not send proves nothing; `check_fits` has bounded the prompt all the
    same.

    Raises:
        ModelFailure: kind `truncated`: the prompt got shorter while the conversation grew, or
            prompt and reply together are more than the context.
    """
    read, written = reply.usage.input_tokens, reply.usage.output_tokens
    if read + written > num_ctx:
        raise _cut(f"{read} tokens read and {written} written are more than num_ctx, {num_ctx}")
    told = "prompt_eval_count" not in _missing(reply)
    before = max((each.usage.input_tokens for each in _kept(messages)), default=0)
    if told and read < before:
        raise _cut(f"the prompt took {before} tokens, then {read}, while the conversation grew")


def _cut(why: str) -> ModelFailure:
    return ModelFailure(f"the server cut the prompt: {why}", kind="truncated")


def _missing(reply: Reply) -> Sequence[object]:
    named = reply.detail.get("usage_missing")
    return named if isinstance(named, list) else ()


def _kept(messages: Sequence[Message]) -> Sequence[Reply]:
    """The replies whose prompts are all in the next one.

    A model's template may leave out thoughts from before a new word of the user's, so where there
    are any, a prompt from before that word proves nothing.
    """
    replies = [each for each in messages if isinstance(each, Reply)]
    if not any(isinstance(each.raw, Mapping) and each.raw.get("thinking") for each in replies):
        return replies
    words = (place for place, each in enumerate(messages) if isinstance(each, UserText))
    last = max(words, default=0)
    return [each for each in messages[last:] if isinstance(each, Reply)]


def loaded(body: bytes, model: str) -> Mapping[str, object]:
    """What `/api/ps` says of a loaded model: `context_loaded` (tokens) and `gpu_share` (0 to 1).

    Empty when it does not list the model, or is no such list.
    """
    try:
        listed = as_json(body).get("models")
    except ModelFailure:
        return {}
    for entry in listed if isinstance(listed, list) else []:
        names = (entry.get("name"), entry.get("model")) if isinstance(entry, dict) else ()
        if model in names or f"{model}:latest" in names:
            return _facts(entry)
    return {}


def _facts(entry: Mapping[str, object]) -> Mapping[str, object]:
    facts: dict[str, object] = {}
    context, size, vram = (entry.get(key) for key in ("context_length", "size", "size_vram"))
    if type(context) is int:
        facts["context_loaded"] = context
    if type(size) is int and type(vram) is int and size > 0:
        facts["gpu_share"] = round(vram / size, 4)
    return facts


def check_loaded(facts: Mapping[str, object], num_ctx: int, *, must_tell: bool = False) -> None:
    """Refuse a model that was loaded with another context than every call asks for.

    With `must_tell` a server that does not say which is refused, too.

    Raises:
        ModelFailure: kind `context_size`.
    """
    got = facts.get("context_loaded", None if must_tell else num_ctx)
    if got is None:
        raise ModelFailure(
            "the server does not say with which context the model was loaded, so nobody knows "
            "whether the prompt was cut",
            kind="context_size",
        )
    if got != num_ctx:
        raise ModelFailure(
            f"the server loaded the model with a context of {got} tokens and was asked for "
            f"{num_ctx}: give it the memory, or lower num_ctx in the arm's file",
            kind="context_size",
        )
