"""Keeping keys out of files: one rule for everything that is written down."""

import json
from collections.abc import Callable, Sequence

HIDDEN = "[key removed]"
_SHORTEST_SECRET = 8  # below that, hiding would eat ordinary words


def hider(secrets: Sequence[str]) -> Callable[[str], str]:
    """What blots `secrets` out of a JSON text, wherever in it they stand; short ones are left."""
    quoted = tuple(json.dumps(each)[1:-1] for each in secrets if len(each) >= _SHORTEST_SECRET)

    def hide(text: str) -> str:
        for secret in quoted:
            text = text.replace(secret, HIDDEN)
        return text

    return hide
