"""What lies in Redis was tampered with: no session, nobody else's, never a 500, never cleared away."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass

import pytest
from redis.asyncio import Redis

from tests.reliability.traffic import tell_person
from tests.reliability.workers import Roamer, Workers, open_workers
from tests.system.house import TRUSTED
from tests.system.reader import Flow

ITEM = "/storage/v1/items/a"
VALUE = "v"


@dataclass
class Tampered:
    """Redis with two people's sessions. mine, theirs: the key of a record, by its kind."""

    redis: "Redis"
    mine: dict[str, bytes]
    theirs: dict[str, bytes]

    async def value(self, key: bytes) -> bytes:
        found = await self.redis.hget(key, VALUE)
        assert isinstance(found, bytes)
        return found

    async def set_value(self, key: bytes, value: bytes) -> None:
        await self.redis.hset(key, VALUE, value)


Tamper = Callable[[Tampered, str], Awaitable[None]]


async def flip(redis: Tampered, kind: str) -> None:
    sealed = bytearray(await redis.value(redis.mine[kind]))
    sealed[-1] ^= 1
    await redis.set_value(redis.mine[kind], bytes(sealed))


async def shorten(redis: Tampered, kind: str) -> None:
    await redis.set_value(redis.mine[kind], (await redis.value(redis.mine[kind]))[:-7])


async def cut_off(redis: Tampered, kind: str) -> None:
    await redis.set_value(redis.mine[kind], (await redis.value(redis.mine[kind]))[:5])


async def empty(redis: Tampered, kind: str) -> None:
    await redis.set_value(redis.mine[kind], b"")


async def garbage(redis: Tampered, kind: str) -> None:
    await redis.set_value(redis.mine[kind], b"\x00\xffgarbage" * 50)


async def strange_key(redis: Tampered, kind: str) -> None:
    sealed = await redis.value(redis.mine[kind])
    await redis.set_value(redis.mine[kind], sealed[:1] + b"none" + sealed[5:])


async def swap(redis: Tampered, kind: str) -> None:
    await redis.set_value(redis.mine[kind], await redis.value(redis.theirs[kind]))


async def swap_kinds(redis: Tampered, kind: str) -> None:
    other = "s" if kind == "b" else "b"
    await redis.set_value(redis.mine[kind], await redis.value(redis.mine[other]))


async def another_type(redis: Tampered, kind: str) -> None:
    await redis.redis.delete(redis.mine[kind])
    await redis.redis.rpush(redis.mine[kind], "a", "list")


async def no_number(redis: Tampered, kind: str) -> None:
    await redis.redis.hset(redis.mine[kind], "seen", "yesterday")


@pytest.fixture(scope="module")
async def workers(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> AsyncGenerator[Workers]:
    async with open_workers(tmp_path_factory.mktemp("workers"), redis_url, deadline="5s") as opened:
        opened.house.storage.script = tell_person
        yield opened


@pytest.fixture
async def redis(redis_url: str) -> AsyncGenerator["Redis"]:
    async with Redis.from_url(redis_url) as client:
        yield client


async def keys(redis: "Redis", workers: Workers) -> dict[bytes, str]:
    """The keys of sessions, and their kinds: `s` and `b`."""
    prefix = workers.house.settings.redis.prefix
    found = [key async for key in redis.scan_iter(f"{prefix}[sb]:*")]
    return {key: key.decode().removeprefix(prefix)[0] for key in found}


async def sign_in(redis: "Redis", workers: Workers, reader: Roamer) -> dict[str, bytes]:
    """The keys of what began, by kind."""
    before = await keys(redis, workers)
    assert (await reader.sign_in(Flow(TRUSTED))).status == 200
    after = await keys(redis, workers)
    return {kind: key for key, kind in after.items() if key not in before}


@pytest.mark.parametrize("kind", ["b", "s"])
@pytest.mark.parametrize(
    "tamper",
    [flip, shorten, cut_off, empty, garbage, strange_key, swap, swap_kinds, another_type, no_number],
    ids=lambda step: step.__name__,
)
async def test_it_is_no_session(workers: Workers, redis: "Redis", tamper: Tamper, kind: str) -> None:
    async with workers.reader("ada") as ada, workers.reader("ben") as ben:
        mine, theirs = await sign_in(redis, workers, ada), await sign_in(redis, workers, ben)
        bens = await person(ben)
        await tamper(Tampered(redis, mine, theirs), kind)
        held = await redis.dump(mine[kind])
        workers.house.storage.received.clear()
        for _ in workers.urls:
            got = await ada.fetch(TRUSTED, "GET", ITEM)
            assert (got.status, got.error) == (401, "login_required"), got.text
            assert not got.every("Set-Cookie")
        assert workers.house.storage.received == []
        assert await redis.dump(mine[kind]) == held
        assert await person(ben) == bens
    assert workers.unforeseen() == []


async def person(reader: Roamer) -> object:
    got = await reader.fetch(TRUSTED, "GET", ITEM)
    assert got.status == 200, got.text
    return got.json["told"]
