"""Which addresses a provider may have: https anywhere, plain http on loopback only."""

import re
from urllib.parse import urlsplit

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

_WRITTEN = re.compile(r"[!-~]{1,2048}", re.ASCII)


def acceptable(url: object, issuer: str) -> bool:
    """Whether a provider's endpoint may be called or sent to.

    Plain http only where the issuer itself is on loopback: no metadata leads to a neighbour in the clear.
    """
    if not isinstance(url, str):
        return False
    place, own = _place(url), _place(issuer)
    if place is None or own is None:
        return False
    return place[0] == "https" or (_plain_loopback(place) and _plain_loopback(own))


def _place(url: str) -> tuple[str, str] | None:
    if not _WRITTEN.fullmatch(url) or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if not parts.hostname or "@" in parts.netloc or "#" in url or port == 0:
        return None
    return parts.scheme, parts.hostname


def _plain_loopback(place: tuple[str, str]) -> bool:
    scheme, host = place
    return scheme == "http" and host in LOOPBACK
