"""Whether a provider answers and takes our key, asked before a trial without spending a token."""

import contextlib

import anthropic
import httpx
import httpx2
import ollama

from runner.models import anthropic_client, ollama_client
from runner.models.connection import Connection, shown_address
from runner.models.ollama_store import same

_WAIT_S = 10.0


def anthropic_unreachable(model: str, connection: Connection) -> str | None:
    """Why the Messages API cannot be used for `model`, with the fix; None when it can."""
    # Listing models costs nothing. A server that speaks only the Messages API may not know
    # the path: any answer but a refusal of the key will do.
    key = connection.anthropic_api_key or ""
    client = anthropic_client.open_client(key, connection.anthropic_base_url, timeout_s=_WAIT_S)
    with contextlib.closing(client):
        try:
            client.models.with_raw_response.list(limit=1)
        except (anthropic.AuthenticationError, anthropic.PermissionDeniedError) as error:
            return (
                f"{client.base_url} refuses ANTHROPIC_API_KEY ({error.status_code}): "
                "check the key in the environment or in .env"
            )
        except anthropic.APITimeoutError:
            return None
        except anthropic.APIConnectionError as error:
            if not isinstance(error.__cause__, httpx2.ConnectError):
                return None  # it was there, and hung up on a question it does not know
            return (
                f"{client.base_url} does not answer ({error.__cause__}): check the network and "
                "ANTHROPIC_BASE_URL"
            )
        except anthropic.AnthropicError:
            return None  # it answered; what it says to a call is the trial's business
    return None


def ollama_unreachable(model: str, connection: Connection) -> str | None:
    """Why `model` cannot be had from the Ollama server, with the fix; None when it can."""
    host = shown_address(connection.ollama_host)
    try:
        with ollama_client.open_client(connection.ollama_host, _WAIT_S) as client:
            names = [entry.model for entry in client.list().models]
    except (ConnectionError, httpx.HTTPError, httpx.InvalidURL, ollama.ResponseError) as error:
        return (
            f"no Ollama server answers at {host} ({error}): start one (`ollama serve`) or set "
            "OLLAMA_HOST; arms without a local model do not need it"
        )
    except (ValueError, TypeError, AttributeError) as error:
        return f"what answers at {host} is no Ollama server ({error}): set OLLAMA_HOST"
    if not any(same(name, model) for name in names):
        return f"the Ollama server at {host} has no model {model}: run `ollama pull {model}`"
    return None
