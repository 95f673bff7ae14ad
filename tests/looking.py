"""Looks that run, on a Redis of a test's own, and what they told."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from gateway.errors import GatewayError
from gateway.session_life import LOOKED_AT
from gateway.store import Looked, Looks, Store
from tests.redis_server import RedisServer
from tests.sessions_parts import Silence
from tests.tcp_proxy import TcpProxy, tcp_proxy

PLENTY = 30.0  # seconds, on whatever machine


async def until(holds: Callable[[], bool], seconds: float = PLENTY) -> None:
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, "it did not come to that"
        await asyncio.sleep(0.005)


@dataclass
class Looking:
    """Looks that run, and what they told."""

    store: Store
    looks: Looks
    link: Silence
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
        link = Silence()
        looks = Looks(store, link, LOOKED_AT)
        stack.push_async_callback(looks.close)
        made = Looking(store, looks, link)
        looks.on_change = made.changes.append
        running = asyncio.create_task(looks.run())
        try:
            yield made
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def numbered(redis_server: RedisServer) -> AsyncGenerator[tuple[Looking, TcpProxy]]:
    """Redis beyond a proxy; what has the key `b:{a}:NUMBER` is that number."""
    async with tcp_proxy("127.0.0.1", redis_server.port) as proxy, looking(proxy.url, "p:", 1.0) as it:
        await until(lambda: it.is_fresh)
        for number in range(64):
            await it.store.create(f"b:{{a}}:{number}", {"v": b"%d" % number, "seen": 1}, 600)
        yield it, proxy


async def all_are_their_own(it: Looking, times: int = 64) -> None:
    answers = await asyncio.gather(*(it.look(f"b:{{a}}:{number % 64}") for number in range(times)))
    assert [found[0][0].value for found in answers] == [b"%d" % (number % 64) for number in range(times)]
