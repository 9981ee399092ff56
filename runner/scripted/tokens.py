"""A deterministic estimate of tokens, good enough for costs that behave like real ones.

No vendor publishes its tokenizer, so text counts one token for 3.5 characters (English and
code on the older tokenizer) and 1.3 times as many on the newer one (vendor docs, "token
counting": about 30 % more from Opus 4.7 on). Figures made of it are simulated, and labelled so.
"""

import math

CHARS_PER_TOKEN = 3.5
NEWER_TOKENIZER = 1.3
_NEWER = (
    "claude-opus-4-7",
    "claude-opus-4-8",
    "claude-opus-5",
    "claude-sonnet-5",
    "claude-haiku-5",
    "claude-fable-5",
    "claude-mythos-5",
)

# System prompt that offering tools adds, in tokens (vendor docs, "tool use", tool_choice auto).
TOOL_PROMPT_TOKENS = {"claude-opus-4-7": 675, "claude-haiku-4-5": 496}
TOOL_PROMPT_DEFAULT = 500


def estimate(text: str, model: str) -> int:
    """Tokens of `text` for `model`; 0 for no text."""
    factor = NEWER_TOKENIZER if model.startswith(_NEWER) else 1.0
    return math.ceil(len(text) / CHARS_PER_TOKEN * factor)


def tool_prompt(model: str) -> int:
    """Tokens that offering any tool adds to the prompt of a Messages model."""
    for name, tokens in TOOL_PROMPT_TOKENS.items():
        if model.startswith(name):
            return tokens
    return TOOL_PROMPT_DEFAULT
