"""Who a person is: ids derived from a key, so that a rebuilt directory finds its people again."""

import base64
import hashlib
import hmac
from collections.abc import Sequence

_BYTES = 16  # of HMAC-SHA-256: 128 bits, 22 characters


def person_id(people_key: bytes, issuer: str, subject: str) -> str:
    """The id of whoever `issuer` calls `subject` (OpenID Connect Core section 5.7), opaque to everyone."""
    return _derived(people_key, "person", issuer, subject)


def pairwise(people_key: bytes, person: str, origin: str) -> str:
    """The person as one origin knows them: two books cannot compare notes."""
    return _derived(people_key, "pairwise", person, origin)


def pseudonym(research_key: bytes, person: str, book: str) -> str:
    """The person as research on one book knows them: without the key no way leads back."""
    return _derived(research_key, "pseudonym", person, book)


_SYMBOLS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # none that looks like another: no 0 O, 1 I L, U V
_GROUPS, _GROUP = 3, 4  # 12 symbols of 30: 58 bits, which is enough where few may be tried in an hour


def return_code(people_key: bytes, guest: str) -> str:
    """The code by which a guest comes back: always the same one, and told by nothing else."""
    rest = int.from_bytes(_mac(people_key, "return code", guest))
    symbols = ""
    for _ in range(_GROUPS * _GROUP):
        rest, symbol = divmod(rest, len(_SYMBOLS))
        symbols += _SYMBOLS[symbol]
    return "-".join(symbols[start : start + _GROUP] for start in range(0, len(symbols), _GROUP))


def parse_return_code(text: str) -> str | None:
    """A code as people type it: in any case, with hyphens, blanks or neither; None: it is none."""
    symbols = "".join(text.upper().replace("-", " ").split())
    if len(symbols) != _GROUPS * _GROUP or not set(symbols) <= set(_SYMBOLS):
        return None
    return "-".join(symbols[start : start + _GROUP] for start in range(0, len(symbols), _GROUP))


def hashed_code(people_key: bytes, code: str) -> str:
    """What is kept of a return code."""
    return _derived(people_key, "kept return code", code)


def hashed_words(people_key: bytes, words: Sequence[str]) -> str:
    """What is kept of the words of a class card."""
    return _derived(people_key, "kept card words", *words)


def _derived(key: bytes, *parts: str) -> str:
    return base64.urlsafe_b64encode(_mac(key, *parts)[:_BYTES]).rstrip(b"=").decode()


def _mac(key: bytes, *parts: str) -> bytes:
    mac = hmac.new(key, digestmod=hashlib.sha256)
    for part in parts:
        data = part.encode()
        # A length before each part: ("ab", "c") and ("a", "bc") must not meet.
        mac.update(len(data).to_bytes(4, "big") + data)
    return mac.digest()
