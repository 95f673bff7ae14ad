import asyncio
from dataclasses import replace

import pytest

from gateway.errors import InvalidGrantError
from gateway.records import LiveBook, Mode
from gateway.session_life import place_of
from tests.sessions_parts import BOOK, LIMITS, Parts, loaded, loaded_book

OTHER = "https://other.example"


class TestBook:
    async def test_found_by_its_cookie_with_its_parent(self, parts: Parts) -> None:
        parent = await parts.signed_in()
        child = await parts.book(parent, jkt="thumb", approved=True)
        found = await loaded_book(parts, child)
        assert found == child
        assert found.parent == parent.record
        assert (found.record.origin, found.record.jkt, found.record.approved) == (BOOK, "thumb", True)
        assert found.ended_by == (child.key, parent.key, parent.key.partition(".")[0])
        assert await parts.found(child) == child.record

    async def test_a_dead_parent_kills_its_children(self, parts: Parts) -> None:
        parent = await parts.signed_in()
        children = [await parts.book(parent), await parts.book(parent, Mode.DPOP, OTHER)]
        await parts.sessions.end_sign_in(parent.key)
        assert [await parts.found(child) for child in children] == [None, None]

    async def test_the_end_of_a_child_is_its_own(self, parts: Parts) -> None:
        parent = await parts.signed_in()
        one, two = await parts.book(parent), await parts.book(parent, origin=OTHER)
        await parts.sessions.end_book(one.key)
        assert await loaded_book(parts, one) is None
        assert await loaded_book(parts, two) is not None
        assert await loaded(parts, parent) is not None

    async def test_everywhere_ends_all_of_a_person_and_nobody_elses(self, parts: Parts) -> None:
        first, second, ben = [await parts.signed_in(person) for person in ("ada", "ada", "ben")]
        children = [await parts.book(parent) for parent in (first, second, ben)]
        await parts.sessions.end_everywhere("ada")
        assert [await loaded(parts, parent) for parent in (first, second)] == [None, None]
        assert [await loaded_book(parts, child) for child in children[:2]] == [None, None]
        assert await loaded_book(parts, children[2]) is not None
        new = await parts.signed_in("ada")
        assert await loaded(parts, new) == new
        assert await loaded_book(parts, await parts.book(new)) is not None

    async def test_a_session_that_began_while_everywhere_was_said_does_not_slip_through(
        self, parts: Parts
    ) -> None:
        parent = await parts.signed_in()
        await parts.sessions.end_everywhere("ada")
        child = await parts.sessions.begin_book(parent, BOOK, None, approved=False)
        assert await parts.sessions.load_book_key(child.key, parent.key) is None
        assert await parts.sessions.confirm_book(child.key, Mode.COOKIE) is None

    async def test_pending_is_short_and_confirmed_once(self, parts: Parts) -> None:
        parent = await parts.signed_in()
        pending = await parts.book(parent, Mode.PENDING)
        found = await loaded_book(parts, pending)
        assert found is not None
        assert found.record.mode is Mode.PENDING
        confirmed = await parts.sessions.confirm_book(pending.key, Mode.COOKIE)
        assert confirmed is not None
        assert confirmed.record.mode is Mode.COOKIE
        assert await parts.sessions.confirm_book(pending.key, Mode.COOKIE) is None
        assert await parts.sessions.confirm_book(pending.key, Mode.DPOP) is None
        late = await parts.book(parent, Mode.PENDING)
        await parts.passes(60)
        assert await parts.sessions.confirm_book(late.key, Mode.COOKIE) is None
        assert await loaded_book(parts, late) is None
        assert await loaded_book(parts, pending) is not None

    async def test_of_many_confirmations_one_counts(self, parts: Parts) -> None:
        pending = await parts.book(mode=Mode.PENDING)
        modes = [Mode.COOKIE, Mode.DPOP] * 10
        answers = await asyncio.gather(*(parts.sessions.confirm_book(pending.key, mode) for mode in modes))
        assert len([answer for answer in answers if answer is not None]) == 1

    async def test_token_mode_goes_on_under_a_new_key_and_the_cookie_is_dead(self, parts: Parts) -> None:
        parent = await parts.signed_in()
        pending = await parts.book(parent, Mode.PENDING)
        live = await parts.sessions.confirm_book(pending.key, Mode.DPOP, "thumb")
        assert live is not None
        assert live.key != pending.key
        assert live.record.jkt == "thumb"
        assert await loaded_book(parts, pending) is None
        assert await parts.found(pending) is None
        assert await parts.found(live) == live.record

    async def test_a_bound_key_is_not_replaced(self, parts: Parts) -> None:
        pending = await parts.sessions.begin_book(await parts.signed_in(), BOOK, "first", approved=False)
        live = await parts.sessions.confirm_book(pending.key, Mode.DPOP, "second")
        assert live is not None
        assert live.record.jkt == "first"

    async def test_no_cookie_reaches_a_session_in_token_mode(self, parts: Parts) -> None:
        """Not even the one that its new id would make."""
        parent = await parts.signed_in()
        minted = parts.sessions.mint_book(parent.key.partition(".")[0])
        begun = await parts.sessions.begin_book(parent, BOOK, None, approved=False, minted=minted)
        sealed = parts.sealer.seal_record("book", minted.key, (await parts.book(parent, Mode.DPOP)).record)
        place = place_of("b", minted.key)
        (found,), _ = await parts.store.look([place.record], "p")
        assert await parts.store.touch(place, LIMITS.book, found.value or b"", {"v": sealed})
        assert await parts.found(begun) is not None
        assert await loaded_book(parts, begun) is None

    async def test_the_end_of_a_session_by_its_old_key(self, parts: Parts) -> None:
        """A code's second use knows only the key that its first use was to make."""
        pending = await parts.book(mode=Mode.PENDING)
        live = await parts.sessions.confirm_book(pending.key, Mode.DPOP, "thumb")
        assert live is not None
        ended: list[frozenset[str]] = []
        parts.sessions.on_end.append(ended.append)
        await parts.sessions.end_book(pending.key)
        assert await parts.found(live) is None
        assert ended == [frozenset({pending.key, live.key})]

    async def test_what_ended_before_it_began_does_not_begin(self, parts: Parts) -> None:
        parent = await parts.signed_in()
        minted = parts.sessions.mint_book(parent.key.partition(".")[0])
        await parts.sessions.end_book(minted.key)
        with pytest.raises(InvalidGrantError):
            await parts.sessions.begin_book(parent, BOOK, None, approved=False, minted=minted)
        foreign = parts.sessions.mint_book("x" * 16)
        with pytest.raises(InvalidGrantError):
            await parts.sessions.begin_book(parent, BOOK, None, approved=False, minted=foreign)

    async def test_unknown_and_crossed_ids(self, parts: Parts) -> None:
        ada, ben = await parts.signed_in("ada"), await parts.signed_in("ben")
        child, second = await parts.book(ada), await parts.signed_in("ada")
        assert child.id is not None
        secret_and_slot = child.id.rpartition(".")[0]
        for parent in (ben, second):
            assert await parts.sessions.load_book(f"{secret_and_slot}.{parent.key.partition('.')[2]}") is None
            assert await parts.sessions.load_book_key(child.key, parent.key) is None
        assert await parts.sessions.load_book("") is None
        assert await parts.sessions.load_book("x" * 43 + child.id[43:]) is None
        assert await parts.sessions.load_book(ada.id or "") is None
        assert await parts.sessions.load_sign_in(secret_and_slot) is None

    async def test_cookie_mode_is_remembered_by_origin_and_dies_with_the_parent(self, parts: Parts) -> None:
        parent = await parts.signed_in()
        assert not await parts.sessions.confirmed_cookie_mode(parent.key, BOOK)
        await parts.sessions.remember_cookie_mode(parent.key, BOOK)
        assert await parts.sessions.confirmed_cookie_mode(parent.key, BOOK)
        assert not await parts.sessions.confirmed_cookie_mode(parent.key, OTHER)
        await parts.sessions.end_sign_in(parent.key)
        assert not await parts.sessions.confirmed_cookie_mode(parent.key, BOOK)

    def test_the_slot_of_a_code(self, parts: Parts) -> None:
        minted = parts.sessions.mint_book("x" * 16)
        assert parts.sessions.slot_of_code(minted.id) == "x" * 16
        assert parts.sessions.slot_of_code("garbage") is None


class TestGuests:
    async def guest(self, parts: Parts, mode: Mode = Mode.COOKIE) -> LiveBook:
        begun = await parts.sessions.begin_guest(None, BOOK, "key")
        live = await parts.sessions.confirm_book(begun.key, mode)
        assert live is not None
        return replace(live, id=begun.id)

    async def test_found_by_the_cookie_without_a_parent(self, parts: Parts) -> None:
        live = await self.guest(parts)
        again = await loaded_book(parts, live)
        assert again is not None
        assert (again.record, again.parent) == (live.record, None)
        assert (again.record.is_guest, again.record.provider, again.record.own_device) == (
            True,
            "guest",
            True,
        )

    async def test_a_guest_is_bounded_by_a_life_of_its_own(self, parts: Parts) -> None:
        live = await self.guest(parts)
        for _ in range(3):
            await parts.passes(LIMITS.guest.idle - 1)
            assert await loaded_book(parts, live) is not None
        parts.clock.now = live.record.began + LIMITS.guest.absolute
        assert await loaded_book(parts, live) is None
        idle = await self.guest(parts)
        await parts.passes(LIMITS.guest.idle)
        assert await loaded_book(parts, idle) is None

    async def test_everywhere_ends_all_of_a_guest(self, parts: Parts) -> None:
        live = await self.guest(parts)
        other = await parts.sessions.begin_guest(live.record.person, BOOK, "key")
        await parts.sessions.confirm_book(other.key, Mode.COOKIE)
        await parts.sessions.end_everywhere(live.record.person)
        assert await loaded_book(parts, live) is None
        assert await loaded_book(parts, other) is None
        back = await self.guest(parts)
        assert await loaded_book(parts, back) is not None

    async def test_tokens_of_a_guest(self, parts: Parts) -> None:
        live = await self.guest(parts, Mode.DPOP)
        tokens = await parts.grants.issue_tokens(live)
        for place in (parts.grants.access_book(tokens.access), parts.grants.refresh_book(tokens.refresh)):
            assert place is not None
            assert await parts.sessions.load_book_key(*place) is not None
        await parts.sessions.end_book(live.key)
        ended = parts.grants.refresh_book(tokens.refresh)
        assert ended is not None
        assert await parts.sessions.load_book_key(*ended) is None

    async def test_a_guest_is_nobodys_child(self, parts: Parts) -> None:
        """A key without its parent, or one with somebody's: neither finds a session."""
        parent = await parts.signed_in()
        child, live = await parts.book(parent), await self.guest(parts)
        assert await parts.sessions.load_book_key(child.key, None) is None
        slot = live.key.partition(".")[0]
        assert await parts.sessions.load_book_key(live.key, f"{slot}.{'p' * 22}") is None


class TestTheTickLater:
    async def test_books_that_run_live_longer_with_it(self, parts: Parts) -> None:
        parent = await parts.signed_in(own_device=False)
        child = await parts.book(parent)
        await parts.sessions.set_own_device(parent, own_device=True)
        await parts.passes(LIMITS.shared_device.idle - 10)
        assert await loaded_book(parts, child) is not None
        for _ in range(3):
            await parts.passes(LIMITS.book.idle - 10)
            found = await loaded_book(parts, child)
            assert found is not None
            assert found.record.own_device

    async def test_and_shorter_without(self, parts: Parts) -> None:
        parent = await parts.signed_in()
        child = await parts.book(parent)
        await parts.sessions.set_own_device(parent, own_device=False)
        await parts.passes(LIMITS.shared_device.idle)
        assert await loaded_book(parts, child) is None

    async def test_and_each_by_itself(self, parts: Parts) -> None:
        """Also where Redis still keeps it for the idle time of before, and another keeps the parent alive."""
        parent = await parts.signed_in()
        left, used = await parts.book(parent), await parts.book(parent)
        await parts.sessions.set_own_device(parent, own_device=False)
        for _ in range(2):
            await parts.passes(LIMITS.shared_device.idle // 2)
            assert await loaded_book(parts, used) is not None
        assert await loaded_book(parts, left) is None

    async def test_a_refresh_token_follows(self, parts: Parts) -> None:
        parent = await parts.signed_in(own_device=False)
        child = await parts.book(parent, Mode.DPOP)
        tokens = await parts.grants.issue_tokens(child)
        await parts.sessions.set_own_device(parent, own_device=True)
        await parts.passes(LIMITS.shared_device.idle - 10)
        live = await parts.found_live(child)
        again = await parts.grants.issue_tokens(live, refresh=tokens.refresh)
        assert again.refresh == tokens.refresh
        await parts.passes(LIMITS.shared_device.absolute)
        place = parts.grants.refresh_book(tokens.refresh)
        assert place is not None
        assert await parts.sessions.load_book_key(*place) is not None
