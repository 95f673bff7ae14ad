import asyncio

import msgspec
import pytest

from gateway.errors import InvalidGrantError
from gateway.grants import FreshCode, ReusedCode
from gateway.records import Code, Mode, Ticket, WebSocketTicket
from gateway.session_ids import Issued
from gateway.store import Store
from tests.sessions_parts import BOOK, Parts

SLOT = "s" * 16
CODE = Code(
    slot=SLOT,
    parent=f"{SLOT}.{'p' * 22}",
    origin=BOOK,
    redirect_uri=f"{BOOK}/bookgate-return.html",
    challenge="c" * 43,
    jkt=None,
    approved=True,
    clicked=False,
)
TICKET = Ticket(book=f"{SLOT}.{'b' * 22}", parent=CODE.parent, origin=BOOK, jkt="thumb", clicked=True)
WEBSOCKET = WebSocketTicket(
    slot=SLOT, book=TICKET.book, parent=CODE.parent, origin=BOOK, path="/storage/live"
)


class Waiting(msgspec.Struct, frozen=True):
    """Any record may wait."""

    what: str


class Elsewhere(msgspec.Struct, frozen=True):
    what: str


class TestCodes:
    async def test_once_and_the_second_use_learns_what_the_first_one_made(self, parts: Parts) -> None:
        code = await parts.grants.issue_code(CODE)
        assert await parts.grants.redeem_code(code, "first") == FreshCode(CODE)
        assert await parts.grants.redeem_code(code, "second") == ReusedCode("first")
        assert await parts.grants.redeem_code(code, "third") == ReusedCode("first")

    async def test_of_many_one_gets_it(self, parts: Parts) -> None:
        code = await parts.grants.issue_code(CODE)
        answers = await asyncio.gather(*(parts.grants.redeem_code(code, f"key {n}") for n in range(30)))
        fresh = [n for n, answer in enumerate(answers) if answer == FreshCode(CODE)]
        assert len(fresh) == 1
        assert answers.count(ReusedCode(f"key {fresh[0]}")) == 29

    async def test_unknown(self, parts: Parts) -> None:
        assert await parts.grants.redeem_code("", "key") is None
        assert await parts.grants.redeem_code(Issued.mint(SLOT, lambda n: b"x" * n).id, "key") is None

    async def test_old(self, parts: Parts) -> None:
        young, old = await parts.grants.issue_code(CODE), await parts.grants.issue_code(CODE)
        await parts.passes(59)
        assert await parts.grants.redeem_code(young, "key") == FreshCode(CODE)
        await parts.passes(1)
        assert await parts.grants.redeem_code(old, "key") is None

    async def test_sealed_with_a_key_that_is_gone(self, parts: Parts, store: Store) -> None:
        code = await Parts.on(store, b"o" * 32).grants.issue_code(CODE)
        assert await parts.grants.redeem_code(code, "key") is None

    async def test_a_second_use_ends_the_session_also_while_it_begins(self, parts: Parts) -> None:
        parent = await parts.signed_in()
        slot = parent.key.partition(".")[0]
        code = await parts.grants.issue_code(msgspec.structs.replace(CODE, slot=slot))
        minted = parts.sessions.mint_book(slot)
        assert await parts.grants.redeem_code(code, minted.key) == FreshCode(
            msgspec.structs.replace(CODE, slot=slot)
        )
        used = await parts.grants.redeem_code(code, "other")
        assert used == ReusedCode(minted.key)
        await parts.sessions.end_book(minted.key)
        with pytest.raises(InvalidGrantError):
            await parts.sessions.begin_book(parent, BOOK, None, approved=False, minted=minted)


class TestTickets:
    async def test_once(self, parts: Parts) -> None:
        ticket = await parts.grants.issue_ticket(TICKET)
        answers = await asyncio.gather(*(parts.grants.redeem_ticket(ticket) for _ in range(20)))
        assert [answer for answer in answers if answer is not None] == [TICKET]
        assert await parts.grants.redeem_ticket("garbage") is None

    async def test_a_websockets_once(self, parts: Parts) -> None:
        ticket = await parts.grants.issue_websocket_ticket(WEBSOCKET)
        assert await parts.grants.redeem_ticket(ticket) is None
        assert await parts.grants.redeem_websocket_ticket(ticket) == WEBSOCKET
        assert await parts.grants.redeem_websocket_ticket(ticket) is None

    async def test_one_kind_is_not_the_other(self, parts: Parts) -> None:
        ticket = await parts.grants.issue_ticket(TICKET)
        code = await parts.grants.issue_code(CODE)
        assert await parts.grants.redeem_websocket_ticket(ticket) is None
        assert await parts.grants.redeem_ticket(code) is None
        assert await parts.grants.redeem_code(ticket, "key") is None
        assert await parts.grants.redeem_ticket(ticket) == TICKET


class TestTransactions:
    async def test_seen_often_and_taken_once(self, parts: Parts) -> None:
        transaction = await parts.grants.begin(Waiting("sign-in"))
        assert await parts.grants.peek(Waiting, transaction) == Waiting("sign-in")
        assert await parts.grants.peek(Waiting, transaction) == Waiting("sign-in")
        assert await parts.grants.take(Waiting, transaction) == Waiting("sign-in")
        assert await parts.grants.take(Waiting, transaction) is None
        assert await parts.grants.peek(Waiting, transaction) is None

    async def test_of_another_kind_or_unknown(self, parts: Parts) -> None:
        transaction = await parts.grants.begin(Waiting("sign-in"))
        assert await parts.grants.take(Elsewhere, transaction) is None
        assert await parts.grants.peek(Waiting, "") is None
        assert await parts.grants.take(Waiting, transaction[1:]) is None

    async def test_old(self, parts: Parts) -> None:
        transaction = await parts.grants.begin(Waiting("sign-in"), life=1)
        await asyncio.sleep(1.1)
        assert await parts.grants.take(Waiting, transaction) is None


class TestTokens:
    async def test_they_lead_to_their_session(self, parts: Parts) -> None:
        live = await parts.book(mode=Mode.DPOP, jkt="thumb")
        tokens = await parts.grants.issue_tokens(live)
        assert tokens.expires_in == 600
        for place in (parts.grants.access_book(tokens.access), parts.grants.refresh_book(tokens.refresh)):
            assert place is not None
            found = await parts.sessions.load_book_key(*place)
            assert found is not None
            assert found.record == live.record

    async def test_one_kind_is_not_the_other_and_unknown_ones_are_nothing(self, parts: Parts) -> None:
        live = await parts.book(mode=Mode.DPOP, jkt="thumb")
        tokens = await parts.grants.issue_tokens(live)
        unknown = "x" * 43 + tokens.access[43:]
        for place in (
            parts.grants.access_book(tokens.refresh),
            parts.grants.refresh_book(tokens.access),
            parts.grants.access_book(unknown),
            parts.grants.refresh_book(unknown),
        ):
            assert place is not None
            assert await parts.sessions.load_book_key(*place) is None
        assert parts.grants.access_book("garbage") is None
        assert parts.grants.refresh_book("") is None

    async def test_an_access_token_ends_and_the_refresh_token_stays(self, parts: Parts) -> None:
        live = await parts.book(mode=Mode.DPOP, jkt="thumb")
        first = await parts.grants.issue_tokens(live)
        parts.clock.now += 600
        assert await _alive(parts, parts.grants.access_book(first.access)) is False
        assert await _alive(parts, parts.grants.refresh_book(first.refresh)) is True
        second = await parts.grants.issue_tokens(live, refresh=first.refresh)
        assert second.refresh == first.refresh
        assert await _alive(parts, parts.grants.access_book(second.access)) is True
        assert await _alive(parts, parts.grants.access_book(first.access)) is False
        assert await _alive(parts, parts.grants.refresh_book(first.refresh)) is True

    @pytest.mark.parametrize("end", ["book", "parent", "everywhere"])
    async def test_they_die_with_their_session(self, parts: Parts, end: str) -> None:
        live = await parts.book(mode=Mode.DPOP, jkt="thumb")
        tokens = await parts.grants.issue_tokens(live)
        match end:
            case "book":
                await parts.sessions.end_book(live.key)
            case "parent":
                assert live.record.parent is not None
                await parts.sessions.end_sign_in(live.record.parent)
            case _:
                await parts.sessions.end_everywhere("ada")
        assert await _alive(parts, parts.grants.access_book(tokens.access)) is False
        assert await _alive(parts, parts.grants.refresh_book(tokens.refresh)) is False

    async def test_none_for_a_session_that_ended(self, parts: Parts) -> None:
        live = await parts.book(mode=Mode.DPOP, jkt="thumb")
        await parts.sessions.end_book(live.key)
        with pytest.raises(InvalidGrantError):
            await parts.grants.issue_tokens(live)
        assert await parts.found(live) is None


async def _alive(parts: Parts, place: tuple[str, str | None, str] | None) -> bool:
    assert place is not None
    return await parts.sessions.load_book_key(*place) is not None


async def test_a_proof_is_new_once_for_each_key(parts: Parts) -> None:
    assert await parts.grants.proof_is_new("thumb", "jti")
    assert not await parts.grants.proof_is_new("thumb", "jti")
    assert await parts.grants.proof_is_new("other", "jti")
    assert await parts.grants.proof_is_new("thumb", "jti2")


async def test_counts(parts: Parts) -> None:
    assert [await parts.grants.count("silent", "ada", 2, 1) for _ in range(3)] == [True, True, False]
    assert await parts.grants.count("silent", "ben", 2, 1)
    assert await parts.grants.count("login", "ada", 2, 1)
    await asyncio.sleep(1.1)
    assert await parts.grants.count("silent", "ada", 2, 1)


async def test_what_a_provider_said_is_remembered_for_each_issuer(parts: Parts) -> None:
    assert not await parts.grants.knows_logout_token("https://idp.example", "jti")
    await parts.grants.remember_logout_token("https://idp.example", "jti")
    assert await parts.grants.knows_logout_token("https://idp.example", "jti")
    assert not await parts.grants.knows_logout_token("https://idp.example", "jti2")
    assert not await parts.grants.knows_logout_token("https://other.example", "jti")
