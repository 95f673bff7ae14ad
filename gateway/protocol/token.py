"""POST /auth/token: a code or a refresh token becomes a book session (docs/protocol.md, step 4)."""

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from gateway.access import admits
from gateway.authorize_rules import asks_every_time, parse_client_id
from gateway.code_exchange import redeem
from gateway.dpop import Proof
from gateway.errors import (
    InteractionRequiredError,
    InvalidGrantError,
    InvalidProofError,
    InvalidRequestError,
    OriginRefusedError,
    UnsupportedGrantTypeError,
)
from gateway.forms import read_form, required
from gateway.grant_rules import verify_challenge
from gateway.limits import EXCHANGES, REFRESHES
from gateway.origins import Policy, Trust
from gateway.protocol.answers import answer, ticket_answer, token_fields
from gateway.protocol.context import Parts, caller, proof_of, require_admitted
from gateway.protocol.guests import (
    GUEST_GRANT,
    begin_guest,
    guest_at_hand,
    merged_fields,
    set_aside,
    settle,
)
from gateway.records import Code, Mode, Ticket
from gateway.sessions import LiveBook, LiveSignIn
from gateway.telemetry import AUDIT, Audited

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def token_handler(parts: Parts) -> Handler:
    """The endpoint, bound to its parts."""

    async def handle(request: web.Request) -> web.StreamResponse:
        origin, policy = caller(request)
        form = await read_form(request)
        if required(form, "client_id") != origin:
            raise OriginRefusedError("client_id is not the Origin")
        proof = await proof_of(request, parts)
        match required(form, "grant_type"):
            case "authorization_code":
                return await _exchange(request, parts, form, origin, policy, proof)
            case "refresh_token":
                return await _refresh(parts, form, origin, policy, proof)
            case guest if guest == GUEST_GRANT:
                by_cookie = _wants_cookie(form)
                return await begin_guest(request, parts, form, origin, policy, proof, by_cookie=by_cookie)
            case other:
                raise UnsupportedGrantTypeError(other[:40])

    return handle


async def _exchange(
    request: web.Request,
    parts: Parts,
    form: Mapping[str, str],
    origin: str,
    policy: Policy,
    proof: Proof | None,
) -> web.Response:
    by_cookie = _wants_cookie(form)
    if proof is None and not by_cookie:
        raise InvalidProofError("neither a proof nor delivery=cookie")
    minted, code = await redeem(parts.sessions, parts.grants, required(form, "code"))
    _check_code(code, form, origin, policy, proof)
    parent = await parts.sessions.load_sign_in_key(code.parent)
    if parent is None:
        raise InvalidGrantError("the sign-in session of this code has ended")
    await parts.grants.limit("exchanges", parent.key, EXCHANGES)
    if not by_cookie:
        await _refuse_silent_downgrade(parts, parent, origin, code)
    there = await guest_at_hand(request, parts, form, origin, policy, proof)
    guest = None if there is None else there.key
    jkt = None if proof is None else proof.jkt
    books = policy.book_ids(parse_client_id(origin))
    await parts.places.note(parent.key, parent.record.person, origin, books)
    live = await parts.sessions.begin_book(parent, origin, jkt, approved=code.approved, minted=minted)
    await _require_standing_consent(parts, live, policy)
    request[AUDIT].note(Audited.SIGN_IN_BOOK, who=live.record.person, origin=origin, session=live.key)
    if not by_cookie:
        confirmed = await parts.sessions.confirm_book(live.key, Mode.DPOP)
        if confirmed is None:
            raise InvalidGrantError("the session ended meanwhile")
        await require_admitted(parts, confirmed, policy)
        tokens = await parts.grants.issue_tokens(confirmed)
        merged = await settle(request, parts, confirmed, policy, guest, keep=code.keep)
        return answer(parts, {**token_fields(tokens), **merged_fields(merged)})
    ticket = Ticket(
        book=live.key,
        parent=parent.key,
        origin=origin,
        jkt=live.record.jkt,
        clicked=code.clicked,
        guest=guest,
        keep=code.keep,
    )
    response = await ticket_answer(parts, live, ticket)
    set_aside(parts, response, there)
    return response


def _wants_cookie(form: Mapping[str, str]) -> bool:
    delivery = form.get("delivery")
    if delivery not in {None, "cookie"}:
        raise InvalidRequestError("delivery is not cookie")
    return delivery == "cookie"


def _check_code(
    code: Code, form: Mapping[str, str], origin: str, policy: Policy, proof: Proof | None
) -> None:
    if code.origin != origin or code.redirect_uri != required(form, "redirect_uri"):
        raise InvalidGrantError("the code belongs to another origin or return page")
    if not verify_challenge(form.get("code_verifier", ""), code.challenge):
        raise InvalidGrantError("the verifier does not fit")
    if code.jkt is not None and (proof is None or proof.jkt != code.jkt):
        raise InvalidGrantError("the code is bound to another key")
    if policy.trust is Trust.CONSENT and not code.approved:
        raise InvalidGrantError("the origin needs this person's consent meanwhile")


async def _require_standing_consent(parts: Parts, live: LiveBook, policy: Policy) -> None:
    """Ends a session just begun whose person took their word back after the code was made.

    Asked when the session is there: whoever takes it back later finds it.
    """
    record = live.record
    origin = parse_client_id(record.origin)
    if policy.trust is not Trust.CONSENT or asks_every_time(origin, policy):
        return
    if not await parts.approved(record.person, record.origin):
        await parts.sessions.end_book(live.key)
        raise InvalidGrantError("the person took their consent back")


async def _refuse_silent_downgrade(parts: Parts, parent: LiveSignIn, origin: str, code: Code) -> None:
    """XSS in a book may start a flow of its own to get a token out of a cookie session: a click stops it."""
    if not code.clicked and await parts.sessions.confirmed_cookie_mode(parent.key, origin):
        raise InteractionRequiredError("token mode after cookie mode, without a click")


async def _refresh(
    parts: Parts, form: Mapping[str, str], origin: str, policy: Policy, proof: Proof | None
) -> web.Response:
    if proof is None:
        raise InvalidProofError("refresh without a proof")
    refresh = required(form, "refresh_token")
    place = parts.grants.refresh_book(refresh)
    live = None if place is None else await parts.sessions.load_book_key(*place)
    if live is None or live.record.mode is not Mode.DPOP or live.record.jkt != proof.jkt:
        raise InvalidGrantError("unknown refresh token, or another key")
    await parts.grants.limit("refreshes", live.key, REFRESHES)
    if not admits(live.record, origin, policy, parts.now()):
        raise InvalidGrantError("policy does not admit this session")
    return answer(parts, token_fields(await parts.grants.issue_tokens(live, refresh=refresh)))
