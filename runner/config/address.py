"""Reading an address as a vendor's own program reads it."""

from urllib.parse import urlsplit

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # to listen on, so a server is here
_PORT = 11434


def ollama_url(host: str) -> str:
    """OLLAMA_HOST as Ollama reads it: scheme and port may be left out, 0.0.0.0 means here.

    A user's name and password stay. Raises `ValueError` when it is no address.
    """
    parts = urlsplit(host if "://" in host else f"http://{host}")
    who, at, _ = parts.netloc.rpartition("@")
    name = parts.hostname or "127.0.0.1"
    name = _EVERYWHERE.get(name, name)
    name = f"[{name}]" if ":" in name else name
    plain = {"http": 80, "https": 443}.get(parts.scheme, _PORT) if "://" in host else _PORT
    return f"{parts.scheme}://{who}{at}{name}:{parts.port or plain}{parts.path.rstrip('/')}"
