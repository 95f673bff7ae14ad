"""/auth/passkey: in by a passkey. The page asks the device for it by itself; its button asks again."""

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from gateway.access import PASSKEY
from gateway.authorize_rules import parameters
from gateway.client_address import network
from gateway.directory import Person
from gateway.errors import GatewayError, PasskeyRefusedError
from gateway.forms import read_form, required
from gateway.pages.arrivals import Arrival, begin_session, go_on
from gateway.pages.authorize import Handler, require_own_page
from gateway.pages.back import parse_back
from gateway.pages.flow import Parts
from gateway.pages.language import mark, say
from gateway.pages.login import somebody_else
from gateway.pages.shell import signed_in
from gateway.pages.transactions import forget
from gateway.passkeys import RelyingParty, Signed, read_signed
from gateway.records import Ceremony
from gateway.request_context import ASKED

_REFUSED: Final = mark("This passkey did not confirm who you are. Nobody was signed in.")


@dataclass(frozen=True, slots=True)
class _Going:
    """Where to afterwards: to the book that asked (its transaction), or back to a page of ours.

    again: the person who is to prove once more that it is them.
    """

    authorization: str | None
    back: str | None
    own_device: bool
    again: str | None


def passkey_handler(parts: Parts, party: RelyingParty) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        fields = parameters(request.query.items())
        going = _Going(
            fields.get("transaction") or None,
            parse_back(fields.get("back")),
            fields.get("own_device") == "1",
            await _again(request, parts, fields.get("again")),
        )
        return await _page(request, parts, party, going)

    return handle


async def _again(request: web.Request, parts: Parts, asked: str | None) -> str | None:
    """Who proves once more that it is them: whoever is signed in here. None: it is any sign-in."""
    live = await signed_in(request, parts.public_url) if asked == "1" else None
    return None if live is None else live.record.person


async def _page(
    request: web.Request,
    parts: Parts,
    party: RelyingParty,
    going: _Going,
    refused: GatewayError | None = None,
) -> web.Response:
    challenge = party.challenge()
    record = Ceremony(challenge, going.authorization, going.own_device, going.back, again=going.again)
    begun = await parts.transactions.begin(record, request)
    values = {
        "transaction": begun.id,
        "options": party.request(challenge),
        "authorization": going.authorization,
        "refused": None if refused is None else say(_REFUSED),
    }
    response = parts.renderer.page(
        "keys/passkey.html", values, status=200 if refused is None else refused.status
    )
    response.headers.add("Set-Cookie", begun.line)
    return response


def passkey_form_handler(parts: Parts, party: RelyingParty) -> Handler:
    """What the device said, once."""

    async def handle(request: web.Request) -> web.StreamResponse:
        require_own_page(request)
        form = await read_form(request)
        transaction = required(form, "transaction")
        known = await parts.transactions.take(Ceremony, transaction, request)
        going = _Going(known.authorization, known.back, known.own_device, known.again)
        try:
            signed = read_signed(required(form, "response"))
            person = await _proved(request, parts, party, signed, known.challenge)
        except PasskeyRefusedError as error:
            request[ASKED].reason = f"{error.code}: {error.detail}"
            response: web.StreamResponse = await _page(request, parts, party, going, error)
            forget(response, transaction)
            return response
        if known.again not in {None, person.id}:
            response = somebody_else(request, parts, person.name)
        else:
            arrival = Arrival(
                person=person,
                way=PASSKEY,
                auth_time=int(parts.clock()),
                # whoever opened it by the lock of this very device is at a device of their own
                own_device=known.own_device or signed.here,
            )
            live = await begin_session(request, parts, arrival)
            response = await go_on(request, parts, live, known.authorization, known.back)
        forget(response, transaction)
        return response

    return handle


async def _proved(
    request: web.Request, parts: Parts, party: RelyingParty, signed: Signed, challenge: str
) -> Person:
    """Whose key signed. PasskeyRefusedError: nobody's. TooManyRequestsError: this address, or person."""
    client = request[ASKED].client
    if client is not None:
        await parts.grants.limit("sign-ins", network(client), parts.limits.per_address)
    key = await parts.directory.passkeys.find(signed.id)
    if key is None:
        raise PasskeyRefusedError("no such credential")
    if signed.handle not in {None, key.handle}:  # WebAuthn Level 3, section 7.2, step 6
        raise PasskeyRefusedError("the device means somebody else")
    await parts.grants.limit("person", key.person, parts.limits.per_person)
    counter = party.signed(signed, challenge, key.public_key, key.counter)
    await parts.directory.passkeys.use(key.id, key.person, counter)
    return Person(key.person, key.called)
