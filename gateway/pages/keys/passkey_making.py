"""/auth/passkey/new: making a passkey, from the account page or where it is offered once, after a sign-in."""

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from gateway import devices
from gateway.access import PASSKEY, offers
from gateway.authorize_rules import parse_client_id
from gateway.cookies import way_line
from gateway.directory import NewPasskey
from gateway.errors import (
    GatewayError,
    InvalidGrantError,
    InvalidRequestError,
    PasskeyRefusedError,
    TooManyPasskeysError,
)
from gateway.forms import read_form, required
from gateway.pages.arrivals import ACCOUNT, go_on
from gateway.pages.authorize import Handler, require_own_page
from gateway.pages.flow import Parts, policy_of, start_login
from gateway.pages.language import mark, say
from gateway.pages.onward import onward
from gateway.pages.recent import RECENT, recent
from gateway.pages.shell import signed_in
from gateway.pages.transactions import forget
from gateway.pages.ways import Kind
from gateway.passkeys import RelyingParty, handle_of
from gateway.records import Authorization, Enrolment
from gateway.request_context import ASKED
from gateway.sessions import LiveSignIn
from gateway.telemetry import AUDIT, Audited

PAGE: Final = "/auth/passkey/new"
_SOME_DEVICE: Final = mark("A device")
_REFUSED: Final[Mapping[type[GatewayError], str]] = {
    PasskeyRefusedError: mark("The passkey of this device could not be kept. Try again, or leave it."),
    TooManyPasskeysError: mark("You have as many passkeys as one may have. Remove one first."),
}


def making_handler(parts: Parts, party: RelyingParty) -> Handler:
    """From the account page: for whoever proved within the last ten minutes who they are."""

    async def handle(request: web.Request) -> web.StreamResponse:
        live = await signed_in(request, parts.public_url)
        if live is None:
            return _to_account()
        answer = await recent(request, parts, live, PAGE)
        return answer or await making_page(request, parts, party, live, None, ACCOUNT)

    return handle


async def offer(
    request: web.Request,
    parts: Parts,
    live: LiveSignIn,
    authorization: str | None,
    back: str | None,
) -> web.Response | None:
    """The page that offers one, to whoever signed in on their own device and was never asked; else None."""
    record, party = live.record, parts.passkeys
    if party is None or not record.own_device or record.provider == PASSKEY:
        return None
    if record.proved_at is None and back is not None:
        return None  # they would be led to a provider and back, and not there: another time
    if record.proved_at is not None and parts.clock() - record.proved_at >= RECENT:
        return None  # a provider that still knew who sat here before: a key would let them in for good
    if authorization is not None and not await _takes_passkeys(request, parts, authorization):
        return None
    if not await parts.directory.passkeys.is_to_be_offered(record.person):
        return None
    return await making_page(request, parts, party, live, authorization, back)


async def making_again(
    request: web.Request, parts: Parts, live: LiveSignIn, authorization: str | None, back: str | None
) -> web.Response | None:
    """The page once more, for whoever was offered one by a book's sign-in and has proved now who they are."""
    if authorization is None or parts.passkeys is None:
        return None
    return await making_page(request, parts, parts.passkeys, live, authorization, back)


async def _takes_passkeys(request: web.Request, parts: Parts, authorization: str) -> bool:
    """Whether the book that asked does."""
    asked = await parts.transactions.peek(Authorization, authorization, request)
    policy = policy_of(request, parts, parse_client_id(asked.origin))
    return policy is not None and offers(policy, PASSKEY)


async def making_page(
    request: web.Request,
    parts: Parts,
    party: RelyingParty,
    live: LiveSignIn,
    authorization: str | None,
    back: str | None,
    refused: GatewayError | None = None,
) -> web.Response:
    """authorization, back: where to go on to afterwards, as in `go_on`."""
    challenge, person = party.challenge(), live.record.person
    proved = live.record.proved_at is not None  # else their provider asks them first
    known = [one.id for one in await parts.directory.passkeys.of(person)]
    record = Enrolment(challenge, live.key, authorization, back)
    begun = await parts.transactions.begin(record, request)
    values = {
        "transaction": begun.id,
        "options": party.creation(person, live.record.name or parts.renderer.look.name, challenge, known)
        if proved
        else None,
        "name": live.record.name,
        "offered": back != ACCOUNT,
        "refused": None if refused is None else say(_REFUSED[type(refused)]),
    }
    response = parts.renderer.page(
        "keys/passkey_new.html", values, status=200 if refused is None else refused.status
    )
    response.headers.add("Set-Cookie", begun.line)
    return response


def making_form_handler(parts: Parts, party: RelyingParty) -> Handler:
    """What the device said, or `act=later`; `act=prove`: first off to the provider, and back."""

    async def handle(request: web.Request) -> web.StreamResponse:
        require_own_page(request)
        form = await read_form(request)
        transaction = required(form, "transaction")
        live = await signed_in(request, parts.public_url)
        if live is None:
            return _to_account()
        known = await parts.transactions.take(Enrolment, transaction, request)
        if known.parent != live.key:
            raise InvalidGrantError("the page was made for another sign-in session")
        response: web.StreamResponse
        if form.get("act") == "prove":
            response = await _prove(request, parts, live, known)
            forget(response, transaction)
            return response
        try:
            made = form.get("act") != "later"
            if made:
                await _make(request, parts, party, live, required(form, "response"), known.challenge)
        except (PasskeyRefusedError, TooManyPasskeysError) as error:
            request[ASKED].reason = f"{error.code}: {error.detail}"
            response = await making_page(
                request, parts, party, live, known.authorization, known.back, refused=error
            )
        else:
            await parts.directory.passkeys.note_answer(live.record.person)
            response = await go_on(request, parts, live, known.authorization, known.back)
            if made and live.record.own_device:  # next time this device asks for it by itself
                response.headers.add("Set-Cookie", way_line(PASSKEY))
        forget(response, transaction)
        return response

    return handle


async def _prove(request: web.Request, parts: Parts, live: LiveSignIn, known: Enrolment) -> web.Response:
    """A provider that told no time may have known who sat here before: now it asks."""
    way = parts.ways.get(live.record.provider)
    if way is None or way.kind is not Kind.PROVIDER:
        raise InvalidRequestError("nothing to prove, or nowhere")
    begun = await start_login(
        request,
        parts,
        way,
        known.authorization,
        select_account=False,
        own_device=live.record.own_device,
        back=None if known.authorization else PAGE,
        again=live.record.person,
    )
    return onward(request, parts, begun, say(way.label))


async def _make(
    request: web.Request, parts: Parts, party: RelyingParty, live: LiveSignIn, said: str, challenge: str
) -> None:
    made, person = party.registered(said, challenge), live.record.person
    name = devices.name_of(request.headers.get("User-Agent")) or say(_SOME_DEVICE)
    new = NewPasskey(made.id, handle_of(person), made.public_key, made.counter, made.transports, name)
    await parts.directory.passkeys.add(person, new)
    request[AUDIT].note(Audited.PASSKEY_MADE, who=person)


def _to_account() -> web.Response:
    return web.Response(status=303, headers={"Location": ACCOUNT, "Cache-Control": "no-store"})
