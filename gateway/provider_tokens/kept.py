"""What is kept of the tokens of a sign-in: sealed, beside the session, with the session's life."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.providers import ProviderIdentity, TokenSet, is_issuer
from gateway.records import KeptTokens, LiveSignIn
from gateway.sealing import Sealer
from gateway.session_ids import store_key
from gateway.store.locks import LockedValues, Place

_PURPOSE: Final = "provider-tokens"


@dataclass(frozen=True, slots=True)
class Keeping:
    """What is kept of one provider: tokens, an ID token as a hint for signing out there, or nothing."""

    issuer: str
    tokens: bool
    id_token: bool

    def of(self, identity: ProviderIdentity, nonce: str) -> KeptTokens | None:
        """What of a sign-in's tokens is kept; None: nothing."""
        if not (self.tokens or self.id_token):
            return None
        original = KeptTokens(identity.issuer, identity.subject, nonce, None, None, None, 0, 0)
        return self.after(original, identity.tokens)

    def after(self, kept: KeptTokens, newer: TokenSet) -> KeptTokens:
        """What is kept after another answer; without a new refresh token the old one stays good (RFC 6749
        section 6).
        """
        return KeptTokens(
            issuer=kept.issuer,
            subject=kept.subject,
            nonce=kept.nonce,
            access_token=newer.access_token if self.tokens else None,
            refresh_token=newer.refresh_token or kept.refresh_token if self.tokens else None,
            id_token=newer.id_token or kept.id_token if self.id_token else None,
            issued=newer.issued,
            expires=newer.expires,
        )


@dataclass(frozen=True, slots=True)
class KeptValues:
    """Redis has them, and learns nothing of them. keeping: by provider."""

    locked: LockedValues
    sealer: Sealer
    keeping: Mapping[str, Keeping]

    async def keep(self, live: LiveSignIn, kept: KeptTokens) -> None:
        await self.locked.keep(place(live.key), self.sealed(live.key, kept))

    async def read(self, key: str, provider: str) -> KeptTokens | None:
        return self.opened(key, provider, await self.locked.read(place(key)))

    def sealed(self, key: str, kept: KeptTokens) -> bytes:
        return self.sealer.seal_record(_PURPOSE, key, kept)

    def opened(self, key: str, provider: str, value: bytes | None) -> KeptTokens | None:
        """None also for tokens of an issuer that the block no longer names: they are nobody else's."""
        keeping = self.keeping.get(provider)
        if value is None or keeping is None:
            return None
        kept = self.sealer.open_record(_PURPOSE, key, value, KeptTokens)
        return kept if kept is not None and is_issuer(keeping.issuer, kept.issuer) else None


def place(key: str) -> Place:
    """Where the tokens of a sign-in session lie; who ends the session takes them along."""
    return Place(store_key("s", key), store_key("t", key), store_key("tl", key))
