"""Whether a provider answers and takes our key, asked before a trial without spending a token."""

import contextlib
from collections.abc import Callable, Mapping

import anthropic
import httpx
import ollama

from runner.models.connection import Connection

_WAIT_S = 10.0


def unreachable(provider: str, model: str, connection: Connection) -> str | None:
    """Why `model` cannot be asked, with the fix, in one sentence; None when it can."""
    return _PROBES[provider](model, connection)


def _anthropic(model: str, connection: Connection) -> str | None:
    # Listing models costs nothing. A server that speaks only the Messages API may not know
    # the path: any answer but a refusal of the key will do.
    client = anthropic.Anthropic(
        api_key=connection.anthropic_api_key,
        base_url=connection.anthropic_base_url,
        timeout=_WAIT_S,
        max_retries=0,
    )
    with contextlib.closing(client):
        try:
            client.models.list(limit=1)
        except (anthropic.AuthenticationError, anthropic.PermissionDeniedError) as error:
            return (
                f"{client.base_url} refuses ANTHROPIC_API_KEY ({error.status_code}): "
                "check the key in the environment or in .env"
            )
        except anthropic.APIConnectionError as error:
            return (
                f"{client.base_url} does not answer ({error.__cause__ or error}): check the "
                "network and ANTHROPIC_BASE_URL"
            )
        except Exception:
            return None
    return None


def _ollama(model: str, connection: Connection) -> str | None:
    host = connection.ollama_host
    client = ollama.Client(host=host, timeout=_WAIT_S)
    try:
        names = {entry.model for entry in client.list().models}
    except (ConnectionError, httpx.HTTPError, ollama.ResponseError, ValueError) as error:
        return (
            f"no Ollama server answers at {host} ({error}): start one (`ollama serve`) or set "
            "OLLAMA_HOST; arms without a local model do not need it"
        )
    if model not in names:
        return f"the Ollama server at {host} has no model {model}: run `ollama pull {model}`"
    return None


_PROBES: Mapping[str, Callable[[str, Connection], str | None]] = {
    "anthropic": _anthropic,
    "ollama": _ollama,
}
