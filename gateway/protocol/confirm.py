"""POST /auth/confirm: did the cookie come back? (docs/protocol.md, step 5)."""

from aiohttp import web

from gateway.cookies import book_name
from gateway.dpop import Proof
from gateway.errors import CookieRequiredError, InteractionRequiredError, InvalidGrantError
from gateway.forms import read_form, required
from gateway.origins import Policy
from gateway.protocol.answers import answer, token_fields
from gateway.protocol.context import Parts, asked, caller, cookie_jar, proof_of, require_admitted, user
from gateway.protocol.guests import forget_guest, merged_fields, settle
from gateway.protocol.token import Handler
from gateway.records import Mode, Ticket
from gateway.session_ids import parse_book_id
from gateway.sessions import LiveBook

Confirmed = tuple[LiveBook, dict[str, object]]  # the session, and what the book is told of it


def confirm_handler(parts: Parts) -> Handler:
    """The endpoint, bound to its parts."""

    async def handle(request: web.Request) -> web.StreamResponse:
        origin, policy = caller(request)
        form = await read_form(request)
        proof = await proof_of(request, parts)
        ticket = await parts.grants.redeem_ticket(required(form, "ticket"))
        if ticket is None or ticket.origin != origin:
            raise InvalidGrantError("unknown ticket, or another origin's")
        if ticket.jkt is not None and (proof is None or proof.jkt != ticket.jkt):
            await parts.sessions.end_book(ticket.book)
            raise InvalidGrantError("the ticket is bound to another key")
        pending = await parts.sessions.load_book_key(ticket.book, ticket.parent)
        if pending is None or pending.record.mode is not Mode.PENDING:
            raise InvalidGrantError("the session has ended")
        value = cookie_jar(request).one(book_name(origin))
        keys = None if value is None else parse_book_id(value)
        if keys is not None and keys[0] == ticket.book:
            live, fields = await _by_cookie(parts, pending, policy)
        else:
            live, fields = await _by_token(parts, pending, ticket, proof, policy)
        # The last step: whatever fails before it leaves the guest as it was.
        merged = await settle(request, parts, live, policy, ticket.guest, keep=ticket.keep)
        response = answer(parts, {**fields, **asked(live, parts, policy), **merged_fields(merged)})
        forget_guest(response, origin, keep=ticket.keep, merged=merged)
        return response

    return handle


async def _by_cookie(parts: Parts, pending: LiveBook, policy: Policy) -> Confirmed:
    live = await parts.sessions.confirm_book(pending.key, Mode.COOKIE)
    if live is None:
        raise InvalidGrantError("confirmed twice")
    await require_admitted(parts, live, policy)
    if live.record.parent is not None:
        await parts.sessions.remember_cookie_mode(live.record.parent, live.record.origin)
    fields = {"mode": "cookie", "keep": live.record.own_device, "user": user(live, parts)}
    return live, {**fields, "expires_in": live.record.ends - parts.now()}


async def _by_token(
    parts: Parts, pending: LiveBook, ticket: Ticket, proof: Proof | None, policy: Policy
) -> Confirmed:
    """The session goes on under a new id: the one that went out as a cookie is dead from here on."""
    origin, parent = pending.record.origin, pending.record.parent
    if proof is None:
        await parts.sessions.end_book(pending.key)
        raise CookieRequiredError("neither the cookie nor a proof came back")
    if not ticket.clicked and parent and await parts.sessions.confirmed_cookie_mode(parent, origin):
        await parts.sessions.end_book(pending.key)
        raise InteractionRequiredError("token mode after cookie mode, without a click")
    live = await parts.sessions.confirm_book(pending.key, Mode.DPOP, proof.jkt)
    if live is None:
        raise InvalidGrantError("the session ended meanwhile")
    await require_admitted(parts, live, policy)
    tokens = await parts.grants.issue_tokens(live)
    fields = {"mode": "dpop", "keep": live.record.own_device, "user": user(live, parts)}
    return live, {**fields, **token_fields(tokens)}
