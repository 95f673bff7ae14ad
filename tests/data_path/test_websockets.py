"""The same WebSocket by both data paths: the handshake at both ends, the messages, and how it ends.

What may differ is said in `docs/data-path-tests.md`.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from tests.data_path.both_ways import QUIET, WAYS
from tests.data_path.referee import Message, read_head
from tests.data_path.sameness import Seen, comparable
from tests.data_path.socket_ends import (
    BINARY,
    CLOSE,
    GOES_ON,
    PING,
    PONG,
    TEXT,
    End,
    Heard,
    frame,
    goodbye,
)
from tests.data_path.talk import Heard as HeardHead
from tests.system.data_path import DataPath, backend, data_path, head
from tests.system.echo_socket import handshake
from tests.system.recording_backend import Connection, RecordingBackend, recording_backend
from tests.workers.gateway_process import until

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
OFFER = (
    "Connection: keep-alive, Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    f"Sec-WebSocket-Key: {KEY}",
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
    "User-Agent: Mozilla/5.0",
    "Accept-Language: de",
    "Pragma: no-cache",
    "X-Forwarded-User: mallory",
)
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455 section 1.3
KEYS = re.compile(rb"^(Sec-WebSocket-Key): \S+$")


@dataclass(frozen=True)
class Sides:
    """A socket that is open through one gateway."""

    path: DataPath
    client: End
    backend: End

    def end(self, who: str) -> End:
        return self.client if who == "client" else self.backend

    def end_session(self) -> None:
        self.path.streams.cut(self.path.sessions.living["ada"].ended_by)

    def stop_gateway(self) -> None:
        self.path.streams.end_all()


Scene = Callable[[Sides], Awaitable[None]]


@dataclass(frozen=True)
class Outcome:
    """What both ends of a socket saw. of: an end; told: the other one, of whatever that did."""

    handshake: Seen
    client: Heard
    backend: Heard

    def of(self, who: str) -> Heard:
        return self.client if who == "client" else self.backend

    def told(self, who: str) -> Heard:
        return self.backend if who == "client" else self.client


@dataclass(frozen=True)
class Meeting:
    """early: what the client says with its request; at_once: the backend with its 101."""

    scene: Scene
    offer: tuple[str, ...] = ()
    picks: str | None = None
    early: bytes = b""
    at_once: bytes = b""
    target: str = "/storage/live?a=1"


async def same(meeting: Meeting | Scene, promised: Callable[[Outcome], object]) -> Outcome:
    """What became of it by the fast way; an AssertionError where the ways differ in what they promise."""
    whole = meeting if isinstance(meeting, Meeting) else Meeting(meeting)
    for quiet in QUIET:
        plain, fast = await asyncio.gather(*(_one(way, whole, quiet) for way in WAYS))
        if promised(plain) == promised(fast):
            return fast
    assert promised(plain) == promised(fast)
    raise AssertionError("unreachable")


async def _one(way: str, meeting: Meeting, quiet: float) -> Outcome:
    async with recording_backend() as recorder, data_path(backend(recorder.url), way=way) as path:
        path.sign_in("ada")
        async with _opened(path, recorder, meeting) as (sides, answer):
            await meeting.scene(sides)
            ends = sides.client, sides.backend
            while await _news(ends, quiet):
                pass
            return Outcome(_comparable(answer, recorder), sides.client.heard, sides.backend.heard)


async def _news(ends: tuple[End, End], quiet: float) -> bool:
    """Whether something comes within so many seconds."""
    waiting = [asyncio.create_task(end.news.wait()) for end in ends if not end.ended]
    if not waiting:
        return False
    done, left = await asyncio.wait(waiting, timeout=quiet, return_when=asyncio.FIRST_COMPLETED)
    for end in ends:
        end.news.clear()
    for task in left:
        task.cancel()
    return bool(done)


@asynccontextmanager
async def _opened(
    path: DataPath, recorder: RecordingBackend, meeting: Meeting
) -> AsyncGenerator[tuple[Sides, Message]]:
    opened: asyncio.Future[End] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()

    async def script(connection: Connection) -> None:
        await handshake(connection, meeting.picks, meeting.at_once)
        opened.set_result(End(connection.reader, connection.writer, masked=False))
        await over.wait()
        raise ConnectionResetError

    recorder.script = script
    reader, writer = await asyncio.open_connection("127.0.0.1", path.port, limit=1 << 23)
    writer.write(head(meeting.target, *OFFER, *meeting.offer) + meeting.early)
    raw = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
    read = read_head(raw, 0, is_request=False)
    assert read is not None
    client, other = End(reader, writer, masked=True), await asyncio.wait_for(opened, 20)
    try:
        yield Sides(path, client, other), read[0]
    finally:
        over.set()
        await client.stop()
        await other.stop()


def _comparable(answer: Message, recorder: RecordingBackend) -> Seen:
    """Both handshakes. The key that the backend is sent may be the client's or the gateway's own."""
    read = read_head(recorder.received[0].head, 0, is_request=True)
    assert read is not None
    asked = replace(read[0], fields=tuple(KEYS.sub(rb"\1: some", line) for line in read[0].fields))
    return comparable(Seen(HeardHead((answer,), closed=False), (asked,), ()), recorder.port)


Say = tuple[int, bytes] | tuple[int, bytes, bool]  # opcode, payload; False: there is more of the message


def says(who: str, *said: Say) -> Scene:
    async def scene(sides: Sides) -> None:
        for opcode, data, *final in said:
            await sides.end(who).say_frame(opcode, data, final=not final)

    return scene


def says_bytes(who: str, data: bytes, *cuts: int) -> Scene:
    async def scene(sides: Sides) -> None:
        await sides.end(who).say(data, cuts)

    return scene


BOTH_ENDS = pytest.mark.parametrize("who", ["client", "backend"])


# --- the handshake


@pytest.mark.parametrize(
    ("offered", "picks"),
    [
        pytest.param((), None, id="none"),
        pytest.param(("bookgate",), None, id="ours"),
        pytest.param(("v2.page", "v1.page", "bookgate"), None, id="the backend picks none"),
        pytest.param(("v2.page", "v1.page", "bookgate"), "v1.page", id="the backend picks"),
        pytest.param(("bookgate", "bookgate.book.books.example.edu", "v2.page"), "v2.page", id="a book"),
    ],
)
async def test_the_handshake_at_both_ends(offered: tuple[str, ...], picks: str | None) -> None:
    offer = (f"Sec-WebSocket-Protocol: {', '.join(offered)}",) if offered else ()
    seen = await same(Meeting(says("client"), offer, picks), lambda outcome: outcome.handshake)
    (asked,), (answer,) = seen.handshake.received, seen.handshake.heard.answers
    assert answer.values(b"sec-websocket-accept") == [ACCEPT]
    for message in (asked, answer):
        assert not message.values(b"sec-websocket-extensions")
    assert b"mallory" not in b"".join(asked.fields)


async def test_what_is_said_with_the_answer_arrives() -> None:
    meeting = Meeting(says("backend", (TEXT, b"then")), at_once=frame(TEXT, b"at once", masked=False))
    seen = await same(meeting, lambda outcome: (outcome.client, outcome.backend))
    assert seen.client.messages == ((TEXT, b"at once"), (TEXT, b"then"))


@pytest.mark.parametrize("target", ["/storage/live", "/public/live"])
async def test_what_is_said_before_the_answer_arrives(target: str) -> None:
    early = frame(TEXT, b"early", masked=True)
    meeting = Meeting(says("client", (TEXT, b"then")), early=early, target=target)
    seen = await same(meeting, lambda outcome: (outcome.client, outcome.backend))
    assert seen.backend.messages == ((TEXT, b"early"), (TEXT, b"then"))


# --- messages

MESSAGES: Mapping[str, tuple[Say, ...]] = {
    "text": ((TEXT, "wörk".encode()), (TEXT, b"")),
    "bytes": ((BINARY, b"\x00\xff"), (BINARY, b""), (TEXT, b"x")),
    "every form of a length": tuple((BINARY, b"x" * size) for size in (1, 125, 126, 65_535, 65_536)),
    "far more than a buffer": ((BINARY, b"x" * 3_000_000), (TEXT, b"behind")),
    "in parts": ((TEXT, b"w", False), (GOES_ON, b"or", False), (GOES_ON, b""), (TEXT, b"behind")),
    "a ping between two parts": ((TEXT, b"w", False), (PING, b"there?"), (GOES_ON, b"ork")),
    "pings": ((PING, b""), (PING, b"x" * 125), (TEXT, b"behind")),
    "a pong that nobody asked for": ((PONG, b"here"), (TEXT, b"behind")),
}


@BOTH_ENDS
@pytest.mark.parametrize("name", MESSAGES)
async def test_messages_and_pings(who: str, name: str) -> None:
    seen = await same(says(who, *MESSAGES[name]), lambda outcome: (outcome.client, outcome.backend))
    assert seen.told(who).messages
    assert seen.of(who).pongs == tuple(data for opcode, data, *_ in MESSAGES[name] if opcode == PING)
    assert seen.client.goodbye is seen.backend.goodbye is None


@BOTH_ENDS
async def test_byte_by_byte(who: str) -> None:
    is_client = who == "client"
    first = frame(TEXT, b"w", masked=is_client, final=False) + frame(GOES_ON, b"ork", masked=is_client)
    data = first + frame(BINARY, b"x" * 130, masked=is_client)
    scene = says_bytes(who, data, *range(1, len(data)))
    seen = await same(scene, lambda outcome: (outcome.client, outcome.backend))
    assert seen.told(who).messages == ((TEXT, b"work"), (BINARY, b"x" * 130))


# --- how it ends


@BOTH_ENDS
@pytest.mark.parametrize("code", [1000, 1001, 1003, 1009, 1011, 1012, 3000, 4000, 4999])
async def test_the_code_of_a_goodbye_arrives(who: str, code: int) -> None:
    def promised(outcome: Outcome) -> object:
        told = outcome.told(who)
        return told.messages, told.fault, (told.goodbye or b"")[:2]

    seen = await same(says(who, (TEXT, b"last"), (CLOSE, goodbye(code, b"why"))), promised)
    assert promised(seen) == (((TEXT, b"last"),), "", code.to_bytes(2))


@BOTH_ENDS
async def test_the_other_end_is_told_when_one_leaves(who: str) -> None:
    async def leaves(sides: Sides) -> None:
        await says(who, (TEXT, b"last"))(sides)
        other = sides.end("backend" if who == "client" else "client")
        await until(lambda: other.heard.messages)
        sides.end(who).leave()

    seen = await same(leaves, lambda outcome: outcome.told(who))
    assert seen.told(who).goodbye == goodbye(1001)


@pytest.mark.parametrize(
    ("end", "said"),
    [
        pytest.param(Sides.end_session, goodbye(4401, b"the session has ended"), id="the session ends"),
        pytest.param(Sides.stop_gateway, goodbye(1012, b"the gateway restarts"), id="the gateway stops"),
    ],
)
async def test_the_gateway_s_own_goodbyes(end: Callable[[Sides], None], said: bytes) -> None:
    async def ends(sides: Sides) -> None:
        end(sides)

    seen = await same(ends, lambda outcome: (outcome.client, outcome.backend))
    assert (seen.client, seen.backend) == (Heard(goodbye=said), Heard(goodbye=goodbye(1001)))


# --- what is no WebSocket's


def broken(*, masked: bool) -> dict[str, tuple[bytes, int]]:
    """What an end says, and the code that it is answered."""

    def made(opcode: int, data: bytes = b"x", *, final: bool = True) -> bytes:
        return frame(opcode, data, masked=masked, final=final)

    def long(size: int) -> bytes:
        return made(BINARY, b"x" * 65_536)[:2] + size.to_bytes(8) + made(BINARY, b"x" * 65_536)[10:14]

    return {
        "an unknown opcode": (made(3), 1002),
        "an unknown control opcode": (made(11), 1002),
        "an extension that nobody agreed on": (bytes([made(TEXT)[0] | 0x40]) + made(TEXT)[1:], 1002),
        "a long ping": (made(PING, b"x" * 126), 1002),
        "half a ping": (made(PING, final=False), 1002),
        "half a code": (made(CLOSE), 1002),
        **{f"the code {code}": (made(CLOSE, goodbye(code)), 1002) for code in (0, 999, 1005, 1015, 2999)},
        "a message of 4 MiB": (made(BINARY, b"x" * (4 << 20)), 1009),
        "nothing to go on with": (made(GOES_ON), 1002),
        "a message within a message": (made(TEXT, final=False) + made(TEXT), 1002),
        "a message that is too long": (long(5 << 20), 1009),
        "a length without end": (long((1 << 64) - 1), 1009),
        "too long in parts": (
            made(BINARY, b"x" * (3 << 20), final=False) + made(GOES_ON, b"x" * (2 << 20)),
            1009,
        ),
    }


@BOTH_ENDS
@pytest.mark.parametrize("name", broken(masked=True))
async def test_what_is_no_frame_ends_it(who: str, name: str) -> None:
    data, code = broken(masked=who == "client")[name]

    def promised(outcome: Outcome) -> object:
        return outcome.of(who).goodbye, outcome.told(who).messages

    seen = await same(says_bytes(who, data), promised)
    assert promised(seen) == (goodbye(code), ())
    assert seen.told(who).goodbye is not None or name == "too long in parts"  # it has half of a frame
