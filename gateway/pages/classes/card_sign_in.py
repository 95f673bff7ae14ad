"""/auth/classes/card: in by a class card, scanned or typed.

A scanned card's words come in the address's fragment, which no log and no Referer sees; nobody is signed in
by opening the address, for somebody else's card could be in it (RFC 9700 section 4.7).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from gateway.access import CLASS_CARD
from gateway.authorize_rules import parameters
from gateway.card_words import Misread, parse_words
from gateway.classes_rules import Role
from gateway.client_address import network
from gateway.directory import Candidate
from gateway.directory.cards import ISSUER
from gateway.errors import ClassFullError, InvalidGrantError, TooManyRequestsError
from gateway.forms import read_form, required
from gateway.limits import CARD_TRIES, CLASS_TRIES
from gateway.pages.arrivals import Arrival, begin_session, go_on
from gateway.pages.authorize import Handler, require_own_page
from gateway.pages.back import parse_back
from gateway.pages.classes.wordlists import KNOWN
from gateway.pages.flow import Parts
from gateway.pages.language import mark, say
from gateway.pages.transactions import forget
from gateway.records import Form
from gateway.request_context import ASKED

_COUNT: Final = mark("There are six words on the card. Look whether all of them are here.")
_WORD: Final = mark("No card has the word %(word)s. Look at it again.")
_NONE: Final = mark(
    "These words open no card. Look at each of them again; if it is an old card, ask for a new one."
)
_OTHER_WAY: Final = mark(
    "You have another way to sign in now, and the card opens nothing any more. Use that way."
)
_AGAIN: Final = mark("This page was open for a while. Try once more.")
_CARD_PAGE: Final = "the card's page"  # what its forms are bound to, where there is no session yet


@dataclass(frozen=True, slots=True)
class _Going:
    """Where to afterwards: to the book that asked (its transaction), or back to a page of ours."""

    authorization: str | None
    back: str | None
    own_device: bool
    typed: str = ""

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> "_Going":
        return cls(
            fields.get("authorization") or None,
            parse_back(fields.get("back")),
            fields.get("own_device") == "1",
            fields.get("words", "")[:300],
        )


def card_handler(parts: Parts) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        fields = parameters(request.query.items())
        going = _Going.of({**fields, "authorization": fields.get("transaction", ""), "words": ""})
        return await _page(request, parts, going, None)

    return handle


def card_form_handler(parts: Parts) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        require_own_page(request)
        form = await read_form(request)
        transaction, going = required(form, "transaction"), _Going.of(form)
        try:
            record = await parts.transactions.take(Form, transaction, request)
        except InvalidGrantError as error:
            request[ASKED].reason = f"{error.code}: {error.detail}"
            return await _page(request, parts, going, say(_AGAIN), error.status)
        if record.parent != _CARD_PAGE:
            raise InvalidGrantError("a form of another page")
        response = await _answer(request, parts, going)
        forget(response, transaction)
        return response

    return handle


async def _answer(request: web.Request, parts: Parts, going: _Going) -> web.StreamResponse:
    words = parse_words(going.typed, KNOWN)
    if isinstance(words, Misread):
        trouble = say(_COUNT) if words.word is None else say(_WORD, word=words.word)
        return await _page(request, parts, going, trouble, 400)
    card = await _proved(request, parts, words)
    if card is None:
        request[ASKED].reason = "card: words that open none"
        return await _page(request, parts, going, say(_NONE), 403)
    return await _arrive(request, parts, card, going)


async def _proved(request: web.Request, parts: Parts, words: tuple[str, ...]) -> Candidate | None:
    """The card that the words open.

    Raises TooManyRequestsError: too many tries of this card, of its class, or of this address, whatever they
    were: who guesses must not learn which of them was near.
    """
    client = request[ASKED].client
    if client is not None:
        await parts.grants.limit("card address", network(client), parts.limits.per_address)
    tired: TooManyRequestsError | None = None
    for candidate in await parts.directory.cards.found(words):
        try:
            await parts.grants.limit("card", f"{candidate.class_id} {candidate.number}", CARD_TRIES)
            await parts.grants.limit("class cards", candidate.class_id, CLASS_TRIES)
        except TooManyRequestsError as error:
            tired = error  # a card of the same first words, in another class, has tries of its own
            continue
        if parts.directory.cards.proves(words, candidate):
            return candidate
    if tired is not None:
        raise tired
    return None


async def _arrive(request: web.Request, parts: Parts, card: Candidate, going: _Going) -> web.StreamResponse:
    person = await parts.directory.sign_in(ISSUER, card.subject, card.name, CLASS_CARD)
    if not await parts.directory.cards.is_only_way(person.id):
        request[ASKED].reason = "card: of a person who has another way in"
        return await _page(request, parts, going, say(_OTHER_WAY), 403)
    await parts.grants.limit("person", person.id, parts.limits.per_person)
    back = going.back
    if await parts.directory.cards.belongs_to(card, person.id):
        back = back or f"/auth/classes/of/{card.class_id}"
        try:
            await parts.directory.classes.enrol(card.class_id, person.id, Role.STUDENT)
        except ClassFullError as error:  # who has a card comes in all the same
            request[ASKED].reason = f"{error.code}: {error.detail}"
    arrival = Arrival(person, CLASS_CARD, int(parts.clock()), going.own_device)
    live = await begin_session(request, parts, arrival)
    return await go_on(request, parts, live, going.authorization, back)


async def _page(
    request: web.Request, parts: Parts, going: _Going, trouble: str | None, status: int = 200
) -> web.Response:
    begun = await parts.transactions.begin(Form(parent=_CARD_PAGE), request)
    values = {"transaction": begun.id, "going": going, "trouble": trouble}
    # in the flow: a book's window may have led here
    response = parts.renderer.page("classes/card.html", values, status=status)
    response.headers.add("Set-Cookie", begun.line)
    return response
