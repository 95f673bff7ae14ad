"""Which request targets are understood: policy is matched on the very bytes that are forwarded.

Whatever a backend might read differently from us (an encoded slash, a dot segment, a letter in
disguise) is refused, never normalised.
"""

import re
from typing import Final
from unicodedata import normalize
from urllib.parse import unquote_to_bytes

from gateway.errors import InvalidRequestError

# RFC 3986 pchar without ";", and what browsers leave alone in a path (URL Standard)
_PLAIN: Final = re.compile(r"/[A-Za-z0-9._~!$&'()*+,=:@|\[\]/-]*", re.ASCII)  # nothing encoded
_PATH: Final = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+,=:@|\[\]/-]|%[0-9A-Fa-f]{2})*", re.ASCII)
# visible ASCII but `"`, `#`, `<`, `>`: what browsers leave in a query (URL Standard)
_QUERY: Final = re.compile(r"[!$-;=?-~]*", re.ASCII)
_ENCODED: Final = re.compile(r"%(..)")
_UNRESERVED: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")
_CONFUSING: Final = frozenset(b"/\\%;\x7f") | frozenset(range(0x20)) | _UNRESERVED


def split_target(target: str) -> tuple[str, str | None]:
    """Path and query of an origin-form target (RFC 9112 section 3.2.1), both as they came."""
    path, mark, query = target.partition("?")
    if not _QUERY.fullmatch(query):
        raise InvalidRequestError("not an origin-form target of allowed bytes", close=True)
    if not _PLAIN.fullmatch(path) or "//" in path or "/." in path:
        _check(path)
    return path, query if mark else None


def segments(path: str) -> tuple[str, ...]:
    """The segments as the laxest backend would read them: decoded and compatibility-normalised."""
    if "%" not in path:
        return tuple(path.split("/"))
    return tuple(normalize("NFKC", unquote_to_bytes(part).decode()) for part in path.split("/"))


def _check(path: str) -> None:
    if not _PATH.fullmatch(path):
        raise InvalidRequestError("not an origin-form target of allowed bytes", close=True)
    if "//" in path:
        raise InvalidRequestError("empty segment")
    for digits in _ENCODED.findall(path):
        # RFC 3986 section 6.2.2.2: an encoded unreserved character is the same path to one reader and
        # another to the next, so a stricter route could be gone round
        if int(digits, 16) in _CONFUSING:
            raise InvalidRequestError(f"%{digits} in the path")
    try:
        read = segments(path)
    except UnicodeDecodeError:
        raise InvalidRequestError("the path is not UTF-8") from None  # overlong forms too
    if any(part in {".", ".."} or "/" in part or "\\" in part for part in read):
        raise InvalidRequestError("dot segment, or a slash in disguise")
