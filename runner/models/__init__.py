"""Models by provider. A new provider is one module and one line in `PROVIDERS`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from runner.errors import UsageError
from runner.models import anthropic_messages, ollama_chat, reach
from runner.models.connection import Connection, Options, keys_of
from runner.models.keyless import Keyless, OpenModel

__all__ = ["PROVIDERS", "Connection", "OpenModel", "Provider", "make_model"]


@dataclass(frozen=True)
class Provider:
    """What there is to know of a provider.

    `build(model, max_tokens, options, connection)` makes a model and sends nothing;
    `unreachable(model, connection)` asks, spending nothing, and says in one sentence why the
    model cannot be used, or None. `explicit` are the options that an arm's file must give: left
    to the server they would be another's choice, and on nobody's record.
    """

    build: Callable[[str, int, Options, Connection], OpenModel]
    unreachable: Callable[[str, Connection], str | None]
    explicit: tuple[str, ...] = ()


PROVIDERS: Mapping[str, Provider] = {
    "anthropic": Provider(anthropic_messages.build, reach.anthropic_unreachable),
    "ollama": Provider(ollama_chat.build, reach.ollama_unreachable, ollama_chat.EXPLICIT),
}


def make_model(
    provider: str, model: str, max_tokens: int, options: Options, connection: Connection
) -> OpenModel:
    """The model of one seat; nothing is sent yet, and no key comes back from it.

    Args:
        provider: a key of `PROVIDERS`.
        model: the vendor's id of the model.
        max_tokens: the most tokens of one reply.
        options: the provider's own settings, as the arm's file gives them.
        connection: where the providers are.

    Raises:
        UsageError: the provider, an option or its type is unknown, or the key is missing.
    """
    if provider not in PROVIDERS:
        raise UsageError(f"unknown provider '{provider}'; known: {', '.join(sorted(PROVIDERS))}")
    built = PROVIDERS[provider].build(model, max_tokens, options, connection)
    return Keyless(built, keys_of(connection))
