"""What follows from each kind of failure of a model's service; kinds as data.

`ModelFailure.kind` is one of these, or a word of the vendor's that is not known here yet.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """What follows from one kind of failure.

    `lost`: a reply may have been made and billed, so the reserve stays spent. `retried`: the
    model tries again within the same call and reserve, for nothing can have been billed.
    `sent_again`: the meter sends the call anew, with a new reserve. `pauses`: every other call
    would fail the same way until a person mends it.
    """

    lost: bool = False
    retried: bool = False
    sent_again: bool = False
    pauses: bool = False


RULES: Mapping[str, Rule] = {
    # An answer that is an error: nothing was made, nothing is billed.
    "rate_limit_error": Rule(retried=True),
    "overloaded_error": Rule(retried=True),
    "api_error": Rule(retried=True),
    "timeout_error": Rule(retried=True),  # the vendor's own, 408 and 504
    "spend_limit": Rule(pauses=True),
    "billing_error": Rule(pauses=True),
    "authentication_error": Rule(pauses=True),
    "permission_error": Rule(pauses=True),
    "not_found_error": Rule(pauses=True),  # the model is gone, or the address is another's
    "redirect": Rule(pauses=True),  # never followed: the key would go along
    "invalid_request_error": Rule(),
    "request_too_large": Rule(),
    "context_length": Rule(),
    "model_format": Rule(retried=True),  # a local server could not read what its model wrote
    # The request never left.
    "connection": Rule(retried=True),
    "client_error": Rule(),
    # It left, and no whole answer came.
    "connection_lost": Rule(lost=True, sent_again=True),
    "timeout": Rule(lost=True, sent_again=True),
    "silent": Rule(lost=True),  # a local model that writes for so long does so once more
    "deadline": Rule(lost=True),  # it would take as long once more
    "malformed_reply": Rule(lost=True),  # what talks nonsense talks it again, at full price
    "truncated": Rule(lost=True),  # a reply to another prompt than the one that was sent
    "context_size": Rule(lost=True),  # the model was loaded with another context
}


def pauses_run(kind: str) -> bool:
    """Whether a failure of this kind should pause the whole run: only a person can mend it."""
    return RULES.get(kind, Rule()).pauses


def sent_again(kind: str) -> bool:
    """Whether a call lost in this way is worth a new reserve."""
    return RULES.get(kind, Rule()).sent_again


def retried(kind: str, status: int) -> bool:
    """Whether an answer that is an error may be another a moment later.

    `status` is HTTP's; it decides for words of the vendor's that are not known here.
    """
    rule = RULES.get(kind)
    return rule.retried if rule else status in (408, 409, 429) or status >= 500
