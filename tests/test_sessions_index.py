"""Which sessions a person has: listed, bounded, ended by what they have in common."""

import asyncio

import pytest
from redis.asyncio import Redis

from gateway import book_sessions, sessions
from gateway.errors import ProviderRefusedError
from gateway.records import BookSummary, LiveBook, LiveSignIn, Mode, SignInSummary
from gateway.revocation_rules import EndBook, EndSignIn, Marks
from gateway.session_ids import slot_of
from gateway.store import Store
from tests.sessions_parts import BOOK, LIMITS, ROOT, Parts, loaded, loaded_book

OTHER = "https://other.example"
SID = "s" * 43


async def keys(parts: Parts, person: str = "ada") -> set[str]:
    return {one.key for one in await parts.sessions.of_person(person)}


class TestList:
    async def test_what_is_told_of_each(self, parts: Parts) -> None:
        began = int(parts.clock())
        parent = await parts.signed_in(device="Firefox on Linux")
        child = await parts.book(parent, Mode.DPOP)
        await parts.passes(60)
        late = await parts.book(parent, origin=OTHER)
        assert await loaded_book(parts, late) is not None
        told = await parts.sessions.of_person("ada")
        assert [one.key for one in told][-1] == child.key, "the last seen first"
        other, book, first = (
            next(one for one in told if one.key == key) for key in (late.key, child.key, parent.key)
        )
        assert other.seen - began in {59, 60, 61}
        assert book == BookSummary(
            key=child.key,
            parent=parent.key,
            origin=BOOK,
            mode=Mode.DPOP,
            device="Firefox on Linux",
            provider="campus",
            own_device=True,
            began=began,
            seen=book.seen,
            ends=began + LIMITS.book.absolute,
        )
        assert first == SignInSummary(
            key=parent.key,
            device="Firefox on Linux",
            provider="campus",
            own_device=True,
            began=began,
            seen=first.seen,
            ends=began + LIMITS.sign_in.absolute,
        )
        assert book.seen - began in {0, 1}
        assert first.seen - began in {59, 60, 61}, "what a child does is a sign of life of its parent"

    async def test_only_a_persons_own_and_only_living_ones(self, parts: Parts) -> None:
        ada, gone, ben = [await parts.signed_in(person) for person in ("ada", "ada", "ben")]
        child, orphan = await parts.book(ada), await parts.book(gone)
        ended, moved = await parts.book(ada), await parts.book(ada, Mode.DPOP)
        await parts.sessions.end_sign_in(gone.key)
        await parts.sessions.end_book(ended.key)
        assert await keys(parts) == {ada.key, child.key, moved.key}
        assert await keys(parts, "ben") == {ben.key}
        assert await keys(parts, "nobody") == set()
        assert orphan.key not in await keys(parts)
        await parts.sessions.end_everywhere("ada")
        assert await keys(parts) == set()

    async def test_nothing_is_left_of_what_moved_or_ended(self, parts: Parts) -> None:
        parent = await parts.signed_in()
        moved, ended = await parts.book(parent, Mode.DPOP), await parts.book(parent)
        await parts.sessions.end_book(ended.key)
        members = await parts.store.members(f"i:{{{slot_of(parent.key)}}}")
        names = [key.partition(".")[2] for key in (parent.key, moved.key)]
        assert set(members) == {f"s:{names[0]}", f"b:{names[1]}"}

    async def test_what_expired_is_forgotten(self, parts: Parts) -> None:
        old = await parts.signed_in(own_device=False)
        await parts.passes(LIMITS.shared_device.idle - 1)
        new = await parts.signed_in()
        assert await keys(parts) == {old.key, new.key}
        await parts.passes(1)
        assert await keys(parts) == {new.key}
        await parts.signed_in()
        assert len(await parts.store.members(f"i:{{{slot_of(new.key)}}}")) == 2
        await parts.passes(LIMITS.sign_in.idle)
        left = await parts.store.connection.do(parts.keys)
        assert [key for key in left if b"i:{" in key] == [], "the index goes with the last"

    async def test_a_touched_session_stays_listed(self, parts: Parts) -> None:
        live = await parts.signed_in(own_device=False)
        for _ in range(4):
            await parts.passes(LIMITS.shared_device.idle - 60)
            assert await loaded(parts, live) is not None
        assert await keys(parts) == {live.key}

    async def test_a_lost_index_fills_again_with_signs_of_life(self, parts: Parts) -> None:
        live = await parts.signed_in()
        await parts.store.delete(f"i:{{{slot_of(live.key)}}}")
        assert await keys(parts) == set()
        await parts.passes(LIMITS.sign_in.idle // 2)
        await loaded(parts, live)
        assert await keys(parts) == {live.key}

    async def test_guests_too(self, parts: Parts) -> None:
        begun = await parts.sessions.begin_guest(None, BOOK, "key", "Safari on iPad")
        guest = await parts.sessions.confirm_book(begun.key, Mode.COOKIE)
        assert guest is not None
        (one,) = await parts.sessions.of_person(guest.record.person)
        assert isinstance(one, BookSummary)
        assert (one.key, one.parent, one.device) == (guest.key, None, "Safari on iPad")

    async def test_of_every_root_key(self, store: Store) -> None:
        before, after = Parts.on(store), Parts.on(store, b"n" * 32, (ROOT,))
        old, new = await before.signed_in(), await after.signed_in()
        assert await keys(after) == {old.key, new.key}

    async def test_nothing_scans(self, parts: Parts, redis_url: str) -> None:
        async def scans() -> int:
            async with Redis.from_url(redis_url) as other:
                stats = await other.info("commandstats")
            names = {"cmdstat_scan", "cmdstat_keys", "cmdstat_hscan", "cmdstat_zscan"}
            return sum(int(stats[name]["calls"]) for name in names & stats.keys())

        before = await scans()
        live = await parts.signed_in(provider_session=SID)
        await parts.book(live, Mode.DPOP)
        await parts.sessions.of_person("ada")
        await parts.sessions.end_books("ada", BOOK)
        await parts.sessions.end_person_at_provider("ada", "campus")
        await parts.sessions.end_provider_session(SID, signed=True)
        await parts.sessions.end_everywhere("ada")
        assert await scans() == before


class TestBounds:
    async def test_with_too_many_the_oldest_end_by_a_row_too(
        self, parts: Parts, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(book_sessions, "MOST", 3)
        ended: list[frozenset[str]] = []
        parts.sessions.on_end.append(ended.append)
        parent = await parts.signed_in()
        books: list[LiveBook] = []
        for _ in range(4):
            await parts.passes(5)
            books.append(await parts.book(parent))
        assert [await parts.found(book) is not None for book in books] == [False, False, True, True]
        assert await loaded(parts, parent) is not None
        assert parts.journal.acts == [EndBook(book.key) for book in books[:2]]
        assert ended == [frozenset({book.key}) for book in books[:2]]
        assert await keys(parts) == {parent.key, *(book.key for book in books[2:])}

    async def test_of_one_session_at_a_provider(self, parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sessions, "_PROVIDER_SESSION_MOST", 2)
        lives = []
        for _ in range(3):
            lives.append(await parts.signed_in(provider_session=SID))
            await parts.passes(5)
        assert [await loaded(parts, live) is not None for live in lives] == [False, True, True]
        assert parts.journal.acts == [EndSignIn(lives[0].key)]


class TestProviderSessions:
    async def test_all_that_it_led_to_ends(self, parts: Parts) -> None:
        ada, ben = await parts.signed_in(provider_session=SID), await parts.signed_in("ben")
        again = await parts.signed_in("carl", provider_session=SID)
        await parts.sessions.end_provider_session(SID, signed=True)
        assert [await loaded(parts, live) is not None for live in (ada, ben, again)] == [False, True, False]

    async def test_a_sign_in_that_is_on_its_way_does_not_begin(self, parts: Parts) -> None:
        await parts.sessions.end_provider_session(SID, signed=True)
        with pytest.raises(ProviderRefusedError):
            await parts.signed_in(provider_session=SID)
        assert await keys(parts) == set()

    async def test_of_both_at_once_the_end_counts(self, parts: Parts) -> None:
        for number in range(30):
            sid = f"{number:043}"
            live, _ = await asyncio.gather(
                parts.signed_in(provider_session=sid),
                parts.sessions.end_provider_session(sid, signed=True),
                return_exceptions=True,
            )
            assert isinstance(live, ProviderRefusedError | LiveSignIn)
            assert isinstance(live, ProviderRefusedError) or await loaded(parts, live) is None

    async def test_lives_as_long_as_what_it_led_to(self, parts: Parts) -> None:
        live = await parts.signed_in(own_device=False, provider_session=SID)
        await parts.sessions.set_own_device(live, own_device=True)
        for _ in range(6):
            await parts.passes(700)
            assert await loaded(parts, live) is not None
        await parts.sessions.end_provider_session(SID, signed=True)
        assert await loaded(parts, live) is None


class TestMarks:
    async def test_of_everybody(self, parts: Parts) -> None:
        live = await parts.signed_in()
        child = await parts.book(live)
        guest = await parts.sessions.begin_guest(None, BOOK, "key")
        parts.sessions.marks = Marks(everybody=int(parts.clock()) + 1)
        assert await loaded(parts, live) is None
        assert await loaded_book(parts, child) is None
        assert await loaded_book(parts, guest) is None
        assert await keys(parts) == set()

    async def test_of_a_provider_with_the_books_below(self, parts: Parts) -> None:
        campus, social = await parts.signed_in(), await parts.signed_in(provider="social")
        books = [await parts.book(parent) for parent in (campus, social)]
        parts.sessions.marks = Marks(providers={"campus": int(parts.clock()) + 1})
        assert [await loaded(parts, live) is not None for live in (campus, social)] == [False, True]
        assert [await loaded_book(parts, book) is not None for book in books] == [False, True]

    async def test_of_guests_as_of_a_provider(self, parts: Parts) -> None:
        guest = await parts.sessions.begin_guest(None, BOOK, "key")
        parts.sessions.marks = Marks(providers={"guest": int(parts.clock()) + 1})
        assert await loaded_book(parts, guest) is None
        again = await parts.sessions.begin_guest(None, BOOK, "key")
        assert await loaded_book(parts, again) is not None

    async def test_of_an_origin(self, parts: Parts) -> None:
        live = await parts.signed_in()
        here, there = await parts.book(live), await parts.book(live, origin=OTHER)
        parts.sessions.marks = Marks(origins={BOOK: int(parts.clock()) + 1})
        assert [await loaded_book(parts, book) is not None for book in (here, there)] == [False, True]
        assert await loaded(parts, live) is not None

    @pytest.mark.parametrize("ahead", [1, 5])
    async def test_who_begins_in_a_marked_second_begins_after_it(self, parts: Parts, ahead: int) -> None:
        """Also where the clock of whoever marked it goes before."""
        until = int(parts.clock()) + ahead
        parts.sessions.marks = Marks(until, {"campus": until + 1}, {BOOK: until + 2})
        live = await parts.signed_in()
        assert live.record.began == until + 1
        assert await loaded(parts, live) == live
        child = await parts.book(live)
        assert child.record.began == until + 2
        assert await loaded_book(parts, child) is not None

    async def test_those_of_one_person_hold_by_provider_and_origin(self, parts: Parts) -> None:
        campus, social = await parts.signed_in(), await parts.signed_in(provider="social")
        ben = await parts.signed_in("ben")
        books = [await parts.book(parent) for parent in (campus, social, ben)]
        await parts.sessions.end_person_at_provider("ada", "campus")
        assert [await parts.found(book) is not None for book in books] == [False, True, True]
        await parts.sessions.end_books("ada", BOOK)
        assert [await parts.found(book) is not None for book in books] == [False, False, True]
        assert await loaded(parts, social) is not None
        new = await parts.book(await parts.signed_in())
        assert await loaded_book(parts, new) is not None

    async def test_they_hold_over_a_change_of_the_root_key(self, store: Store) -> None:
        before, after = Parts.on(store), Parts.on(store, b"n" * 32, (ROOT,))
        live = await before.signed_in()
        await before.sessions.end_person_at_provider("ada", "campus")
        assert await loaded(after, live) is None
        new = await after.signed_in()
        assert await loaded(after, new) is not None
        await after.sessions.end_person_at_provider("ada", "campus")
        assert await loaded(after, new) is None

    async def test_what_was_sealed_anew_ends_with_the_root_key_of_its_time(self, store: Store) -> None:
        """Its place is found by that key alone: nothing that ends a person's sessions would reach it."""
        new = b"n" * 32
        before, both, after = Parts.on(store), Parts.on(store, new, (ROOT,)), Parts.on(store, new)
        live = await before.signed_in(own_device=False)
        begun = await before.sessions.begin_guest(None, BOOK, "key")
        await both.sessions.set_own_device(live, own_device=True)
        guest = await both.sessions.confirm_book(begun.key, Mode.COOKIE)
        assert guest is not None
        child = await both.book(live)
        assert await loaded(both, live) is not None
        assert await both.found(guest) is not None
        assert await loaded(after, live) is None
        assert await loaded_book(after, child) is None
        assert await after.found(guest) is None
