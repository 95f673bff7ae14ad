"""What ends sessions, as values: acts that a directory keeps, and marks that a load compares.

An act is done to what Redis holds now, and can be done again: after a fail-over it is. By a mark nothing has
to be looked for: whatever began before it has ended.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class EndSignIn:
    """One sign-in session; its children die with it."""

    key: str  # store key of the session


@dataclass(frozen=True, slots=True)
class EndBook:
    """One book session."""

    key: str


@dataclass(frozen=True, slots=True)
class EndPerson:
    """Everything of one person: their epoch is at least this from now on."""

    slot: str
    epoch: int


@dataclass(frozen=True, slots=True)
class EndAtProvider:
    """One person's sessions that came by one provider and began before a second (Unix time)."""

    slot: str
    provider: str
    not_before: int


@dataclass(frozen=True, slots=True)
class EndAtOrigin:
    """One person's book sessions of one origin that began before a second: consent was withdrawn."""

    slot: str
    origin: str
    not_before: int


@dataclass(frozen=True, slots=True)
class EndProviderSession:
    """Whatever sign-in sessions a session at a provider led to; none follows that is on its way."""

    session: str  # hash of issuer and sid


Act = EndSignIn | EndBook | EndPerson | EndAtProvider | EndAtOrigin | EndProviderSession


@dataclass(frozen=True, slots=True)
class Marks:
    """Unix seconds: sessions that began before have ended, of everybody, by a provider, of an origin."""

    everybody: int = 0
    providers: Mapping[str, int] = field(default_factory=dict)
    origins: Mapping[str, int] = field(default_factory=dict)

    def sign_in_ended(self, provider: str, began: int) -> bool:
        return began < max(self.everybody, self.providers.get(provider, 0))

    def book_ended(self, origin: str, began: int) -> bool:
        """The marks of a book session itself; those of its parent are the parent's to compare."""
        return began < max(self.everybody, self.origins.get(origin, 0))
