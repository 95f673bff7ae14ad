"""What somebody is changes in every browser where they are signed in, and in no other session."""

import asyncio

from gateway.records import LiveSignIn
from gateway.store import Store
from tests.sessions_parts import Parts, loaded

CLASSES = {"c1": ("student", "ada-cs1")}


async def record(parts: Parts, live: LiveSignIn) -> tuple[tuple[str, ...], dict[str, tuple[str, str]], bool]:
    found = await loaded(parts, live)
    assert found is not None
    return found.record.roles, found.record.classes, found.record.own_device


async def test_every_browser_of_the_person_and_of_nobody_else(store: Store) -> None:
    parts = Parts.on(store)
    here, there = await parts.signed_in(), await parts.signed_in(own_device=True)
    await parts.sessions.restate(here.record.person, classes=CLASSES)
    assert await record(parts, here) == ((), CLASSES, here.record.own_device)
    assert await record(parts, there) == ((), CLASSES, True)
    await parts.sessions.restate(here.record.person, roles=("teacher",))
    assert await record(parts, here) == (("teacher",), CLASSES, here.record.own_device)
    await parts.sessions.restate("somebody else", classes={})
    assert await record(parts, here) == (("teacher",), CLASSES, here.record.own_device)


async def test_what_is_written_beside_it_is_kept(store: Store) -> None:
    parts = Parts.on(store)
    live = await parts.signed_in()
    acts = [parts.sessions.restate(live.record.person, roles=(str(number),)) for number in range(5)]
    await asyncio.gather(*acts, parts.sessions.restate(live.record.person, classes=CLASSES))
    _, classes, _ = await record(parts, live)
    assert classes == CLASSES


async def test_a_session_that_ended_stays_ended(store: Store) -> None:
    parts = Parts.on(store)
    live = await parts.signed_in()
    await parts.sessions.end_sign_in(live.key)
    await parts.sessions.restate(live.record.person, classes=CLASSES)
    assert await loaded(parts, live) is None
