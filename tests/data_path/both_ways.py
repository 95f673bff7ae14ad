"""One gateway by each data path, each with a backend of its own; what goes through one goes through both."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from gateway.routes import Backend, Subject
from tests.data_path.byte_backend import ByteBackend, Plan, byte_backend
from tests.data_path.sameness import NO_HTTP, Seen, comparable
from tests.data_path.talk import LIMIT, Talk, converse
from tests.system.conftest import PEOPLE
from tests.system.data_path import DataPath, backend, data_path

WAYS = ("plain", "fast")
QUIET = (0.05, 0.5, 3.0)  # seconds without a byte, tried in turn: only the last decides that two ways differ


@dataclass(frozen=True)
class OneWay:
    way: str
    path: DataPath
    backend: ByteBackend

    async def see(self, talk: Talk, plan: Callable[[int], Plan] | None, quiet: float) -> Seen:
        self.backend.clear()
        if plan is not None:
            self.backend.plan = plan
        heard = await converse(self.path.port, talk, quiet)
        async with asyncio.timeout(LIMIT):
            # ruff: ignore[async-busy-wait]  # what a connection's end ends tells nobody
            while self.backend.busy:
                await asyncio.sleep(0.001)
        seen = Seen(heard, tuple(self.backend.received), tuple(self.backend.faults))
        return comparable(seen, self.backend.port)


@dataclass(frozen=True)
class BothWays:
    plain: OneWay
    fast: OneWay

    async def same(self, talk: Talk, plan: Callable[[int], Plan] | None = None) -> Seen:
        """What both ways made of it; an AssertionError where they made two things of it."""
        for quiet in QUIET:
            plain, fast = await asyncio.gather(
                self.plain.see(talk, plan, quiet), self.fast.see(talk, plan, quiet)
            )
            assert not plain.faults + fast.faults
            if agree(plain, fast):
                return fast
            if plain.heard.answers[-1:] == (NO_HTTP,) == fast.heard.answers[-1:]:
                talk = talk.byte_by_byte()
        assert plain == fast, f"{talk}"
        raise AssertionError("unreachable")


def agree(plain: Seen, fast: Seen) -> bool:
    """Whether they are the same; of a request that broke off a backend may have been sent more or less."""
    return plain.heard == fast.heard and whole(plain) == whole(fast)


def whole(seen: Seen) -> tuple[object, ...]:
    return tuple(one for one in seen.received if one.complete)


def made_for(url: str, way: str) -> tuple[Backend, ...]:
    return backend(url), replace(
        backend(url, "other"), subject=Subject.PSEUDONYM, origin="send", host="public"
    )


@asynccontextmanager
async def one_way(way: str) -> AsyncGenerator[OneWay]:
    async with byte_backend() as recording, data_path(*made_for(recording.url, way), way=way) as path:
        for person, origin in PEOPLE.items():
            path.sign_in(person, origin)
        yield OneWay(way, path, recording)


@asynccontextmanager
async def both_ways() -> AsyncGenerator[BothWays]:
    async with AsyncExitStack() as stack:
        plain, fast = [await stack.enter_async_context(one_way(way)) for way in WAYS]
        yield BothWays(plain, fast)
