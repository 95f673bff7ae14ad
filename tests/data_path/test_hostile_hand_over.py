"""A request that is handed over and one behind it, that comes at whatever moment: each has its own answer.

The stock handler is done some turns of the loop after its answer is written; what comes in between is the
hard part, and so is what comes in halves.
"""

from collections.abc import AsyncIterator

import pytest

from tests.data_path.byte_backend import ByteBackend, byte_backend
from tests.data_path.talk import LIMIT, Client, turns
from tests.system.data_path import DataPath, backend, data_path, head
from tests.system.test_websockets import KEY

POST = ("Content-Length: 6",)
CHUNKED = ("Transfer-Encoding: chunked",)
SHAKE = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13")
HANDED = {
    "nowhere": (404, head("/nothing")),
    "nowhere, with a body": (404, head("/nothing", *POST, method="POST") + b"nobody"),
    "nowhere, in chunks": (404, head("/nothing", *CHUNKED, method="POST") + b"2\r\nno\r\n0\r\n\r\n"),
    "nobody": (401, head("/storage/x", *POST, method="POST", person=None) + b"nobody"),
    "nobody, who had to be looked up": (
        401,
        head("/storage/x", *POST, method="POST", person="zoe") + b"nobody",
    ),
    "asks first": (404, head("/nothing", *POST, "Expect: 100-continue", method="POST") + b"nobody"),
    "an option": (200, head("/storage/x", "Connection: x-option")),
    "a handshake of nobody's": (401, head("/storage/x", *SHAKE, f"Sec-WebSocket-Key: {KEY}", person=None)),
    "a handshake without a key": (400, head("/storage/x", *SHAKE)),
}
NEXT = {
    "plain": head("/storage/next"),
    "with a body": head("/storage/next", *POST, method="POST") + b"wanted",
    "in chunks": head("/storage/next", *CHUNKED, method="POST") + b"6\r\nwanted\r\n0\r\n\r\n",
    "another option": head("/storage/next", "Connection: x-option"),
}
LATER = (*range(10), 13, 20)  # turns of the loop


@pytest.fixture(scope="module")
async def service() -> AsyncIterator[ByteBackend]:
    async with byte_backend() as started:
        yield started


@pytest.fixture(scope="module")
async def path(service: ByteBackend) -> AsyncIterator[DataPath]:
    async with data_path(backend(service.url), way="fast") as opened:
        opened.sign_in("ada")
        yield opened


@pytest.mark.parametrize("behind", NEXT)
@pytest.mark.parametrize("handed", HANDED)
async def test_what_comes_behind_what_was_handed_over(
    path: DataPath, service: ByteBackend, handed: str, behind: str
) -> None:
    status, first = HANDED[handed]
    for later in LATER:
        for cut in (0, 5, len(NEXT[behind]) - 3):
            service.clear()
            client = await Client.connect(path.port)
            client.say(first)
            await turns(later)
            for piece in (NEXT[behind][:cut], NEXT[behind][cut:]):
                client.say(piece)
                await turns(2)
            await client.answered(["GET"] * 2, 2, LIMIT)
            client.say(NEXT["plain"])
            await client.answered(["GET"] * 3, 3, LIMIT)
            heard = client.heard(["GET"] * 3)
            client.transport.abort()
            said = [one.status for one in heard.answers if one.status >= 200]
            assert said == [status, 200, 200], (later, cut)
            mine = [one for one in service.received if b"/next" in one.first]
            body = b"wanted" if behind in {"with a body", "in chunks"} else b""
            assert [one.body for one in mine] == [body, b""], (later, cut)
            assert not service.faults
