"""Names for one study: nobody can put the exports of two studies side by side, or find somebody in a book.

HMAC-SHA-256 (RFC 2104) with a key that only the site has. The same key gives the same names, so that two
exports of one study belong together; it is never changed while the study lasts.
"""

import base64
import hmac
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

KEY_BYTES: Final = 32
NAME_BYTES: Final = 15  # 24 characters, and no two of a million people alike


@dataclass(frozen=True, slots=True)
class Names:
    """Those of one study. key: KEY_BYTES of it."""

    key: bytes
    study: str

    def subject(self, pseudonym: str) -> str:
        return _name(self.key, self.study, "subject", pseudonym)

    def session(self, pseudonym: str, session: str) -> str:
        return _name(self.key, self.study, "session", pseudonym, session)

    def class_name(self, class_id: str) -> str:
        return _name(self.key, self.study, "class", class_id)


@lru_cache(maxsize=4096)
def _name(key: bytes, *parts: str) -> str:
    said = "".join(f"{len(part)}:{part}" for part in parts)  # no two lists of parts say the same
    digest = hmac.digest(key, said.encode(), "sha256")
    return base64.b32encode(digest[:NAME_BYTES]).decode().lower()
