"""Our cookies: their names, how they are read from raw header lines, and the lines that set them.

aiohttp's own parser splits on blanks and lets the last value win, so that a sibling subdomain could
override a `__Host-` cookie; and Python 3.11 cannot write `Partitioned`. So both are done here.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Final

from gateway.errors import InvalidRequestError

SIGN_IN: Final = "__Host-Http-bookgate"
APPLICATION: Final = "__Host-Http-app"  # on the host of an application with pages
_BOOK: Final = "__Host-Http-book."
_GUEST: Final = "__Host-Http-guest."
_LOGIN: Final = "__Host-Http-login."
LANGUAGE: Final = "__Host-Http-language"  # of the pages, as the reader chose it
WAY: Final = "__Host-Http-way"  # the way in that was taken last on somebody's own device
OURS: Final = (SIGN_IN, APPLICATION, _BOOK, _GUEST, _LOGIN, LANGUAGE, WAY)  # a name that begins so is ours
LOGIN_LIFE: Final = 600
LANGUAGE_LIFE: Final = 365 * 86400
WAY_LIFE: Final = 365 * 86400
LOGINS: Final = 20  # transactions that one browser may have open

_PLAIN: Final = re.compile(r"[A-Za-z0-9._~-]+")


def book_name(origin: str) -> str:
    """The name of a book's cookie: third-party frames share the partition, so each origin has its own."""
    return _BOOK + _origin_part(origin)


def guest_name(origin: str) -> str:
    """Where the id of a guest's session lies while a sign-in takes the place of the book's cookie."""
    return _GUEST + _origin_part(origin)


@lru_cache(maxsize=1024)
def _origin_part(origin: str) -> str:
    return sha256(origin.encode()).hexdigest()[:12]


def login_name(transaction: str) -> str:
    return _LOGIN + transaction


@dataclass(frozen=True, slots=True)
class Jar:
    """All cookies of a request, in order, duplicates included."""

    pairs: tuple[tuple[str, str], ...]

    def one(self, name: str) -> str | None:
        """The value of the only cookie of that name.

        Twice: somebody planted one beside ours, and which is which cannot be told (RFC 6265bis section 5.8.3
        leaves their order to the browser).
        """
        values = [value for found, value in self.pairs if found == name]
        if len(values) > 1:
            raise InvalidRequestError(f"cookie {name} came {len(values)} times")
        return values[0] if values else None

    def names(self, beginning: str = "") -> tuple[str, ...]:
        return tuple(name for name, _ in self.pairs if name.startswith(beginning))


def parse(lines: Sequence[str]) -> Jar:
    """Every `Cookie` line, split on `;` and nothing else (RFC 6265 section 4.2.1)."""
    pairs = []
    for line in lines:
        for part in line.split(";"):
            name, equals, value = part.strip(" \t").partition("=")
            if not equals:
                name, value = "", name  # RFC 6265bis section 5.6: a nameless cookie
            if name or value:
                pairs.append((name.rstrip(" \t"), value.lstrip(" \t")))
    return Jar(tuple(pairs))


def strip(lines: Sequence[str], allowed: frozenset[str]) -> str | None:
    """The `Cookie` value to forward: only the allowed names, ours never. None: nothing is left."""
    if not allowed:
        return None
    kept = [
        f"{name}={value}"
        for name, value in parse(lines).pairs
        if name in allowed and not name.startswith(OURS)
    ]
    return "; ".join(kept) or None


def surplus(jar: Jar) -> tuple[str, ...]:
    """The login cookies that a browser has too many of, oldest first (RFC 6265 section 5.4).

    A page that opens ours again and again would fill the browser's jar until it forgets the sign-in session,
    or no head is short enough any more.
    """
    ours = [name for name in jar.names(_LOGIN) if _PLAIN.fullmatch(name)]  # they go into a header again
    return tuple(ours[:-LOGINS])


def sign_in_line(value: str, max_age: int | None) -> str:
    """max_age None: gone when the browser closes."""
    return _line(SIGN_IN, value, max_age)


def application_line(value: str, max_age: int | None) -> str:
    """max_age None: gone when the browser closes."""
    return _line(APPLICATION, value, max_age)


def book_line(origin: str, value: str, max_age: int | None) -> str:
    return _line(book_name(origin), value, max_age)


def guest_line(origin: str, value: str, max_age: int) -> str:
    return _line(guest_name(origin), value, max_age)


def login_line(transaction: str, value: str) -> str:
    return _line(login_name(transaction), value, LOGIN_LIFE)


def language_line(code: str) -> str:
    return _line(LANGUAGE, code, LANGUAGE_LIFE)


def way_line(way: str) -> str:
    return _line(WAY, way, WAY_LIFE)


def expired_line(name: str) -> str:
    """Takes one of our cookies away: the same attributes, or the browser keeps it."""
    return f"{name}=; Max-Age=0; {_attributes(name)}"


def _line(name: str, value: str, max_age: int | None) -> str:
    if not _PLAIN.fullmatch(name) or not _PLAIN.fullmatch(value):
        raise ValueError("a cookie of ours is of base64url characters and dots")
    age = "" if max_age is None else f"Max-Age={max_age}; "
    return f"{name}={value}; {age}{_attributes(name)}"


def _attributes(name: str) -> str:
    if name.startswith((_BOOK, _GUEST)):
        return "Path=/; Secure; HttpOnly; SameSite=None; Partitioned"
    if name.startswith(_LOGIN):
        return "Path=/; Secure; HttpOnly; SameSite=None"  # callbacks may be cross-site POSTs (form_post)
    return "Path=/; Secure; HttpOnly; SameSite=Lax"
