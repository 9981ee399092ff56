"""The certificates this machine trusts, read once: each reading takes 45 ms of a processor and
memory that the C library does not always give back, and a run opens thousands of clients."""

import ssl
from functools import cache

import httpx


@cache
def trusted() -> ssl.SSLContext:
    """What the vendors' clients verify servers with; shared by threads, changed by nobody."""
    return httpx.create_ssl_context()
