"""Looks over the one connection that all share, on every kind of Redis, and what goes wrong there."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from uuid import uuid4

import pytest

from gateway.errors import GatewayError
from gateway.session_life import LOOKED_AT
from gateway.store import Looked, Looks, Store
from tests.redis_kinds import KINDS, RedisKinds
from tests.redis_server import RedisServer
from tests.sessions_parts import Silence

PLENTY = 30.0  # seconds, on whatever machine


async def until(holds: Callable[[], bool]) -> None:
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < PLENTY, "it did not come to that"
        await asyncio.sleep(0.005)


@dataclass
class Looking:
    """Looks that run, and what they told."""

    store: Store
    looks: Looks
    changes: list[Sequence[str] | None] = field(default_factory=list)

    async def look(self, *records: str, marks: str = "p:{a}", field: str = "") -> Looked:
        answer: asyncio.Future[Looked | GatewayError] = asyncio.get_running_loop().create_future()
        self.looks.look(self.looks.question(records, marks, field), answer.set_result)
        assert not answer.done(), "never from within"
        found = await answer
        if isinstance(found, GatewayError):
            raise found
        return found

    @property
    def is_fresh(self) -> bool:
        return self.looks.fresh_until > asyncio.get_running_loop().time()

    def told(self, key: str) -> bool:
        return any(key in change for change in self.changes if change is not None)


@asynccontextmanager
async def looking(url: str, prefix: str, deadline: float = 5.0) -> AsyncGenerator[Looking]:
    async with AsyncExitStack() as stack:
        store = Store.open(url, prefix, deadline)
        stack.push_async_callback(store.close)
        looks = Looks(store, Silence(), LOOKED_AT)
        stack.push_async_callback(looks.close)
        made = Looking(store, looks)
        looks.on_change = made.changes.append
        running = asyncio.create_task(looks.run())
        try:
            yield made
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize("kind", KINDS)
async def test_the_same_is_found_as_by_the_store(kind: str, redis_kinds: RedisKinds) -> None:
    async with looking(redis_kinds.url(kind), f"bookgate:{uuid4()}:") as it:
        if kind != "cluster":
            await until(lambda: it.is_fresh)
            assert it.looks.tracks
        await it.store.create("b:{a}:x", {"v": b"book", "seen": 1, "f": b"7"}, 60)
        await it.store.create("s:{a}:y", {"v": b"above", "seen": 2}, 60)
        await it.store.mark("p:{a}", "n", 5, 60)
        for records in (["b:{a}:x"], ["b:{a}:x", "s:{a}:y"], ["b:{a}:none", "s:{a}:y"]):
            for wanted in ("", "f"):
                found = await it.look(*records, field=wanted)
                assert found == await it.store.look(records, "p:{a}", wanted)
        (book, above), marks = await it.look("b:{a}:x", "s:{a}:y", field="f")
        assert (book.value, book.field, above.value, marks) == (b"book", b"7", b"above", {"n": 5})
        (nothing,), marks = await it.look("b:{b}:none", marks="p:{b}")
        assert (nothing.value, nothing.field, marks) == (None, None, {})


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "cluster"])
async def test_what_changes_in_redis_is_told(kind: str, redis_kinds: RedisKinds) -> None:
    """Whoever changes it: nobody tells it over the link."""
    async with looking(redis_kinds.url(kind), f"bookgate:{uuid4()}:") as it:
        await until(lambda: it.is_fresh)
        for key in ("b:{a}:x", "s:{a}:y", "p:{a}"):
            await it.store.put(key, b"v", 60)
            await until(partial(it.told, key))
        await it.store.put("c:{a}:z", b"v", 60)
        await it.store.delete("b:{a}:x")
        await until(lambda: it.changes.count(["b:{a}:x"]) == 2)
        assert not it.told("c:{a}:z")


@pytest.fixture
async def looks(redis_server: RedisServer) -> AsyncGenerator[Looking]:
    async with looking(redis_server.url, "p:", 1.0) as it:
        await until(lambda: it.is_fresh)
        yield it
