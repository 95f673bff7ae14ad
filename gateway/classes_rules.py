"""What a class is allowed to be: who makes one, its name, its book, the code that lets people in."""

import re
import unicodedata
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from gateway.origins import Origin, Policy, PolicyTable, parse_origin

ANYONE: Final = "anyone"
NAME_LENGTH: Final = 60  # characters, of a class or of somebody in it
CLASSES: Final = 100  # of one teacher: nobody fills the directory from here
MEMBERS: Final = 1000  # of one class

_SYMBOLS: Final = "23456789BCDFGHJKMNPQRTVWXZ"  # no vowels, so no words; none that looks like another
_CODE: Final = 8  # symbols: 37 bits
_MOST_SHOWN: Final = 200  # books that are proposed


class Role(StrEnum):
    """What somebody is in a class."""

    STUDENT = "student"
    TEACHER = "teacher"


@dataclass(frozen=True, slots=True)
class BookPlace:
    """A book and an address where it is read. url: whole, without query and fragment."""

    book: str
    url: str
    origin: Origin


def may_create(create: Collection[str], roles: Collection[str]) -> bool:
    """Whether who has these roles may make classes. create: `classes.create` of gateway.yaml."""
    return ANYONE in create or not set(create).isdisjoint(roles)


def parse_name(text: str) -> str | None:
    """A name as people type it, blanks made single; None: it is empty, too long, or has odd characters.

    Control and format characters could make one name look like another (Unicode TR 36 section 2.5).
    """
    name = " ".join(unicodedata.normalize("NFC", text).split())
    odd = any(unicodedata.category(character) in {"Cc", "Cf", "Co", "Cs", "Cn"} for character in name)
    return None if odd or not 0 < len(name) <= NAME_LENGTH else name


def make_code(token: Callable[[int], bytes]) -> str:
    """A new class code: short enough to be typed, long enough that trying finds none."""
    rest = int.from_bytes(token(16))
    symbols = ""
    for _ in range(_CODE):
        rest, symbol = divmod(rest, len(_SYMBOLS))
        symbols += _SYMBOLS[symbol]
    return f"{symbols[:4]}-{symbols[4:]}"


def parse_code(text: str) -> str | None:
    """A class code as people type it: in any case, with a hyphen, blanks or neither; None: it is none."""
    symbols = "".join(text.upper().replace("-", " ").split())
    if len(symbols) != _CODE or not set(symbols) <= set(_SYMBOLS):
        return None
    return f"{symbols[:4]}-{symbols[4:]}"


# what may stand in a URL, without quotes and angle brackets
_PRINTABLE: Final = re.compile(r"[!#-;=?-~]{1,500}", re.ASCII)


def parse_address(text: str) -> tuple[Origin, str] | None:
    """The origin and path of a book's address as a teacher copies it; None: it is no address."""
    address = text.strip()
    if "://" not in address:
        address = f"https://{address}"
    if _PRINTABLE.fullmatch(address) is None:
        return None
    try:
        parts = urlsplit(address)
        origin = parse_origin(_origin_text(parts.scheme, parts.hostname, parts.port))
    except ValueError:  # a port that is none
        return None
    if origin is None or "@" in parts.netloc or parts.scheme not in {"http", "https"}:
        return None
    return origin, parts.path or "/"


def _origin_text(scheme: str, host: str | None, port: int | None) -> str:
    """As browsers serialise it: without the scheme's own port."""
    bracketed = f"[{host}]" if host and ":" in host else host
    usual = {"http": 80, "https": 443}.get(scheme)
    return f"{scheme}://{bracketed}" + ("" if port in {None, usual} else f":{port}")


def place_in(policy: Policy, origin: Origin, path: str) -> BookPlace | None:
    """The book at that path of an origin, by the longest of its prefixes; None: there is no book."""
    url = f"{origin}{path}"
    if not policy.books:
        return BookPlace(origin.default_book, url, origin)
    prefixes = [prefix for prefix in policy.books if f"{path}/".startswith(prefix)]
    if not prefixes:
        return None
    return BookPlace(policy.books[max(prefixes, key=len)], url, origin)


def books_of(table: PolicyTable, today: date) -> tuple[str, ...]:
    """The addresses of the books that origins.yaml names one by one: proposed to who makes a class."""
    found = []
    for name, policy in table.exact.items():
        origin = parse_origin(name)
        if origin is not None and policy.credentials and policy.grants(today):
            found += [f"{origin}{path}" for path in policy.books or ("/",)]
    return tuple(sorted(found)[:_MOST_SHOWN])
