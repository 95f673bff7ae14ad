"""Gradebooks that pages were launched for, and scores that wait for them, on both databases."""

import asyncio
import io
import json
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from aiohttp import web
from joserfc.jwk import RSAKey

from gateway.client_keys import parse_client_keys
from gateway.directory import Directory, LineItem, Registered
from gateway.directory.line_items import AT_ONCE, LEASE, LIFE
from gateway.directory.orders import Plan
from gateway.errors import NotGradedError
from gateway.lti import Gradebook, PlatformServices, Registry, ToolKey
from gateway.lti.gradebook import FIRST_PAUSE, KEPT, Told
from gateway.lti.scores import Score
from gateway.providers.transport import Transport, open_session
from gateway.telemetry import make_log
from tests.databases import Postgres, postgres
from tests.lti_services import LtiServices, lti_services

KEY = b"people-key".ljust(32, b"x")
NOW = 1_800_000_000.0
ISSUER = "https://lms.example.edu"
DEPLOYMENT = f"{ISSUER}#1"
ORIGIN = "https://books.example.edu"
PAGE = "/cs1"
TOOL = ToolKey(parse_client_keys(RSAKey.generate_key(2048).as_pem(private=True).decode()))


@pytest.fixture(scope="module", name="server")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Postgres]:
    with postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@dataclass
class Clock:
    now: float = NOW

    def __call__(self) -> float:
        return self.now


@dataclass
class Place:
    directory: Directory
    services: LtiServices
    clock: Clock
    registered: list[Registered]
    log: io.StringIO = field(default_factory=io.StringIO)
    gradebook: Gradebook = field(init=False)

    async def all_registered(self) -> list[Registered]:
        return self.registered

    async def launched(self, subject: str = "ada", link: str = "1", page: str = PAGE) -> str:
        person = await self.directory.sign_in(DEPLOYMENT, subject, None, "lti")
        address = f"{self.services.url}/items/{link}"
        await self.directory.line_items.note(LineItem(person.id, ORIGIN, page, DEPLOYMENT, subject, address))
        return person.id

    async def report(self, person: str, points: float = 7) -> Told:
        return await self.gradebook.report(person, ORIGIN, Score(points, 10, "", (PAGE,)))

    @property
    def told(self) -> list[tuple[object, object, object]]:
        return [(one["userId"], one["scoreGiven"], one["line_item"]) for one in self.services.scores]


@pytest.fixture(params=["sqlite", "postgresql"], name="place")
async def _place(request: pytest.FixtureRequest, server: Postgres, tmp_path: Path) -> AsyncGenerator[Place]:
    sqlite = f"sqlite+aiosqlite:///{tmp_path / 'directory.sqlite3'}"
    url = sqlite if request.param == "sqlite" else await server.make()
    clock = Clock()
    directory = await Directory.open(url, KEY, clock)
    async with lti_services() as services, open_session() as session:
        transport = Transport(session, deadline=1)
        token = f"{services.url}/token"
        one = Registered(
            "lms", ISSUER, (), True, None, "bookgate", ("1", "2"), f"{ISSUER}/auth", token, f"{ISSUER}/jwks"
        )
        place = Place(directory, services, clock, [one])
        registry = Registry((), transport, clock, place.all_registered)
        asking = PlatformServices(transport, TOOL, clock, lambda count: b"r" * count)
        log = make_log(place.log)
        place.gradebook = Gradebook(directory.line_items, registry, asking, str.upper, clock, log)
        yield place
    await directory.close()


async def test_a_score_that_could_not_be_told_is_told_later_and_once(place: Place) -> None:
    ada = await place.launched()
    place.services.lies["/items/1/scores"] = lambda _: web.Response(status=503)
    assert await place.report(ada) is Told.QUEUED
    place.services.lies.clear()
    await place.gradebook.tell_due()
    assert place.told == [], "not yet"
    place.clock.now += FIRST_PAUSE
    await asyncio.gather(place.gradebook.tell_due(), place.gradebook.tell_due())
    assert place.told == [("ada", 7.0, "1")]
    place.clock.now += 10 * FIRST_PAUSE
    await place.gradebook.tell_due()
    assert len(place.told) == 1
    had, _ = await place.directory.orders.belongings_of(ada)
    (row,) = had["line_items"]
    assert (row["points"], row["comment"], row["due"]) == (None, None, None), "nothing of it is kept"


async def test_pauses_grow_and_the_newest_score_wins(place: Place) -> None:
    ada = await place.launched()
    place.services.lies["/items/1/scores"] = lambda _: web.Response(status=500)
    await place.report(ada, 3)
    for _ in range(3):
        place.clock.now += 3600
        await place.gradebook.tell_due()
    assert [json.loads(line)["tries"] for line in place.log.getvalue().splitlines()] == [1, 2, 3, 4]
    await place.report(ada, 9)
    place.services.lies.clear()
    place.clock.now += FIRST_PAUSE
    await place.gradebook.tell_due()
    assert place.told == [("ada", 9.0, "1")]


async def test_two_scores_of_one_moment_come_one_after_the_other(place: Place) -> None:
    ada = await place.launched()
    await asyncio.gather(*(place.report(ada, points) for points in range(5)))
    moments = [str(score["timestamp"]) for score in place.services.scores]
    assert len(set(moments)) == len(moments) >= 1
    place.clock.now -= 5
    assert await place.report(ada, 10) is Told.DELIVERED
    assert place.told[-1] == ("ada", 10.0, "1"), "also by a clock that was put back"


async def test_a_gateway_that_ended_while_it_told_tells_again(place: Place) -> None:
    ada = await place.launched()
    item = await place.directory.line_items.find(ada, ORIGIN, [PAGE])
    assert item is not None
    assert await place.directory.line_items.report(item, 7, 10, "") is not None
    await place.gradebook.tell_due()
    assert place.told == []
    place.clock.now += LEASE
    await place.gradebook.tell_due()
    assert place.told == [("ada", 7.0, "1")]


async def test_a_score_is_given_up_after_a_week(place: Place) -> None:
    ada = await place.launched()
    place.services.lies["/items/1/scores"] = lambda _: web.Response(status=500)
    await place.report(ada)
    place.clock.now += KEPT + 1
    await place.gradebook.tell_due()
    place.services.lies.clear()
    place.clock.now += KEPT
    await place.gradebook.tell_due()
    assert place.told == []
    assert "platform_refused" in place.log.getvalue()


async def test_a_link_to_another_gradebook_takes_no_score_of_before(place: Place) -> None:
    ada = await place.launched()
    place.services.lies["/items/1/scores"] = lambda _: web.Response(status=500)
    await place.report(ada)
    place.services.lies.clear()
    await place.launched(link="2")
    place.clock.now += 3600
    await place.gradebook.tell_due()
    assert place.told == []
    assert await place.report(ada) is Told.DELIVERED
    assert place.told == [("ada", 7.0, "2")]


async def test_a_launch_once_more_keeps_what_waits(place: Place) -> None:
    ada = await place.launched()
    place.services.lies["/items/1/scores"] = lambda _: web.Response(status=500)
    await place.report(ada)
    place.services.lies.clear()
    await place.launched()
    place.clock.now += FIRST_PAUSE
    await place.gradebook.tell_due()
    assert place.told == [("ada", 7.0, "1")]


async def test_a_platform_that_registered_elsewhere_is_looked_for_before_a_score_is_told(
    place: Place,
) -> None:
    """Another worker took the score; and while nobody can be looked up, no score is lost."""
    ada = await place.launched()
    place.services.lies["/items/1/scores"] = lambda _: web.Response(status=500)
    await place.report(ada)
    place.services.lies.clear()
    known, place.registered = place.registered, []
    with pytest.raises(NotGradedError):
        await place.report(ada)
    place.clock.now += FIRST_PAUSE
    await place.gradebook.tell_due()
    assert place.told == []
    place.registered = known
    place.clock.now += 10 * FIRST_PAUSE
    await place.gradebook.tell_due()
    assert place.told == [("ada", 7.0, "1")]


async def test_a_platform_that_takes_scores_no_more_is_told_none(place: Place) -> None:
    ada = await place.launched()
    place.services.lies["/items/1/scores"] = lambda _: web.Response(status=500)
    await place.report(ada)
    place.services.lies.clear()
    (known,) = place.registered
    place.registered = [replace(known, scores=False)]
    with pytest.raises(NotGradedError):
        await place.report(ada)
    place.clock.now += FIRST_PAUSE
    await place.gradebook.tell_due()
    place.registered = [known]
    place.clock.now += 10 * FIRST_PAUSE
    await place.gradebook.tell_due()
    assert place.told == []


async def test_who_became_another_reports_as_who_was_launched(place: Place) -> None:
    ada = await place.launched()
    bob = (await place.directory.sign_in("https://idp.example", "bob", None, "campus")).id
    decision = await place.directory.orders.merge("m1", ada, bob, lambda _: Plan((), (), 0))
    assert await place.report(bob) is Told.DELIVERED
    assert place.told == [("ada", 7.0, "1")]
    await place.directory.orders.unmerge("u1", decision, bob, lambda _: Plan((), (), 0))
    with pytest.raises(NotGradedError):
        await place.report(bob)


async def test_an_identity_that_went_takes_its_gradebook_along(place: Place) -> None:
    ada = await place.launched()
    await place.directory.identities.unlink(DEPLOYMENT, "ada", ada, lambda _: True)
    with pytest.raises(NotGradedError):
        await place.report(ada)


async def test_who_is_deleted_leaves_no_score(place: Place) -> None:
    ada = await place.launched()
    place.services.lies["/items/1/scores"] = lambda _: web.Response(status=500)
    await place.report(ada)
    await place.directory.orders.delete("d1", ada, lambda _: Plan((), (), 0))
    await place.directory.line_items.note(LineItem(ada, ORIGIN, PAGE, DEPLOYMENT, "ada", "x"))
    place.services.lies.clear()
    place.clock.now += 3600
    await place.gradebook.tell_due()
    assert place.told == []
    assert await place.directory.line_items.find(ada, ORIGIN, [PAGE]) is None


async def test_courses_that_are_over_are_forgotten(place: Place) -> None:
    ada = await place.launched()
    place.clock.now += LIFE - 1
    await place.launched(page="/other")
    await place.directory.line_items.purge()
    assert await place.report(ada) is Told.DELIVERED
    place.clock.now += 2
    await place.directory.line_items.purge()
    with pytest.raises(NotGradedError):
        await place.report(ada)
    assert await place.directory.line_items.find(ada, ORIGIN, ["/other"]) is not None


async def test_a_platform_that_hangs_keeps_no_other_back(place: Place) -> None:
    place.services.lies["/items/1/scores"] = lambda _: web.Response(status=500)
    people = [await place.launched(f"p{number}") for number in range(AT_ONCE + 2)]
    for person in people:
        await place.report(person)
    other = f"{ISSUER}#2"
    ada = (await place.directory.sign_in(other, "ada", None, "lti")).id
    item = LineItem(ada, ORIGIN, PAGE, other, "ada", f"{place.services.url}/items/2")
    await place.directory.line_items.note(item)
    place.clock.now += 1
    assert await place.directory.line_items.report(item, 7, 10, "") is not None
    place.clock.now += 3600
    await place.gradebook.tell_due()
    assert place.told == [("ada", 7.0, "2")]


async def test_many_that_wait_are_told_some_at_a_time(place: Place) -> None:
    place.services.lies["/token"] = lambda _: web.Response(status=500)
    people = [await place.launched(f"p{number}") for number in range(AT_ONCE + 2)]
    assert {await place.report(person) for person in people} == {Told.QUEUED}
    place.services.lies.clear()
    place.clock.now += 3600
    await place.gradebook.tell_due()
    assert len(place.told) == AT_ONCE
    await place.gradebook.tell_due()
    assert len(place.told) == AT_ONCE + 2
