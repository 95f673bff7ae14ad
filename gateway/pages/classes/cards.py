"""What a teacher does with class cards, and the sheet that is printed: it shows words for ten minutes."""

import asyncio
from collections.abc import Mapping, Sequence
from secrets import token_bytes
from typing import Final

from aiohttp import web

from gateway.access import CLASS_CARD, offers
from gateway.authorize_rules import parameters
from gateway.card_words import make_names, make_words, spelt
from gateway.classes_rules import parse_address
from gateway.directory import Class
from gateway.errors import InvalidGrantError, NotFoundError
from gateway.pages.authorize import Handler
from gateway.pages.classes.codes import qr_code
from gateway.pages.classes.forms import ACTS, Said, shown_to
from gateway.pages.classes.wordlists import wordlist_now
from gateway.pages.flow import Parts, policy_of
from gateway.pages.language import mark, say
from gateway.records import CardSheet
from gateway.request_context import ASKED
from gateway.sessions import LiveSignIn
from gateway.telemetry import AUDIT, Audited

MOST: Final = 200  # cards that are made at once
ENTRANCE: Final = "/auth/classes/card"
_HOW_MANY: Final = mark("Say how many cards: from 1 to 200.")

Printed = Sequence[tuple[int, str, tuple[str, ...]]]  # number, name, words


def takes_cards(request: web.Request, parts: Parts, one: Class) -> bool:
    """Whether people come into the class's book by card."""
    address = parse_address(one.address)
    policy = None if address is None else policy_of(request, parts, address[0])
    return parts.classes.cards and policy is not None and offers(policy, CLASS_CARD)


async def make_cards(
    request: web.Request, parts: Parts, one: Class, live: LiveSignIn, form: Mapping[str, str]
) -> Said | web.Response:
    """`count` new cards, each with a name that nobody in the class has, and their sheet."""
    count = form.get("count", "")
    if not (count.isascii() and count.isdigit() and 1 <= int(count[:4]) <= MOST):
        return Said(trouble=say(_HOW_MANY), status=400)
    wordlist = wordlist_now()
    taken = {card.name for card in await parts.directory.cards.list_of(one.id)}
    names = make_names(wordlist, taken, int(count), token_bytes)
    words = [make_words(wordlist, token_bytes) for _ in names]
    numbers = await parts.directory.cards.make(one.id, list(zip(names, words, strict=True)))
    request[AUDIT].note(Audited.CARDS_MADE, who=live.record.person, of=one.id, cards=numbers)
    return await _to_sheet(request, parts, one, live, list(zip(numbers, names, words, strict=True)))


async def replace_card(
    request: web.Request, parts: Parts, one: Class, live: LiveSignIn, what: str
) -> Said | web.Response:
    """A lost card: other words, the same person. Who found the old one has nothing of it any more."""
    number, words = _number(what), make_words(wordlist_now(), token_bytes)
    replaced = await parts.directory.cards.replace(one.id, number, words)
    if replaced is None:
        raise NotFoundError("no such card")
    name, person = replaced
    if person is not None and await parts.directory.cards.is_only_way(person):
        await parts.sessions.end_everywhere(person)
        await parts.directory.passkeys.remove_all(person)
        await parts.directory.personal_tokens.revoke_all(person)
    request[AUDIT].note(Audited.CARD_REPLACED, who=live.record.person, of=one.id, cards=[number])
    return await _to_sheet(request, parts, one, live, [(number, name, words)])


async def discard_card(
    request: web.Request, parts: Parts, one: Class, live: LiveSignIn, what: str
) -> Said | web.Response:
    """One that nobody came in by."""
    number = _number(what)
    await parts.directory.cards.discard(one.id, number)
    request[AUDIT].note(Audited.CARD_DISCARDED, who=live.record.person, of=one.id, cards=[number])
    return Said(done=say("That card opens nothing any more."))


def _number(what: str) -> int:
    if not (what.isascii() and what.isdigit() and len(what) < 6):
        raise NotFoundError("no number of a card")
    return int(what)


async def _to_sheet(
    request: web.Request, parts: Parts, one: Class, live: LiveSignIn, printed: Printed
) -> web.Response:
    """By a redirect: a sheet that is loaded again makes no new cards."""
    sheet = CardSheet(parent=live.key, class_id=one.id, cards=tuple(printed))
    begun = await parts.transactions.begin(sheet, request)
    location = f"/auth/classes/sheet?transaction={begun.id}"
    response = web.Response(status=303, headers={"Location": location, "Cache-Control": "no-store"})
    response.headers.add("Set-Cookie", begun.line)
    return response


def sheet_handler(parts: Parts) -> Handler:
    """The cards to be printed, for the teacher who has just made them."""

    async def page(request: web.Request, live: LiveSignIn, _said: Said) -> web.Response:
        transaction = parameters(request.query.items()).get("transaction", "")
        sheet = await parts.transactions.peek(CardSheet, transaction, request)
        one = await parts.directory.classes.find(sheet.class_id)
        if sheet.parent != live.key or one is None:
            request[ASKED].reason = "invalid_grant: another session's sheet"
            raise InvalidGrantError("another session's sheet")
        entrance = f"{parts.public_url}{ENTRANCE}"
        await parts.grants.limit("class acts", live.record.person, ACTS)
        cards = []
        for number, name, words in sheet.cards:
            code = qr_code(f"{entrance}#{spelt(words)}")
            cards.append({"number": number, "name": name, "words": words, "qr": code})
            await asyncio.sleep(0)  # each takes some milliseconds, and others wait
        values = {"one": one, "cards": cards, "entrance": entrance.partition("://")[2]}
        return parts.renderer.page("classes/sheet.html", values, in_flow=False)

    return shown_to(parts, page)
