"""The signed identity: the signer that keeps an assertion for half of its life, and the JWKS."""

from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from gateway.identity import (
    ALGORITHM,
    INTERNAL_TYPE,
    LIFE,
    TYPE,
    Caller,
    ClaimValue,
    Identity,
    Internal,
    assertion_header,
    claims,
    internal_claims,
)
from gateway.known import Header, Known, Line
from gateway.routes import Backend, Subject
from gateway.signing_keys import SigningKey, in_order, published, signing
from gateway.studies_rules import Study, research_cap

KEPT: Final = 20_000  # assertions in memory; beyond it the oldest go
KEPT_FOR: Final = LIFE / 2 - 5  # seconds; for the other five a session in memory has it at hand
_LINES: Final = 16  # of one session
_SIGN: Final = ec.ECDSA(hashes.SHA256())

# (person, kind, origin, book) -> the person's id in a backend's own terms
SubjectFor = Callable[[str, Subject, str, str], str]


class Assertions:
    """Signs with the youngest key of the ring that has begun.

    research_cap: the consent level that is open to everybody; studies open more to who takes part.
    """

    def __init__(
        self,
        keys: Sequence[SigningKey],
        issuer: str,
        clock: Callable[[], float],
        token: Callable[[int], bytes],
        research_cap: int,
        subject: SubjectFor,
        studies: Sequence[Study] = (),
    ) -> None:
        self._studies = studies
        self.ring = in_order(keys)
        self._issuer = issuer
        self._clock = clock
        self._token = token
        self._cap = research_cap
        self._subject = subject
        self._heads: dict[tuple[str, str], str] = {}
        self._made: dict[tuple[Identity, str, str], tuple[float, str]] = {}

    def replace(self, keys: Sequence[SigningKey]) -> None:
        """Another ring from now on; there is at least one key in it."""
        ring = in_order(keys)
        if [key.kid for key in ring] != [key.kid for key in self.ring]:
            # what was signed by a key that may have been removed is said no more
            self.ring = ring
            self._heads.clear()
            self._made.clear()

    def line_for(
        self, known: Known, backend: Backend, book: str | None, generation: str, now: float | None = None
    ) -> Line:
        """`header_for` a session that is kept: whoever has it asks for no more than a look at it.

        now: Unix seconds, of who has just looked at the clock.
        """
        key = backend.name, book, generation
        line = known.lines.get(key)
        if now is None:
            now = self._clock()
        if line is not None and line.ring is self.ring and 0 <= now - line.made < KEPT_FOR:
            return line
        if len(known.lines) >= _LINES:
            known.lines.clear()
        caller = known.caller
        subject = self._subject(caller.person, backend.subject, caller.origin, book or "")
        identity = Identity(caller, subject, book or "")
        header = self.header_for(identity, backend, generation)
        made, _ = self._made[identity, backend.name, generation]
        line = known.lines[key] = Line(made, self.ring, header, f"{header[0]}: {header[1]}\r\n")
        return line

    def header_of(self, caller: Caller, backend: Backend, book: str, generation: str) -> Header:
        """`header_for` somebody of whom no session is kept."""
        subject = self._subject(caller.person, backend.subject, caller.origin, book)
        return self.header_for(Identity(caller, subject, book), backend, generation)

    def header_for(self, identity: Identity, backend: Backend, generation: str) -> Header:
        """Name and value of the identity header; the same token for half of its life.

        generation: of the policy, so that a changed one is in the next request's assertion.
        """
        key = (identity, backend.name, generation)
        now = self._clock()
        kept = self._made.get(key)
        if kept is None or not 0 <= now - kept[0] < KEPT_FOR:
            kept = (now, self._sign(identity, backend, int(now)))
            self._keep(key, kept)
        return assertion_header(backend.assertion, kept[1])

    def internal_header(self, asked: Internal, backend: Backend) -> Header:
        """Name and value of the identity header of a call that the gateway makes for itself."""
        said = internal_claims(
            asked,
            issuer=self._issuer,
            audience=_audience(backend),
            now=int(self._clock()),
            jti=_base64url(self._token(16)),
        )
        return assertion_header(backend.assertion, self._signed(INTERNAL_TYPE, said))

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """RFC 7517: the keys to verify by now and soon, public halves only."""
        return {"keys": [key.jwk() for key in published(self.ring, self._clock())]}

    def _keep(self, key: tuple[Identity, str, str], made: tuple[float, str]) -> None:
        self._made.pop(key, None)  # to the end: insertion order is age
        if len(self._made) >= KEPT:
            del self._made[next(iter(self._made))]
        self._made[key] = made

    def _sign(self, identity: Identity, backend: Backend, now: int) -> str:
        today = datetime.fromtimestamp(now, UTC).date()
        answers, book = identity.caller.studies, identity.book
        studies = () if identity.caller.is_guest else self._studies
        said = claims(
            identity,
            backend.assertion,
            issuer=self._issuer,
            audience=_audience(backend),
            cap=research_cap(studies, answers, book, today, self._cap),
            now=now,
            jti=_base64url(self._token(16)),
        )
        return self._signed(TYPE, said)

    def _signed(self, kind: str, said: Mapping[str, ClaimValue]) -> str:
        key = signing(self.ring, self._clock())
        signed = f"{self._head(kind, key.kid)}.{_base64url(msgspec.json.encode(said))}"
        r, s = decode_dss_signature(key.private.sign(signed.encode(), _SIGN))
        return f"{signed}.{_base64url(r.to_bytes(32) + s.to_bytes(32))}"  # RFC 7518 section 3.4

    def _head(self, kind: str, kid: str) -> str:
        head = self._heads.get((kind, kid))
        if head is None:
            head = _base64url(msgspec.json.encode({"alg": ALGORITHM, "kid": kid, "typ": kind}))
            self._heads[kind, kid] = head
        return head


def _audience(backend: Backend) -> str:
    return backend.assertion.audience or backend.name


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
