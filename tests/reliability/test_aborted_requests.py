"""Requests given up in mid-flight: a reply that waits for somebody who left must not reach another."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gateway.store import CONNECTIONS
from tests.redis_server import RedisServer
from tests.reliability.conftest import Bounded, Tell
from tests.reliability.workers import Workers, chance, cookies_of, gone, open_workers
from tests.system.house import TRUSTED, subject
from tests.system.recording_backend import Connection
from tests.tcp_proxy import TcpProxy, tcp_proxy

SEED = 20261122
PEOPLE = 500
PATIENCE = 0.5  # seconds: whoever is going to leave has left by then
BESIDE = 12  # connections of a worker to Redis that no request uses: its proofs, its link
LIMIT = 120.0  # seconds for one answer, on whatever machine


@pytest.fixture
async def slow_redis(redis_server: RedisServer) -> AsyncGenerator[TcpProxy]:
    """Replies take 0 to 20 ms: long enough for somebody to leave while one is on its way."""
    moment = chance(SEED)
    async with tcp_proxy("127.0.0.1", redis_server.port) as proxy:
        proxy.latency = lambda: moment.uniform(0, 0.01)
        yield proxy


@pytest.fixture
async def workers(tmp_path: Path, redis_server: RedisServer, slow_redis: TcpProxy) -> AsyncGenerator[Workers]:
    async with open_workers(
        tmp_path, redis_server.url, deadline="5s", urls=lambda _: slow_redis.url
    ) as opened:
        yield opened


async def echo(connection: Connection) -> None:
    """Tells whom it was told, and whose request it was, in two pieces some milliseconds apart."""
    body = await connection.read_body()
    told = {
        "told": subject(connection.received),
        "target": connection.received.target,
        "body": body.decode(),
    }
    answer = json.dumps(told).encode() + b" " * 4000
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(answer)
    await asyncio.sleep(len(body) % 20 / 1000)
    await connection.say(head + answer[:1000])
    await asyncio.sleep(len(body) % 7 / 1000)
    await connection.say(answer[1000:])


@dataclass
class Outcome:
    """What became of the requests."""

    left: int = 0
    wrong: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)


@dataclass
class Person:
    """One reader's browser: a connection to each worker, given up or kept."""

    name: str
    cookie: str
    workers: Workers
    chance: random.Random
    outcome: Outcome
    stays: bool = False
    kept: dict[str, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(default_factory=dict)

    async def ask(self, number: int) -> None:
        url = self.chance.choice(self.workers.urls)
        patience = self._patience()
        body = f"{self.name} {number} ".encode() * self.chance.randrange(1, 200)
        half = len(body) // 2 if self.chance.random() < 0.2 else len(body)
        reused = url in self.kept
        reader, writer = await self._connection(url)
        target = f"/storage/{self.name}/{number}"
        try:
            async with asyncio.timeout(patience):
                await self._send(writer, self._head(target, len(body)) + body[:half], body[half:])
                status, answer = await _answer(reader)
        except TimeoutError:
            assert patience != LIMIT, "no answer at all"
            self.outcome.left += 1
            await self._leave(writer)
            return
        except (asyncio.IncompleteReadError, ConnectionError):
            assert reused, "the gateway went away"
            writer.transport.abort()
            await self.ask(number)  # it was idle for too long
            return
        if status == 200:
            self.kept[url] = reader, writer
        else:
            writer.transport.abort()
        self._judge(target, body, status, answer)

    async def _send(self, writer: asyncio.StreamWriter, first: bytes, rest: bytes) -> None:
        writer.write(first)
        if rest:
            await asyncio.sleep(self.chance.uniform(0, 0.02))
            writer.write(rest)

    def _patience(self) -> float:
        """How long this request is waited for: half of them to the end, some not at all."""
        if self.stays or self.chance.random() < 0.5:
            return LIMIT
        return 0.0 if self.chance.random() < 0.25 else self.chance.uniform(0, PATIENCE)

    async def _leave(self, writer: asyncio.StreamWriter) -> None:
        if self.chance.random() < 0.5:
            writer.transport.abort()  # a reset
        else:
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)

    async def _connection(self, url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if url in self.kept:
            return self.kept.pop(url)
        parts = urlsplit(url)
        return await asyncio.open_connection(parts.hostname, parts.port)

    def _head(self, target: str, length: int) -> bytes:
        host = urlsplit(self.workers.house.url).netloc
        return (
            f"POST {target} HTTP/1.1\r\nHost: {host}\r\nOrigin: {TRUSTED}\r\n"
            f"Cookie: {self.cookie}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n"
        ).encode()

    def _judge(self, target: str, body: bytes, status: int, answer: bytes) -> None:
        self.outcome.statuses[status] += 1
        if status == 503:  # on a machine that has no time for us: nobody's
            assert json.loads(answer)["error"] in {"sessions_unavailable", "backend_busy"}
            return
        assert status == 200, answer
        told = json.loads(answer)
        right = {"told": self.name, "target": target.removeprefix("/storage"), "body": body.decode()}
        if told != right:
            self.outcome.wrong.append(f"{self.name} got {told['told']} {told['target']}")

    def end(self) -> None:
        while self.kept:
            _, (_, writer) = self.kept.popitem()
            writer.transport.abort()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
    return int(head[9:12]), await reader.readexactly(length)


async def test_every_body_that_arrives_names_its_own_person(
    workers: Workers, slow_redis: TcpProxy, bounded: Bounded, tell: Tell
) -> None:
    """500 people at once, two gateways, replies of Redis that take a while, half of the requests given up."""
    rounds = bounded(4, 20)
    people = [f"person-{number}" for number in range(PEOPLE)]
    cookies = await cookies_of(workers, people)
    workers.house.storage.script = echo
    outcome = Outcome()
    browsers = [
        Person(name, cookie, workers, chance((SEED, name)), outcome)
        for name, cookie in zip(people, cookies, strict=True)
    ]
    before = len(tasks())
    await all_ask(browsers, rounds)
    tell("requests", PEOPLE * rounds)
    tell("given up", outcome.left)
    tell("answers that arrived", dict(outcome.statuses))
    tell("of another person", len(outcome.wrong))
    assert outcome.wrong == []
    assert outcome.left + outcome.statuses.total() == PEOPLE * rounds
    assert outcome.left > PEOPLE * rounds / 20
    assert outcome.statuses[200] > PEOPLE * rounds / 20
    for received in workers.house.storage.received:
        assert received.target.split("/")[1] == subject(received)
    assert workers.unforeseen() == []
    await all_is_as_before(workers, slow_redis, before)
    await nobody_waits_for_what_was_lost(browsers, outcome)


async def all_ask(browsers: list[Person], rounds: int) -> None:
    async def session(browser: Person) -> None:
        for number in range(rounds):
            await browser.ask(number)

    try:
        async with asyncio.TaskGroup() as together:
            for browser in browsers:
                together.create_task(session(browser))
    finally:
        for browser in browsers:
            browser.end()


def tasks() -> list["asyncio.Task[object]"]:
    """All but those of the proxy, which has some for each connection."""
    return [task for task in asyncio.all_tasks() if "TcpProxy" not in repr(task.get_coro())]


async def all_is_as_before(workers: Workers, redis: TcpProxy, before: int) -> None:
    """No more connections to Redis than the pools hold, and no task more than at the start."""
    assert redis.living <= len(workers.urls) * (CONNECTIONS + BESIDE)
    workers.house.storage.drop()
    await gone(lambda: tasks() if len(tasks()) > before else [])


async def nobody_waits_for_what_was_lost(browsers: list[Person], outcome: Outcome) -> None:
    """As many at once as there are places, and more: none of them is still taken by one who left."""
    for browser in browsers:
        browser.stays = True
    outcome.statuses.clear()
    await all_ask(browsers, 1)
    assert outcome.statuses == {200: len(browsers)}
    assert outcome.wrong == []
