"""Who a request is for: the gateway's signed assertion, proved or refused.

`X-Bookgate-Assertion` is a JWS (RFC 7515) in compact form: ES256 and nothing else, `typ`
`bookgate-assertion+jwt`, with `iss`, `aud`, `exp` and `iat`. Every way in which it can be wrong is 401
with a code of its own. One assertion serves many requests until `exp`; `jti` names it in the log.
"""

import base64
import re
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Final, Protocol, TypeVar

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from backends.problem import AssertionRefused

HEADER: Final = "X-Bookgate-Assertion"
TYPE: Final = "bookgate-assertion+jwt"
INTERNAL_TYPE: Final = "bookgate-internal+jwt"
ALGORITHM: Final = "ES256"
SKEW: Final = 30

# RFC 7515 section 3.1, with all three parts there: an unsigned or detached JWS does not fit.
COMPACT: Final = re.compile(r"([A-Za-z0-9_-]{1,684})\.([A-Za-z0-9_-]{1,12000})\.([A-Za-z0-9_-]{1,128})")


class Reason(StrEnum):
    """The stable codes of a refusal."""

    MISSING = "assertion_missing"
    MALFORMED = "assertion_malformed"
    ALGORITHM = "assertion_algorithm"
    TYPE = "assertion_type"
    KEY = "assertion_key"
    SIGNATURE = "assertion_signature"
    CLAIMS = "assertion_claims"
    ISSUER = "assertion_issuer"
    AUDIENCE = "assertion_audience"
    EXPIRED = "assertion_expired"
    NOT_YET = "assertion_not_yet_valid"
    PURPOSE = "assertion_purpose"


class Membership(msgspec.Struct, frozen=True):
    """A class that the person is in, and as what."""

    id: str
    role: str


class Assertion(msgspec.Struct, frozen=True):
    """What the gateway says about the person of this request. Claims that are not named here are ignored."""

    iss: str
    aud: str
    sub: str
    book: str
    iat: int
    exp: int
    jti: str | None = None
    nbf: int | None = None
    origin: str | None = None
    classes: tuple[Membership, ...] = ()
    roles: tuple[str, ...] = ()
    auth_level: str = "user"
    auth_time: int | None = None
    research_cap: int | None = None


TWO: Final = frozenset({"merge", "unmerge"})  # purposes that are about two people
GRID: Final = "grid"  # the purpose that is about a class
MOST_STUDENTS: Final = 100  # of one call


class Internal(msgspec.Struct, frozen=True, rename={"loser": "from", "klass": "class"}):
    """What the gateway asks for itself about a person in a book, in this service's terms."""

    iss: str
    aud: str
    purpose: str
    sub: str
    book: str
    iat: int
    exp: int
    loser: str | None = None  # whose everything becomes sub's by a merge, and is their own after its end
    klass: str | None = None  # the class of which sub is a teacher
    students: tuple[str, ...] = ()  # who is in it
    jti: str | None = None
    nbf: int | None = None


Proved = TypeVar("Proved", Assertion, Internal)


class Keys(Protocol):
    """Where the gateway's public keys come from."""

    async def find(self, kid: str) -> ECKey | None: ...


class _Head(msgspec.Struct, frozen=True):
    alg: str
    typ: str | None = None
    kid: str | None = None
    crit: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class Verifier:
    """Proves assertions made by `issuer` for `audience`."""

    def __init__(self, keys: Keys, issuer: str, audience: str, clock: Callable[[], float]) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._clock = clock

    async def verify(self, lines: Sequence[str]) -> Assertion:
        """The proved assertion of a request's header lines; raises AssertionRefused."""
        return await self._prove(lines, TYPE, Assertion)

    async def verify_internal(self, lines: Sequence[str], purpose: str) -> Internal:
        """The same of a call that the gateway makes for itself; a person's assertion is never one."""
        internal = await self._prove(lines, INTERNAL_TYPE, Internal)
        if internal.purpose != purpose:
            raise AssertionRefused(Reason.PURPOSE, f"It is not for the purpose {purpose}.")
        if (internal.loser is not None) is not (purpose in TWO):
            raise AssertionRefused(Reason.CLAIMS, "from is there where two people are meant, and only there.")
        if (internal.klass is not None) is not (purpose == GRID) or (internal.students and purpose != GRID):
            raise AssertionRefused(Reason.CLAIMS, "class and students are there where a class is meant.")
        if len(internal.students) > MOST_STUDENTS:
            raise AssertionRefused(Reason.CLAIMS, f"students are at most {MOST_STUDENTS}.")
        if internal.loser is not None and not 0 < len(internal.loser) <= 200:
            raise AssertionRefused(Reason.CLAIMS, "from has 1 to 200 characters.")
        if internal.loser == internal.sub:
            raise AssertionRefused(Reason.CLAIMS, "from is not sub.")
        return internal

    async def _prove(self, lines: Sequence[str], kind: str, form: type[Proved]) -> Proved:
        if not lines:
            raise AssertionRefused(Reason.MISSING, f"Send {HEADER}.")
        if len(lines) > 1:
            raise AssertionRefused(Reason.MALFORMED, f"{HEADER} was sent more than once.")
        token = lines[0]
        key = await self._keys.find(_key_id(token, kind))
        if key is None:
            raise AssertionRefused(Reason.KEY, "It was signed with a key that the gateway does not publish.")
        assertion = _claims(_signed_payload(token, key), form)
        _check(assertion, self._issuer, self._audience, self._clock())
        return assertion


def _key_id(token: str, kind: str) -> str:
    """The key id of a head that is ours in every other respect."""
    parts = COMPACT.fullmatch(token)
    if parts is None:
        raise AssertionRefused(Reason.MALFORMED, "It is not a signed JWS in compact form.")
    try:
        encoded = parts[1] + "=" * (-len(parts[1]) % 4)
        head = msgspec.json.decode(base64.urlsafe_b64decode(encoded), type=_Head)
    except (ValueError, msgspec.MsgspecError) as error:
        raise AssertionRefused(Reason.MALFORMED, "Its header is not the JSON of a JWS.") from error
    if head.alg != ALGORITHM:
        raise AssertionRefused(Reason.ALGORITHM, f"Only {ALGORITHM} is taken.")
    if head.typ != kind:
        raise AssertionRefused(Reason.TYPE, f"Only typ {kind} is taken here.")
    # RFC 7515 section 4.1.11: extensions that are critical and not understood make it invalid.
    if head.crit is not msgspec.UNSET:
        raise AssertionRefused(Reason.MALFORMED, "It has critical extensions that are not understood.")
    if head.kid is None:
        raise AssertionRefused(Reason.KEY, "It does not name its key.")
    return head.kid


def _signed_payload(token: str, key: ECKey) -> bytes:
    try:
        return jws.deserialize_compact(token, key, algorithms=[ALGORITHM]).payload or b""
    except (JoseError, ValueError) as error:
        raise AssertionRefused(Reason.SIGNATURE, "Its signature is wrong.") from error


def _claims(payload: bytes, form: type[Proved]) -> Proved:
    try:
        assertion = msgspec.json.decode(payload, type=form)
    except (ValueError, msgspec.MsgspecError) as error:
        raise AssertionRefused(Reason.CLAIMS, "A claim is missing or of the wrong type.") from error
    if not 0 < len(assertion.sub) <= 200 or not 0 < len(assertion.book) <= 200:
        raise AssertionRefused(Reason.CLAIMS, "sub and book have 1 to 200 characters.")
    return assertion


def _check(assertion: Assertion | Internal, issuer: str, audience: str, now: float) -> None:
    if assertion.iss != issuer:
        raise AssertionRefused(Reason.ISSUER, "It comes from another issuer.")
    if assertion.aud != audience:
        raise AssertionRefused(Reason.AUDIENCE, "It is for another service.")
    if now >= assertion.exp + SKEW:
        raise AssertionRefused(Reason.EXPIRED, "It has expired.")
    begins = assertion.iat if assertion.nbf is None else max(assertion.iat, assertion.nbf)
    if begins > now + SKEW:
        raise AssertionRefused(Reason.NOT_YET, "It comes from the future.")
