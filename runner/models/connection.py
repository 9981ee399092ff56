"""What every provider's builder takes: where the providers are, and options to be checked."""

from collections.abc import Mapping
from dataclasses import dataclass

from runner.errors import UsageError

Options = Mapping[str, object]
Kinds = Mapping[str, tuple[type, ...]]


@dataclass(frozen=True)
class Connection:
    """How to reach the providers; seconds bound one attempt and one call with its retries."""

    anthropic_api_key: str | None = None
    anthropic_base_url: str | None = None
    ollama_host: str = "http://127.0.0.1:11434"
    timeout_s: float = 600.0
    deadline_s: float = 1200.0
    max_retries: int = 4


def check_options(options: Options, known: Kinds, provider: str) -> None:
    """Refuse an option that `known` does not list, or whose type it does not.

    Raises:
        UsageError: names the option and what is allowed.
    """
    for key, value in options.items():
        if key not in known:
            allowed = ", ".join(sorted(known))
            raise UsageError(f"unknown {provider} option '{key}'; known: {allowed}")
        is_kind = isinstance(value, known[key])
        if not is_kind or (isinstance(value, bool) and bool not in known[key]):
            raise UsageError(f"{provider} option {key} has the wrong type: {value!r}")
