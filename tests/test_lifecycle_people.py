"""Two people become one and are taken apart again; everything of a person goes."""

from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.classes_rules import BookPlace, Role
from gateway.directory import Person, ids
from gateway.directory.belongings import holding
from gateway.directory.classes import Course
from gateway.directory.orders import RECEIPT_LIFE, UNDOABLE, Plan
from gateway.directory.schema import metadata
from gateway.errors import DeletionPendingError, MergeRefusedError
from gateway.lifecycle.lifecycle import FIRST_PAUSE
from gateway.origins import parse_origin
from gateway.routes import Purpose
from tests.databases import Postgres, postgres
from tests.lifecycle_parts import BOOK, Place, open_place, service

ISSUER = "https://idp.example.edu"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
async def place(request: pytest.FixtureRequest, tmp_path: Path, server: Postgres) -> AsyncGenerator[Place]:
    sqlite = f"sqlite+aiosqlite:///{tmp_path / 'd.db'}"
    async with open_place(sqlite if request.param == "sqlite" else await server.make()) as place:
        yield place


async def sign_in(place: Place, name: str) -> Person:
    return await place.directory.sign_in(ISSUER, name, name.title(), "campus")


async def with_work(place: Place, name: str, *books: str) -> str:
    """Somebody who saved in these books."""
    person = (await sign_in(place, name)).id
    await place.directory.places.note(f"session of {name}", person, BOOK, books)
    return person


def said(place: Place) -> list[tuple[str, str, str | None, str, str]]:
    """What backends were told: purpose, who, whose it becomes, book, backend."""
    return sorted(
        (order.purpose.value, order.person, order.survivor, order.book, order.backend)
        for order in place.backends.told
    )


class TestMerge:
    async def test_what_was_anybodys_is_the_survivors(self, place: Place) -> None:
        ada, eve = await with_work(place, "ada", "a"), await with_work(place, "eve", "b", "c")
        receipt = await place.lifecycle().merge(eve, ada)
        assert (receipt.purpose, receipt.person) == (Purpose.MERGE, eve)
        assert (receipt.told, receipt.waiting, receipt.never) == (("notes", "storage"), (), ())
        assert said(place) == [
            ("merge", eve, ada, book, backend) for book in ("b", "c") for backend in ("notes", "storage")
        ]
        assert set(place.ended) == {eve}
        assert (await sign_in(place, "eve")).id == ada, "whichever way they come in"

    async def test_the_books_of_now_are_told_too(self, place: Place) -> None:
        place.books = ("new",)
        ada, eve = await with_work(place, "ada"), await with_work(place, "eve", "old")
        await place.lifecycle().merge(eve, ada)
        assert {book for _, _, _, book, _ in said(place)} == {"old", "new"}

    async def test_the_same_again_is_the_same_merge(self, place: Place) -> None:
        ada, eve = await with_work(place, "ada"), await with_work(place, "eve", "b")
        first = await place.lifecycle().merge(eve, ada)
        assert await place.lifecycle().merge(eve, ada) == first
        assert len(said(place)) == 2

    async def test_nobody_becomes_two_people_nor_themselves_nor_back(self, place: Place) -> None:
        ada, eve, bob = [await with_work(place, name, "b") for name in ("ada", "eve", "bob")]
        await place.lifecycle().merge(eve, ada)
        for loser, survivor in ((eve, bob), (bob, eve), (ada, eve), (bob, bob)):
            with pytest.raises(MergeRefusedError):
                await place.lifecycle().merge(loser, survivor)

    async def test_who_takes_no_such_orders_is_named(self, place: Place) -> None:
        place.backends.backends = (service("storage"), service("old", frozenset({Purpose.MERGE})))
        ada, eve = await with_work(place, "ada"), await with_work(place, "eve", "b")
        merged = await place.lifecycle().merge(eve, ada)
        assert (merged.told, merged.never) == (("old", "storage"), ())
        undone = await place.lifecycle().unmerge(merged.id, ada)
        assert (undone.told, undone.never) == (("storage",), ("old",))


class TestUnmerge:
    async def test_each_has_their_own_again(self, place: Place) -> None:
        ada, eve = await with_work(place, "ada"), await with_work(place, "eve", "b")
        merged = await place.lifecycle().merge(eve, ada)
        assert [each.id for each in await place.lifecycle().merges_of(ada)] == [merged.id]
        place.backends.told.clear()
        place.ended.clear()
        await place.lifecycle().unmerge(merged.id, ada)
        assert said(place) == [("unmerge", eve, ada, "b", name) for name in ("notes", "storage")]
        assert set(place.ended) == {ada, eve}, "both sign in again"
        assert [(await sign_in(place, name)).id for name in ("eve", "ada")] == [eve, ada]
        assert await place.lifecycle().merges_of(ada) == []

    async def test_it_is_the_survivors_word_within_thirty_days_and_once(self, place: Place) -> None:
        ada, eve = await with_work(place, "ada"), await with_work(place, "eve", "b")
        merged = await place.lifecycle().merge(eve, ada)
        for who in (eve, "somebody"):
            with pytest.raises(MergeRefusedError):
                await place.lifecycle().unmerge(merged.id, who)
        place.clock.now += UNDOABLE
        with pytest.raises(MergeRefusedError):
            await place.lifecycle().unmerge(merged.id, ada)
        place.clock.now -= 1
        await place.lifecycle().unmerge(merged.id, ada)
        with pytest.raises(MergeRefusedError):
            await place.lifecycle().unmerge(merged.id, ada)

    async def test_a_later_merge_comes_off_first(self, place: Place) -> None:
        ada, eve, bob = [await with_work(place, name, "b") for name in ("ada", "eve", "bob")]
        first = await place.lifecycle().merge(eve, ada)
        second = await place.lifecycle().merge(ada, bob)
        with pytest.raises(MergeRefusedError):
            await place.lifecycle().unmerge(first.id, ada)
        assert (await sign_in(place, "eve")).id == bob
        await place.lifecycle().unmerge(second.id, bob)
        assert (await sign_in(place, "eve")).id == ada
        await place.lifecycle().unmerge(first.id, ada)
        assert (await sign_in(place, "eve")).id == eve

    async def test_who_was_not_told_of_the_merge_is_told_of_its_end(self, place: Place) -> None:
        place.backends.away = {"storage"}
        ada, eve = await with_work(place, "ada"), await with_work(place, "eve", "b")
        merged = await place.lifecycle().merge(eve, ada)
        assert merged.waiting == ("storage",)
        place.backends.away.clear()
        await place.lifecycle().unmerge(merged.id, ada)
        place.clock.now += 1e6
        await place.lifecycle().tell_due()
        assert [each[0] for each in said(place) if each[4] == "storage"] == ["unmerge"]

    async def test_a_guest_stays_whose_they_became(self, place: Place) -> None:
        ada = await with_work(place, "ada")
        await place.merge("guest", ada)
        assert await place.lifecycle().merges_of(ada) == []


async def rows_of(place: Place, people: set[str]) -> list[str]:
    """Tables that hold anything of these people, looked at value by value."""
    found: list[str] = []
    async with place.database.reading() as connection:
        for table in metadata.sorted_tables:
            rows = (await connection.execute(select(table))).all()
            found += [table.name for row in rows if people & {str(value) for value in row}]
    return found


class TestDelete:
    async def test_no_row_is_left_and_everybody_who_was_merged_goes_too(self, place: Place) -> None:
        ada, eve = await with_work(place, "ada", "a"), await with_work(place, "eve", "b")
        await place.directory.approve(ada, BOOK)
        await place.directory.guests.return_code("guest", BOOK, 100)
        await place.merge("guest", eve, ("g",))
        await place.lifecycle().merge(eve, ada)
        assert set(await rows_of(place, {ada, eve, "guest"})) >= {
            "people", "identities", "approvals", "places", "decisions", "orders",
        }  # fmt: skip
        place.backends.told.clear()
        receipt = await place.lifecycle().delete(ada)
        assert await rows_of(place, {ada, eve, "guest"}) == []
        books = {ada: {"a", "b", "g"}, eve: {"b", "g"}, "guest": {"g"}}
        assert set(said(place)) == {
            ("delete", person, None, book, name)
            for person, theirs in books.items()
            for book in theirs
            for name in ("notes", "storage")
        }
        assert receipt.told == ("notes", "storage")
        assert await place.lifecycle().receipt(receipt.id) == receipt

    async def test_until_everybody_knows_nothing_begins_anew(self, place: Place) -> None:
        """It would go with the rest: the same identity is the same id."""
        place.backends.away = {"storage"}
        ada = await with_work(place, "ada", "b")
        receipt = await place.lifecycle().delete(ada)
        assert (receipt.told, receipt.waiting) == (("notes",), ("storage",))
        with pytest.raises(DeletionPendingError):
            await sign_in(place, "ada")
        place.backends.away.clear()
        place.clock.now += FIRST_PAUSE
        await place.lifecycle().tell_due()
        assert await rows_of(place, {ada}) == []
        done = await place.lifecycle().receipt(receipt.id)
        assert done is not None
        assert (done.told, done.waiting) == (("notes", "storage"), ())
        assert (await sign_in(place, "ada")).id == ada

    async def test_a_merge_that_waits_is_told_no_more(self, place: Place) -> None:
        place.backends.away = {"storage"}
        ada, eve = await with_work(place, "ada"), await with_work(place, "eve", "b")
        await place.lifecycle().merge(eve, ada)
        place.backends.away.clear()
        await place.lifecycle().delete(ada)
        place.clock.now += 1e6
        await place.lifecycle().tell_due()
        assert {each[0] for each in said(place) if each[4] == "storage"} == {"delete"}

    async def test_a_merge_that_is_being_told_is_told_to_nobody_else(self, place: Place) -> None:
        """Of two orders that were read together the second was overtaken while the first was told."""
        place.backends.backends, place.backends.away = (service("storage"),), {"storage"}
        ada, eve = await with_work(place, "ada"), await with_work(place, "eve", "b", "c")
        await place.lifecycle().merge(eve, ada)
        place.backends.away.clear()
        place.clock.now += FIRST_PAUSE + 5
        place.backends.meanwhile = lambda: place.lifecycle().delete(ada)
        await place.lifecycle().tell_due()
        told = [order.purpose.value for order in place.backends.told]
        assert told.count("merge") == 1, "the one that was on its way"
        assert set(told) == {"merge", "delete"}

    async def test_who_was_deleted_becomes_nobody_and_nobody_becomes_them(self, place: Place) -> None:
        ada, eve = await with_work(place, "ada", "b"), await with_work(place, "eve", "b")
        await place.lifecycle().delete(ada)
        place.backends.told.clear()
        for loser, survivor in ((ada, eve), (eve, ada)):
            with pytest.raises(MergeRefusedError):
                await place.lifecycle().merge(loser, survivor)
        plan = Plan((), (), int(place.clock()))
        decide = place.directory.orders.merge_guest
        assert await decide("decision", "guest", ada, plan, joins_guest=False) is None
        assert said(place) == []
        assert await rows_of(place, {ada}) == []

    async def test_who_became_somebody_is_deleted_by_that_ones_word_alone(self, place: Place) -> None:
        ada, eve = await with_work(place, "ada"), await with_work(place, "eve", "b")
        await place.lifecycle().merge(eve, ada)
        with pytest.raises(MergeRefusedError):
            await place.lifecycle().delete(eve)
        assert (await sign_in(place, "eve")).id == ada

    async def test_a_class_that_nobody_looks_after_takes_nobody_new(self, place: Place) -> None:
        ada, bob, eve = [(await sign_in(place, name)).id for name in ("ada", "bob", "eve")]
        origin = parse_origin(BOOK)
        assert origin is not None
        rooms, book = place.directory.classes, BookPlace("book", f"{BOOK}/", origin)
        alone, shared = [await rooms.make(name, book, ada) for name in ("Alone", "Shared")]
        course = Course("platform", "context", "Course", None)
        made_there = await rooms.of_platform(course, book, ada, Role.TEACHER)
        await rooms.enrol(alone.id, eve, Role.STUDENT)
        await rooms.enrol(shared.id, bob, Role.TEACHER)
        assert await rooms.taught_alone(ada) == ["Alone"]
        assert await rooms.taught_alone(eve) == []
        await place.lifecycle().delete(ada)
        assert await rooms.find_open(alone.code) is None
        assert await rooms.find_open(shared.code) is not None
        assert [member.person for member in await rooms.members(alone.id)] == [eve]
        assert await rooms.find(made_there) is not None
        assert alone.id in await rooms.of_person(eve), "it counts on, and their cards open it"

    async def test_nothing_of_somebody_who_is_gone_is_noted(self, place: Place) -> None:
        """By a request that was under way."""
        ada = await with_work(place, "ada", "b")
        await place.lifecycle().delete(ada)
        await place.directory.places.note("a session", ada, BOOK, ("b",))
        await place.directory.participation.answer(ada, "study", "no")
        assert await rows_of(place, {ada}) == []

    async def test_a_sign_in_that_was_overtaken_is_somebodys_no_more(self, place: Place) -> None:
        ada, eve, bob = [(await sign_in(place, name)).id for name in ("ada", "eve", "bob")]
        await place.lifecycle().merge(eve, ada)
        await place.lifecycle().delete(bob)
        assert [await place.directory.is_somebody(each) for each in (ada, eve, bob)] == [True, False, False]

    async def test_a_receipt_is_kept_for_thirty_days(self, place: Place) -> None:
        receipt = await place.lifecycle().delete(await with_work(place, "ada", "b"))
        place.clock.now += RECEIPT_LIFE
        await place.lifecycle().sweep()
        assert await place.lifecycle().receipt(receipt.id) is not None
        place.clock.now += 1
        await place.lifecycle().sweep()
        assert await place.lifecycle().receipt(receipt.id) is None


class TestInactive:
    async def test_who_was_away_for_too_long_goes(self, place: Place) -> None:
        ada, eve = await with_work(place, "ada", "b"), await with_work(place, "eve", "b")
        merged, bob = await with_work(place, "merged", "b"), await with_work(place, "bob", "b")
        await place.lifecycle().merge(merged, bob)
        place.clock.now += 1000
        for name in ("eve", "bob"):
            await sign_in(place, name)
        place.backends.told.clear()
        await place.lifecycle(inactive_after=500).sweep()
        assert {each[1] for each in said(place)} == {ada}
        assert [(await sign_in(place, name)).id for name in ("eve", "merged")] == [eve, bob]
        assert '"by":"retention"' in place.log.getvalue().replace(" ", "")

    async def test_who_came_back_since_they_were_found_stays(self, place: Place) -> None:
        await with_work(place, "eve", "b")
        place.clock.now += 1
        ada = await with_work(place, "ada", "b")
        place.clock.now += 1000
        place.backends.meanwhile = lambda: sign_in(place, "ada")  # while eve goes
        await place.lifecycle(inactive_after=500).sweep()
        assert await place.directory.is_somebody(ada)
        assert {each[1] for each in said(place)} == {ids.person_id(b"k" * 32, ISSUER, "eve")}

    async def test_nobody_goes_where_nothing_says_so(self, place: Place) -> None:
        await with_work(place, "ada", "b")
        place.clock.now += 1e9
        await place.lifecycle().sweep()
        assert place.backends.told == []


def test_every_table_that_names_people_says_so() -> None:
    """Those that name nobody are listed: a new table is one or the other."""
    nobody = {
        "marks", "moved", "origin_entries", "revocations", "signing_keys", "classes", "lti_platforms",
    }  # fmt: skip
    assert {table.name for table in metadata.sorted_tables if not holding(table)} <= nobody
