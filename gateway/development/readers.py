"""Who can sign in at the development provider: anybody, by a name alone. No state: the name is the key."""

import base64
import hashlib
import re
import unicodedata
from dataclasses import dataclass

LONGEST = 80  # characters
SUGGESTED = ("Ada Lovelace", "Alan Turing", "Grace Hopper", "Katherine Johnson")


@dataclass(frozen=True, slots=True)
class Reader:
    """A made-up person. The same name, however spaced or capitalised, is the same person for ever."""

    name: str

    @property
    def subject(self) -> str:
        digest = hashlib.sha256(b"bookgate development reader\n" + self.name.casefold().encode()).digest()
        return base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()

    @property
    def initials(self) -> str:
        words = self.name.split()
        return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper()

    @property
    def email(self) -> str:
        local = re.sub(r"[^a-z0-9]+", ".", self.name.casefold(), flags=re.ASCII).strip(".")
        return f"{local or self.subject.lower()}@reader.invalid"

    def claims(self) -> dict[str, str | bool]:
        """OpenID Connect Core section 5.1."""
        return {
            "sub": self.subject,
            "name": self.name,
            "preferred_username": self.name.casefold(),
            "email": self.email,
            "email_verified": True,
        }


def parse_reader(text: str) -> Reader | None:
    """The person of a typed name; None where it is empty, too long or cannot be shown."""
    name = " ".join(unicodedata.normalize("NFKC", text).split())
    if not 0 < len(name) <= LONGEST or not name.isprintable():
        return None
    return Reader(name)
