"""Who a person is: ids derived from a key, so that a rebuilt directory finds its people again."""

import base64
import hashlib
import hmac

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


def _derived(key: bytes, *parts: str) -> str:
    mac = hmac.new(key, digestmod=hashlib.sha256)
    for part in parts:
        data = part.encode()
        # A length before each part: ("ab", "c") and ("a", "bc") must not meet.
        mac.update(len(data).to_bytes(4, "big") + data)
    return base64.urlsafe_b64encode(mac.digest()[:_BYTES]).rstrip(b"=").decode()
