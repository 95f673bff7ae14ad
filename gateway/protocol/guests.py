"""Guests at the endpoints for books: how they begin and come back, and what becomes of their work."""

from collections.abc import Mapping

from aiohttp import web

from gateway import devices
from gateway.client_address import network
from gateway.cookies import expired_line, guest_line, guest_name
from gateway.dpop import Proof
from gateway.errors import (
    GuestsRefusedError,
    InvalidGrantError,
    InvalidProofError,
    InvalidRequestError,
    SessionExistsError,
    TooManyGuestsError,
)
from gateway.lifecycle import Merged
from gateway.origins import Policy, Rate, parse_origin
from gateway.protocol.answers import answer, ticket_answer, token_fields
from gateway.protocol.context import Parts, session_by_cookie, welcomes_guests
from gateway.records import LiveBook, Mode, Ticket
from gateway.request_context import ASKED
from gateway.telemetry import AUDIT, Audited

GUEST_GRANT = "urn:bookgate:guest"

_KEEP: Mapping[str | None, bool | None] = {None: None, "yes": True, "no": False}


async def begin_guest(
    request: web.Request,
    parts: Parts,
    form: Mapping[str, str],
    origin: str,
    policy: Policy,
    proof: Proof | None,
    *,
    by_cookie: bool,
) -> web.Response:
    """The guest grant: a book session of nobody, or of the guest whom a return code names."""
    if proof is None:
        raise InvalidProofError("a guest without a key")
    if not welcomes_guests(parts, policy):
        raise GuestsRefusedError(f"group {policy.group}")
    code, keep = form.get("return_code"), form.get("keep")
    if keep not in _KEEP:
        raise InvalidRequestError("keep is neither yes nor no")
    there = await session_by_cookie(request, parts, policy) or await _by_token(parts, form, origin, proof)
    if there is not None and (not there.record.is_guest or code is None or keep is None):
        raise SessionExistsError("a guest over a session that is alive")
    await _limit(request, parts, origin, is_new=code is None)
    device = devices.name_of(request.headers.get("User-Agent"))
    live = await _begin(parts, code, origin, proof.jkt, device)
    request[AUDIT].note(Audited.GUEST_BEGUN, who=live.record.person, origin=origin, session=live.key)
    guest = None if there is None else there.key
    if not by_cookie:
        confirmed = await parts.sessions.confirm_book(live.key, Mode.DPOP)
        if confirmed is None:
            raise InvalidGrantError("the session ended meanwhile")
        merged = await settle(request, parts, confirmed, policy, guest, keep=_KEEP[keep])
        tokens = await parts.grants.issue_tokens(confirmed)
        return answer(parts, {**token_fields(tokens), **merged_fields(merged)})
    ticket = Ticket(
        book=live.key,
        parent=None,
        origin=origin,
        jkt=proof.jkt,
        clicked=True,
        guest=guest,
        keep=_KEEP[keep],
    )
    response = await ticket_answer(parts, live, ticket)
    set_aside(parts, response, there)
    return response


async def _begin(parts: Parts, code: str | None, origin: str, jkt: str, device: str | None) -> LiveBook:
    if code is None:
        return await parts.sessions.begin_guest(None, origin, jkt, device)
    person = await parts.guest_records.find_guest(code, origin)
    if person is None:
        raise InvalidGrantError("no guest has this return code here")
    live = await parts.sessions.begin_guest(person, origin, jkt, device)
    # A merge takes the code away, then ends the guest's sessions: what began between the two is found here.
    if await parts.guest_records.find_guest(code, origin) is None:
        await parts.sessions.end_book(live.key)
        raise InvalidGrantError("the guest became somebody meanwhile")
    return live


async def _limit(request: web.Request, parts: Parts, origin: str, *, is_new: bool) -> None:
    """Anybody can begin guests and try return codes: by address and by origin there is an end to it."""
    client = request[ASKED].client
    if client is not None:
        await _count(parts, "guests-from", network(client), parts.guests.per_address)
    if is_new:
        await _count(parts, "guests-at", origin, parts.guests.per_origin)


async def _count(parts: Parts, purpose: str, subject: str, rate: Rate) -> None:
    if not await parts.grants.count(purpose, subject, rate.amount, rate.window):
        raise TooManyGuestsError(purpose, retry_after=rate.window)


async def guest_at_hand(
    request: web.Request,
    parts: Parts,
    form: Mapping[str, str],
    origin: str,
    policy: Policy,
    proof: Proof | None,
) -> LiveBook | None:
    """The guest who is signing in: by the cookie of this origin, or by a token and the proof of its key."""
    live = await session_by_cookie(request, parts, policy)
    if live is not None and live.record.is_guest:
        return live
    return await _by_token(parts, form, origin, proof)


async def _by_token(
    parts: Parts, form: Mapping[str, str], origin: str, proof: Proof | None
) -> LiveBook | None:
    token = form.get("guest_token")
    if token is None or proof is None:
        return None
    for place in (parts.grants.refresh_book(token), parts.grants.access_book(token)):
        live = None if place is None else await parts.sessions.load_book_key(*place)
        if live is not None and _is_held(live, origin, proof):
            return live
    return None


def _is_held(live: LiveBook, origin: str, proof: Proof) -> bool:
    """Whether this is a guest's session at this origin, and the proof by its key (RFC 9449 section 7.2)."""
    record = live.record
    return (
        record.is_guest and record.mode is Mode.DPOP and record.origin == origin and record.jkt == proof.jkt
    )


def set_aside(parts: Parts, response: web.Response, guest: LiveBook | None) -> None:
    """The book's cookie is about to be another's: until that one is confirmed the guest can go on.

    A guest in token mode holds tokens, which nothing here replaces.
    """
    if guest is not None and guest.id is not None:
        max_age = guest.record.ends - parts.now()
        response.headers.add("Set-Cookie", guest_line(guest.record.origin, guest.id, max_age))


async def settle(
    request: web.Request,
    parts: Parts,
    live: LiveBook,
    policy: Policy,
    guest_key: str | None,
    *,
    keep: bool | None,
) -> Merged:
    """After a session was confirmed: what the guest did becomes its person's, if that was the answer."""
    if not keep or guest_key is None:
        return Merged.NONE
    guest = await parts.sessions.load_book_key(guest_key, None)
    origin = parse_origin(live.record.origin)
    if guest is None or origin is None or guest.record.person == live.record.person:
        return Merged.NONE
    loser, survivor = guest.record.person, live.record.person
    merged = await parts.lifecycle.merge_guest(
        loser,
        survivor,
        live.record.origin,
        policy.book_ids(origin),
        joins_guest=live.record.is_guest,
    )
    if merged in {Merged.DONE, Merged.LATER}:
        request[AUDIT].note(Audited.GUEST_MERGED, who=survivor, guest=loser, origin=live.record.origin)
    return merged


def forget_guest(response: web.Response, origin: str, *, keep: bool | None, merged: Merged) -> None:
    """The guest who was set aside is done with: merged, or left by the reader's own word."""
    if keep is False or merged in {Merged.DONE, Merged.LATER}:
        response.headers.add("Set-Cookie", expired_line(guest_name(origin)))


def merged_fields(merged: Merged) -> dict[str, object]:
    return {"merged": merged is Merged.DONE, "merge": merged.value}
