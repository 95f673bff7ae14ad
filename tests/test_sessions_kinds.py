"""A session's whole life on every Redis that `redis.url` can name: what it needs is of one slot."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from gateway.errors import InvalidGrantError, ProviderRefusedError
from gateway.records import Mode
from gateway.store import Store
from tests.redis_kinds import KINDS, RedisKinds
from tests.sessions_parts import BOOK, Parts, loaded, loaded_book

OTHER = "https://other.example"
SID = "s" * 43


@pytest.fixture(params=KINDS)
async def parts(request: pytest.FixtureRequest, redis_kinds: RedisKinds) -> AsyncIterator[Parts]:
    store = Store.open(redis_kinds.url(request.param), f"bookgate:{uuid4()}:", 5.0)
    yield Parts.on(store)
    await store.close()


async def test_begun_confirmed_found_listed_and_ended(parts: Parts) -> None:
    sessions, grants = parts.sessions, parts.grants
    people = [f"person{number}" for number in range(8)]  # of different slots, on different nodes
    for person in people:
        parent = await parts.signed_in(person, provider_session=f"{SID}{person}")
        cookie, token = await parts.book(parent), await parts.book(parent, Mode.DPOP, OTHER)
        tokens = await grants.issue_tokens(token)
        place = grants.access_book(tokens.access)
        assert place is not None
        assert await sessions.load_book_key(*place) is not None
        await sessions.remember_cookie_mode(parent.key, BOOK)
        assert await sessions.confirmed_cookie_mode(parent.key, BOOK)
        shared = await sessions.set_own_device(parent, own_device=False)
        assert await loaded(parts, parent) == shared
        assert {one.key for one in await sessions.of_person(person)} == {parent.key, cookie.key, token.key}
        await sessions.end_books(person, OTHER)
        assert await parts.found(token) is None
        await sessions.end_book(cookie.key)
        assert await loaded_book(parts, cookie) is None
        again = await parts.signed_in(person, replaces=parent.id)
        assert await loaded(parts, parent) is None
        await sessions.end_everywhere(person)
        assert await loaded(parts, again) is None
        await sessions.end_provider_session(f"{SID}{person}", signed=True)
        with pytest.raises(ProviderRefusedError):
            await parts.signed_in(person, provider_session=f"{SID}{person}")
        assert await sessions.of_person(person) == []


async def test_guests_and_what_ended_before_it_began(parts: Parts) -> None:
    begun = await parts.sessions.begin_guest(None, BOOK, "key")
    guest = await parts.sessions.confirm_book(begun.key, Mode.COOKIE)
    assert guest is not None
    assert await loaded_book(parts, begun) is not None
    parent = await parts.signed_in()
    minted = parts.sessions.mint_book(parent.key.partition(".")[0])
    await parts.sessions.end_book(minted.key)
    with pytest.raises(InvalidGrantError):
        await parts.sessions.begin_book(parent, BOOK, None, approved=False, minted=minted)
