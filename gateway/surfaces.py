"""What kind of address a path is: ours, each with its own rules for origins, or a backend's."""

import re
from typing import Final

from gateway.cors import Surface
from gateway.errors import InvalidRequestError, NotFoundError

_PROTOCOL: Final = frozenset(
    {
        "/auth/token", "/auth/confirm", "/auth/session", "/auth/logout", "/auth/ws-ticket",
        "/auth/guest-code", "/auth/lti/score",
    }
)  # fmt: skip
OURS: Final = ("/auth", "/client/", "/.well-known/", "/bookgate.js")
_CALLBACK: Final = re.compile(r"/auth/(?:callback/[a-z0-9_-]+|lti/(?:login|launch))", re.ASCII)
_SERVER: Final = re.compile(r"/auth/backchannel-logout/[a-z0-9_-]+", re.ASCII)


def surface_of(path: str) -> Surface:
    """What kind of address a raw path is."""
    if not path.startswith(OURS):
        return Surface.PROXIED  # at once: it is nearly every request's
    if path in _PROTOCOL:
        return Surface.PROTOCOL
    if _CALLBACK.fullmatch(path):
        return Surface.CALLBACK
    if _SERVER.fullmatch(path):
        return Surface.SERVER
    if path == "/auth" or path.startswith("/auth/"):
        return Surface.PAGE
    if path == "/bookgate.js" or path.startswith(("/client/", "/.well-known/")):
        return Surface.PUBLIC
    return Surface.PROXIED


# The same in aiohttp's router: what is ours is never a backend's, so there a wrong method is 405.
PROXIED_PATHS: Final = r"/{path:(?!(?:auth|client|\.well-known)/|auth$|bookgate\.js$).*}"


def check_target(raw_path: str, path: str) -> None:
    """Raises where the router could take a request to another address than the one that is judged.

    raw_path: as it came, which every rule goes by. path: decoded, which aiohttp's router goes by. None of our
    own addresses has anything to encode.
    """
    if not raw_path.startswith("/"):
        raise InvalidRequestError("not an origin-form target", close=True)  # RFC 9112 section 3.2.1
    if "%" in raw_path and surface_of(path) is not Surface.PROXIED:
        raise NotFoundError("an address of ours in disguise")
