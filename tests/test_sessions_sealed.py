import asyncio
import time

import pytest
from redis.asyncio import Redis

from gateway.errors import StoreUnavailableError
from gateway.records import Mode
from gateway.store import Store
from tests.redis_server import RedisServer
from tests.sessions_parts import BOOK, ROOT, Parts, loaded, loaded_book

OTHER = "https://other.example"


class TestWhatRedisHolds:
    async def test_neither_ids_nor_names(self, parts: Parts, prefix: str, redis_url: str) -> None:
        parent = await parts.signed_in("ada-lovelace")
        child = await parts.book(parent, Mode.DPOP, jkt="thumbprint")
        tokens = await parts.grants.issue_tokens(child)
        async with Redis.from_url(redis_url) as other:
            keys = [key async for key in other.scan_iter(match=f"{prefix}*")]
            held = b"\n".join(keys)
            for key in keys:
                if await other.type(key) == b"hash":
                    fields = await other.hgetall(key)
                    held += repr(fields).encode()
        assert b"s:{" in held
        secrets = [(text or "")[:16] for text in (parent.id, child.id, tokens.access, tokens.refresh)]
        for secret in (*secrets, "ada-lovelace", "Ada-Lovelace", BOOK, "thumbprint", "campus"):
            assert secret.encode() not in held

    async def test_a_record_moved_or_made_in_redis_is_nobodys(
        self, parts: Parts, prefix: str, redis_url: str
    ) -> None:
        ada, mallory = await parts.signed_in("ada"), await parts.signed_in("mallory")
        names = [f"{prefix}s:{{{live.key.replace('.', '}:', 1)}" for live in (ada, mallory)]
        async with Redis.from_url(redis_url) as other:
            record = await other.hget(names[0], "v")
            assert record is not None
            await other.hset(names[1], "v", record)
            assert await loaded(parts, mallory) is None
            await other.hset(names[1], "v", b"")
            assert await loaded(parts, mallory) is None
            await other.hdel(names[1], "v")
            assert await loaded(parts, mallory) is None
            await other.hset(names[0], "seen", b"-x")
            assert await loaded(parts, ada) is None

    async def test_sessions_live_on_over_a_change_of_the_root_key(self, store: Store) -> None:
        before = Parts.on(store)
        live = await before.signed_in()
        child = await before.book(live)
        after = Parts.on(store, b"n" * 32, (ROOT,))
        assert await loaded(after, live) == live
        assert await loaded_book(after, child) == child
        new = await after.signed_in()
        await after.sessions.end_everywhere("ada")
        assert [await loaded(after, each) for each in (live, new)] == [None, None]
        forgotten = Parts.on(store, b"n" * 32)
        assert await loaded(forgotten, await before.signed_in()) is None


async def test_redis_away_is_503_and_nobody_is_signed_out(redis_server: RedisServer) -> None:
    store = Store.open(redis_server.url, "", 0.25)
    parts = Parts.on(store)
    live = await parts.signed_in()
    child = await parts.book(live)
    redis_server.freeze()
    started = time.monotonic()
    for call in (loaded(parts, live), loaded_book(parts, child)):
        with pytest.raises(StoreUnavailableError):
            await call
    assert time.monotonic() - started < 1.0
    redis_server.thaw()
    await asyncio.sleep(0.1)
    assert await loaded_book(parts, child) is not None
    await store.close()


async def test_many_aborted_requests_and_every_reply_names_its_own_person(parts: Parts) -> None:
    people = [f"person{number}" for number in range(40)]
    books = {person: await parts.book(await parts.signed_in(person)) for person in people}
    wrong: list[str] = []

    async def ask(person: str) -> None:
        found = await loaded_book(parts, books[person])
        if found is None or found.parent is None or {found.record.person, found.parent.person} != {person}:
            wrong.append(person)

    for round_ in range(50):
        tasks = [asyncio.create_task(ask(person)) for person in people]
        for _ in range(round_ % 15):
            await asyncio.sleep(0)
        for task in tasks[round_ % 2 :: 2]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert wrong == []
