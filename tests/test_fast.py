"""What the fast path takes, what it leaves to aiohttp, and what it does while Redis is asked."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import msgspec
import pytest

from gateway.cors import Standing, Verdict
from gateway.errors import StoreUnavailableError
from gateway.known import Known, caller_of
from gateway.origins import Policy
from gateway.proxy.asking import HELD, Done
from gateway.proxy.client import Work
from gateway.proxy.fast import Aside, Fast
from gateway.routes import SignInNeed
from tests.policies import POLICY
from tests.system.data_path import (
    BOOK,
    NOW,
    TRUSTED,
    TWO_BOOKS,
    DataPath,
    backend,
    data_path,
    head,
    live,
    route,
)
from tests.system.raw_client import RawClient
from tests.system.recording_backend import Connection, RecordingBackend, recording_backend
from tests.workers.gateway_process import until


@pytest.fixture
async def recorder() -> AsyncIterator[RecordingBackend]:
    async with recording_backend() as started:
        yield started


@pytest.fixture
async def path(recorder: RecordingBackend) -> AsyncIterator[DataPath]:
    everything = route("/", SignInNeed.NONE, strip=False)
    routes = (route("/storage/"), route("/maybe/", SignInNeed.OPTIONAL), everything)
    async with data_path(backend(recorder.url), routes=routes, way="fast") as started:
        started.sign_in("ada")
        yield started


@pytest.fixture
async def client(path: DataPath) -> AsyncIterator[RawClient]:
    found = await RawClient.connect(path.port)
    yield found
    found.close()


def fast_of(path: DataPath) -> Fast:
    return path.fronts.fast


class Nobody:
    """A client that nothing is to be written to."""

    peer: str | None = "127.0.0.1"
    full = False
    closing = False
    undelivered = 0

    def write(self, data: bytes) -> None:
        raise AssertionError(data)

    def write_whole(self, answer: bytes) -> None:
        raise AssertionError(answer)

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def abort(self) -> None: ...
    def reset(self) -> None: ...
    def done(
        self, *, keep: bool, left: int | None, hears_end: Callable[[bytes], bool] | None = None
    ) -> None: ...
    def go_on(self, work: Work, held: bytes) -> None: ...
    def hand_over(self, data: bytes, length: int | None) -> None: ...


ASIDE = [
    pytest.param(head("/auth/account"), Aside(0), id="a page"),
    pytest.param(head("/auth/token", "Content-Length: 3", method="POST"), Aside(3), id="an endpoint"),
    pytest.param(head("/.well-known/bookgate"), Aside(0), id="a document"),
    pytest.param(head("/%61uth/account"), Aside(None), id="a page in disguise"),
    pytest.param(head("/storage/a", method="OPTIONS"), Aside(0), id="a preflight, perhaps"),
    pytest.param(head("/storage/a", "Upgrade: h2c", "Connection: upgrade"), Aside(0), id="another upgrade"),
    pytest.param(head("/storage/a", origin="https://evil.example.net"), Aside(0), id="a refusal"),
    pytest.param(head("/auth/token", "Transfer-Encoding: chunked", method="POST"), Aside(None), id="chunks"),
    pytest.param(head("/storage/a", "X_Odd: 1"), Aside(None), id="not canonical"),
    pytest.param(head("/storage/a", host="GW.TEST"), Aside(None), id="a Host that is nearly ours"),
    pytest.param(head("/storage/a").replace(b"1.1", b"1.0", 1), Aside(None), id="HTTP/1.0"),
]


@pytest.mark.parametrize(("said", "aside"), ASIDE)
async def test_what_is_not_plainly_to_be_forwarded_is_left_to_aiohttp(
    path: DataPath, recorder: RecordingBackend, said: bytes, aside: Aside
) -> None:
    assert fast_of(path).begin(Nobody(), said) == aside
    assert recorder.received == []


SHAKE = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol: bookgate, bookgate.ticket.ben",
)


async def test_a_ticket_counts_and_not_the_cookie_beside_it(path: DataPath) -> None:
    assert fast_of(path).begin(Nobody(), head("/storage/live", *SHAKE)) == Aside(0)
    assert path.sessions.asked == 0


@pytest.mark.parametrize(
    ("line", "status", "person"),
    [
        pytest.param("Authorization: DPoP ben", 200, "ben", id="a token"),
        pytest.param("Authorization: Bearer ben", 401, None, id="of another scheme"),
    ],
)
async def test_a_token_counts_and_not_the_cookie_beside_it(
    path: DataPath, recorder: RecordingBackend, line: str, status: int, person: str | None
) -> None:
    path.sign_in("ben")
    assert (await path.ask("/storage/a", line)).status == status
    assert len(recorder.received) == (person is not None)
    recorder.assert_identity(person)


async def test_a_proof_that_may_be_used_once_is_asked_about_by_one_path_only(path: DataPath) -> None:
    said = head("/storage/a", "Authorization: DPoP ada", "DPoP: x", method="POST", person=None)
    assert fast_of(path).begin(Nobody(), said) == Aside(0)
    assert path.sessions.asked == 0


async def test_what_nobody_foresaw_is_for_the_plain_path_to_tell(
    path: DataPath, client: RawClient, monkeypatch: pytest.MonkeyPatch, recorder: RecordingBackend
) -> None:
    monkeypatch.setattr(path.streams, "enter", lambda *_: 1 / 0)
    await client.send(head("/storage/a"))
    assert (await client.answer()).status == 500
    assert recorder.received == []


# --- whom a session serves


def known(person: str = "ada", origin: str = BOOK) -> Known:
    found = live(person, origin)
    return Known(found, caller_of(found), "hash")


def ended(found: Known) -> Known:
    """The same, whose time is over since it was let in."""
    record = msgspec.structs.replace(found.live.record, ends=NOW)
    known = Known(replace(found.live, record=record), found.caller, "hash")
    known.admitted = TRUSTED
    return known


def verdict(origin: str, policy: Policy | None) -> Verdict:
    return Verdict(Standing.GRANTED, origin, policy)


async def test_a_session_serves_its_origin_by_the_policy_of_now(path: DataPath) -> None:
    fast, ada = fast_of(path), known()
    assert fast.serves(ada, verdict(BOOK, TRUSTED))
    assert fast.serves(ada, verdict(BOOK, TRUSTED))
    assert not fast.serves(ada, verdict(TWO_BOOKS, TRUSTED)), "one policy is many origins'"
    assert not fast.serves(ada, verdict(BOOK, replace(TRUSTED, credentials=False)))
    assert not fast.serves(ada, verdict(BOOK, replace(TRUSTED, since=NOW + 1)))
    assert not fast.serves(ada, Verdict(Standing.NONE))
    assert not fast.serves(known(origin=TWO_BOOKS), verdict(BOOK, POLICY))


async def test_a_session_ends_though_it_was_let_in_before(path: DataPath) -> None:
    fast, ada = fast_of(path), known()
    assert fast.serves(ada, verdict(BOOK, TRUSTED))
    assert not fast.serves(ended(ada), verdict(BOOK, TRUSTED))


@pytest.mark.parametrize("where", ["at hand", "in Redis"])
async def test_a_session_ends_though_its_like_was_planned(
    path: DataPath,
    client: RawClient,
    recorder: RecordingBackend,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    for _ in range(2):
        await client.send(head("/storage/a"))
        assert (await client.answer()).status == 200
    over, asked = ended(known()), Asked(path, monkeypatch)
    if where == "at hand":
        monkeypatch.setattr(path.sessions, "kept", lambda _: over)
    await client.send(head("/storage/a"))
    if where == "in Redis":
        (await asked.question())(over)
    path.sessions.living.clear()  # the plain path, which refuses, asks for itself
    assert (await client.answer()).status == 401
    assert len(recorder.received) == 2


# --- while Redis is asked


class Asked:
    """Sessions that answer when they are told to."""

    def __init__(self, path: DataPath, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[Done] = []
        monkeypatch.setattr(path.sessions, "kept", lambda _: None)
        monkeypatch.setattr(path.sessions, "ask", lambda _, done: self.done.append(done))

    async def question(self) -> Done:
        await until(lambda: self.done, 10)
        return self.done.pop()


async def test_what_comes_meanwhile_goes_along(
    path: DataPath, client: RawClient, recorder: RecordingBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(path, monkeypatch)
    await client.send(head("/storage/a", "Content-Length: 4", method="POST") + b"ab")
    done = await asked.question()
    await client.send(b"cd" + head("/storage/b"))
    done(known())
    assert (await client.answer()).status == 200
    (await asked.question())(known())
    assert (await client.answer()).status == 200
    assert [one.body for one in recorder.received] == [b"abcd", b""]


async def test_more_is_not_read_than_may_be_held(
    path: DataPath, client: RawClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(path, monkeypatch)
    await client.send(head("/storage/a", "Content-Length: 90000", method="POST") + b"a" * 80_000)
    done = await asked.question()
    await until(lambda: path.front.paused, 10)
    assert HELD < 80_000
    done(known())
    await until(lambda: not path.front.paused, 10)
    await client.send(b"a" * 10_000)
    assert (await client.answer()).status == 200


async def test_nothing_is_forwarded_for_who_left_meanwhile(
    path: DataPath, client: RawClient, recorder: RecordingBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(path, monkeypatch)
    await client.send(head("/storage/a"))
    done = await asked.question()
    client.reset()
    await until(lambda: not path.fronts.open, 10)
    done(known())
    assert (await path.ask("/public", person=None)).status == 200
    assert [one.target for one in recorder.received] == ["/public"]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(None, id="nobody's"),
        pytest.param(known(origin=TWO_BOOKS), id="another origin's"),
        pytest.param(ended(known()), id="one that has ended"),
        pytest.param(StoreUnavailableError("away"), id="Redis does not say"),
    ],
)
async def test_what_is_no_session_is_refused_by_the_plain_path(
    path: DataPath,
    client: RawClient,
    recorder: RecordingBackend,
    monkeypatch: pytest.MonkeyPatch,
    answer: Known | StoreUnavailableError | None,
) -> None:
    asked = Asked(path, monkeypatch)
    path.sessions.living.clear()
    await client.send(head("/storage/a"))
    (await asked.question())(answer)
    assert (await client.answer()).status == 401
    assert recorder.received == []


async def test_who_cannot_be_told_apart_is_not_served_as_nobody(
    path: DataPath, client: RawClient, recorder: RecordingBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a session may be missing, Redis must have said that it is."""
    asked = Asked(path, monkeypatch)
    await client.send(head("/maybe/a"))
    (await asked.question())(StoreUnavailableError("away"))
    assert (await client.answer()).status == 200  # the plain path could read it: as ada
    recorder.assert_identity("ada")


# --- exchanges


async def test_who_is_answered_before_all_was_sent_is_told_to_go(
    path: DataPath, client: RawClient, recorder: RecordingBackend
) -> None:
    async def early(connection: Connection) -> None:
        await connection.say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno")

    recorder.script = early
    await client.send(head("/storage/a", "Content-Length: 100", method="POST") + b"ab")
    answer = await client.answer()
    assert (answer.status, answer.body, answer.values("Connection")) == (200, b"no", ["close"])
    await client.send(b"a" * 98)
    assert await client.at_end()


async def test_who_does_not_read_is_not_read_for(
    path: DataPath, client: RawClient, recorder: RecordingBackend
) -> None:
    sent = 0

    async def much(connection: Connection) -> None:
        nonlocal sent
        await connection.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        for _ in range(1000):
            await connection.say(b"a" * 100_000)
            sent += 100_000

    recorder.script = much
    client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # of asyncio's Transport
    await client.send(head("/storage/a"))
    await until(lambda: path.front.full, 10)
    before = -1
    while before != sent:
        before = sent
        await asyncio.sleep(0.3)
    assert sent < 20_000_000
    assert path.front.undelivered < 8_000_000
    client.reset()
    await asyncio.wait_for(recorder.left.wait(), 10)
