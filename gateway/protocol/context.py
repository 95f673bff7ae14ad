"""What the endpoints for books work with: handed in once by `app.py`, and the request's facts."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import date

from aiohttp import web

from gateway.access import GUEST, Facts, admits, offers
from gateway.authentication import Authenticator
from gateway.authorize_rules import parse_client_id
from gateway.config.settings import Guests
from gateway.cookies import Jar, parse
from gateway.directory import Guests as GuestRecords
from gateway.directory import Places
from gateway.dpop import NONCE, Proof, verify
from gateway.errors import InvalidGrantError, InvalidProofError, OriginRefusedError, PersonChangedError
from gateway.grants import Grants
from gateway.lifecycle import Lifecycle
from gateway.origins import Policy
from gateway.request_context import ASKED
from gateway.sealing import Sealer
from gateway.sessions import LiveBook, Sessions
from gateway.studies_rules import Study, books_with_a_question


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts that the endpoints share.

    pairwise: (person, origin) -> the id of that person that this book alone knows.
    logout_at_provider: ids of the providers whose own session ends with ours.
    id_token_hint: (key of a sign-in session, its provider) -> what that provider knows the session by.
    approved: (person, origin) -> whether the person's consent stands.
    guest_life: seconds that a guest's session lasts at most.
    """

    public_url: str
    sessions: Sessions
    grants: Grants
    authenticator: Authenticator
    sealer: Sealer
    clock: Callable[[], float]
    pairwise: Callable[[str, str], str]
    logout_at_provider: frozenset[str]
    id_token_hint: Callable[[str, str], Awaitable[str | None]]
    guests: Guests
    guest_life: int
    guest_records: GuestRecords
    lifecycle: Lifecycle
    places: Places
    approved: Callable[[str, str], Awaitable[bool]]
    studies: tuple[Study, ...]
    today: Callable[[], date]

    def now(self) -> int:
        return int(self.clock())


def caller(request: web.Request) -> tuple[str, Policy]:
    """The origin that asks and its policy; raises OriginRefusedError where there is none.

    Every endpoint for books needs an Origin: without one there is no book to answer.
    """
    verdict = request[ASKED].verdict
    if verdict.origin is None or verdict.policy is None:
        raise OriginRefusedError("an endpoint for books without a granted Origin")
    return verdict.origin, verdict.policy


def cookie_jar(request: web.Request) -> Jar:
    """The request's cookies, by our own parser."""
    return parse(request.headers.getall("Cookie", []))


def facts(request: web.Request, parts: Parts) -> Facts:
    """What authentication may look at."""
    path = request.raw_path.partition("?")[0]
    headers = request.headers
    return Facts(
        method=request.method,
        url=parts.public_url + path,
        path=path,
        origin=request[ASKED].verdict.origin,
        cookie_lines=tuple(headers.getall("Cookie", [])),
        authorization_lines=tuple(headers.getall("Authorization", [])),
        dpop_lines=tuple(headers.getall("DPoP", [])),
        protocol_lines=(),
        is_websocket=False,
        own_origin=parts.public_url,
    )


async def current_book(request: web.Request, parts: Parts) -> LiveBook | None:
    """The caller's live book session, or None.

    Raises PersonChangedError where the page believes that it is somebody else's and asks for a change.
    """
    policy = request[ASKED].verdict.policy
    live = await parts.authenticator.authenticate(facts(request, parts), policy)
    believed = request.headers.get("X-Bookgate-Person")
    if live is None or request.method != "POST" or believed is None:
        return live
    if believed != parts.pairwise(live.record.person, live.record.origin):
        raise PersonChangedError("at an endpoint of ours")
    return live


async def session_by_cookie(request: web.Request, parts: Parts, policy: Policy) -> LiveBook | None:
    """Whose cookie came, whatever else the request carries."""
    only = replace(facts(request, parts), authorization_lines=(), dpop_lines=())
    return await parts.authenticator.authenticate(only, policy)


def welcomes_guests(parts: Parts, policy: Policy | None) -> bool:
    """Whether a guest may begin at an origin of this policy."""
    return parts.guests.welcome and policy is not None and policy.credentials and offers(policy, GUEST)


async def proof_of(request: web.Request, parts: Parts) -> Proof | None:
    """The request's DPoP proof, verified and not seen before; None where none was sent.

    Raises InvalidProofError or UseNonceError (RFC 9449 sections 4.3 and 8).
    """
    lines = request.headers.getall("DPoP", [])
    if not lines:
        return None
    proof = verify(
        lines,
        request.method,
        parts.public_url + request.raw_path.partition("?")[0],
        parts.now(),
        access_token=None,
        nonce_keys=parts.sealer.derived(NONCE),
    )
    if not await parts.grants.proof_is_new(proof.jkt, proof.jti):
        raise InvalidProofError("proof replayed")
    return proof


async def require_admitted(parts: Parts, live: LiveBook, policy: Policy) -> None:
    """Ends a session just confirmed whose origin policy lets in no more, before the book learns anything."""
    if not admits(live.record, live.record.origin, policy, parts.now()):
        await parts.sessions.end_book(live.key)
        raise InvalidGrantError("policy does not admit this session")


def asked(live: LiveBook, parts: Parts, policy: Policy | None) -> dict[str, object]:
    """`studies`: the origin's books in which research waits for this person's answer. No guest is asked."""
    if not parts.studies or live.parent is None or policy is None:
        return {}
    books = policy.book_ids(parse_client_id(live.record.origin))
    found = books_with_a_question(parts.studies, live.parent.studies, books, parts.today())
    return {"studies": found} if found else {}


def user(live: LiveBook, parts: Parts) -> dict[str, object]:
    """The person as the book may know them (OpenID Connect Core section 8.1: pairwise)."""
    record = live.record
    return {
        "sub": parts.pairwise(record.person, record.origin),
        "name": live.name,
        "guest": record.is_guest,
    }
