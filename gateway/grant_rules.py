"""What a book may ask for when it signs a person in: its client_id, where it is answered, its PKCE proof."""

import hmac
import re
from hashlib import sha256
from ipaddress import IPv4Address
from typing import Final

from gateway.origins import Origin, Policy, parse_origin
from gateway.sealing import encoded

RETURN_PAGE: Final = "/bookgate-return.html"
MAX_REDIRECT: Final = 2048

_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")  # RFC 7636 section 4.1
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_PATH: Final = re.compile(r"[A-Za-z0-9._~/-]+")
_DOTS: Final = frozenset({".", ".."})


def client_origin(client_id: str) -> Origin | None:
    """A book's client_id is its origin: https, or http on loopback; None: neither."""
    origin = parse_origin(client_id)
    if origin is None or (origin.scheme != "https" and not is_loopback(origin.host)):
        return None
    return origin


def is_loopback(host: str) -> bool:
    """RFC 6761 section 6.3 for names, RFC 1122 and 4291 for addresses."""
    if host == "localhost" or host.endswith(".localhost") or host == "[::1]":
        return True
    try:
        return IPv4Address(host).is_loopback
    except ValueError:
        return False


def challenge_ok(challenge: str) -> bool:
    """An S256 challenge is the base64url of 32 bytes."""
    return _CHALLENGE.fullmatch(challenge) is not None


def verify_challenge(verifier: str, challenge: str) -> bool:
    """RFC 7636 section 4.6, S256 alone."""
    if not _VERIFIER.fullmatch(verifier):
        return False
    return hmac.compare_digest(challenge_of(verifier).encode(), challenge.encode())


def challenge_of(verifier: str) -> str:
    """RFC 7636 section 4.2, S256."""
    return encoded(sha256(verifier.encode()).digest())


def redirect_uri_ok(redirect_uri: str, origin: Origin, policy: Policy) -> bool:
    """One of the origin's `redirects`, byte for byte, or a return page of ours on it.

    A fragment survives a redirect: an open redirector on the book's own origin would hand the code on, so
    nothing but a page of that one name is taken unlisted. An origin whose redirectors can take that name as
    their last segment lists its return page: then no other is one.
    """
    if policy.application:
        return redirect_uri in policy.redirects
    # a group's list may name pages of other origins
    listed = [page for page in policy.redirects if page.startswith(f"{origin}/")]
    if redirect_uri in listed:
        return True
    return is_return_page(redirect_uri, origin) and not any(is_return_page(page, origin) for page in listed)


def is_return_page(redirect_uri: str, origin: Origin) -> bool:
    """A page of the one name that is taken unlisted, by a path that has no other spelling."""
    if not redirect_uri.startswith(f"{origin}/") or len(redirect_uri) > MAX_REDIRECT:
        return False
    path = redirect_uri.removeprefix(str(origin))
    if not path.endswith(RETURN_PAGE) or not _PATH.fullmatch(path):
        return False
    segments = path.split("/")[1:]
    return "" not in segments and not _DOTS.intersection(segments)
