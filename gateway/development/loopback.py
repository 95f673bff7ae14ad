"""Whom the development provider serves: a gateway on this machine's loopback, and nobody else."""

import re
from urllib.parse import urlsplit

HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})

_CALLBACK = re.compile(r"/auth/callback/[A-Za-z0-9_-]{1,64}", re.ASCII)
_ORIGIN = re.compile(r"https?://[a-z0-9.:\[\]]{1,80}", re.ASCII)


def is_loopback_origin(url: str) -> bool:
    """Whether `url` is a scheme, a loopback host and perhaps a port, and nothing more."""
    if not _ORIGIN.fullmatch(url):
        return False
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    return parts.hostname in HOSTS and port != 0 and not parts.netloc.endswith(":")


def is_callback(url: str, gateway: str) -> bool:
    """Whether a person may be sent to `url`: a callback of the gateway, byte for byte."""
    return url.startswith(gateway) and _CALLBACK.fullmatch(url.removeprefix(gateway)) is not None


def is_own_page(url: str, gateway: str) -> bool:
    """Whether a person who signed out may go back to `url`."""
    return url.startswith(gateway + "/auth/") and url.isascii() and url.isprintable() and "\\" not in url
