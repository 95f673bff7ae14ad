"""What guests do at a browser, as steps, and what storage was told of it."""

import asyncio
import json
from base64 import urlsafe_b64decode

from tests.system.house import TRUSTED, House, subject
from tests.system.reader import Flow, Got, Reader
from tests.system.recording_backend import OK, Connection, Received, saying

ITEM = "/storage/v1/items/a"
GRANT = "urn:bookgate:guest"
MERGE = "/v1/internal/merge"
BUSY = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"


async def begin(reader: Reader, flow: Flow, *, cookies: bool = True, **more: str) -> Got:
    """A guest begins; the answer of the confirm. cookies=False: this browser keeps none."""
    got = await token(reader, flow, delivery="cookie", **more)
    assert got.status == 200, got.text
    if not cookies:
        reader.partitions.clear()
    return await reader.post(flow, "/auth/confirm", {"ticket": str(got.json["ticket"])})


async def token(reader: Reader, flow: Flow, **more: str) -> Got:
    return await reader.post(flow, "/auth/token", {"grant_type": GRANT, "client_id": flow.origin, **more})


async def question(reader: Reader, flow: Flow, **more: str) -> Got:
    """Authorize as a guest's book does, up to the page with the question."""
    got = await reader.ask(flow, guest="1", **more)
    return await reader.through_provider(got) if got.status == 303 else got


async def code(reader: Reader, flow: Flow, decision: str) -> str:
    return (await reader.answer(await question(reader, flow), decision)).message["code"]


async def exchange(reader: Reader, flow: Flow, decision: str, **more: str) -> str:
    """Up to the ticket."""
    fields = flow.exchange(await code(reader, flow, decision), delivery="cookie", **more)
    got = await reader.post(flow, "/auth/token", fields)
    assert got.status == 200, got.text
    return str(got.json["ticket"])


async def confirm(reader: Reader, flow: Flow, ticket: str) -> Got:
    return await reader.post(flow, "/auth/confirm", {"ticket": ticket})


async def sign_in(reader: Reader, flow: Flow, decision: str, **more: str) -> Got:
    return await confirm(reader, flow, await exchange(reader, flow, decision, **more))


async def save(house: House, reader: Reader, origin: str = TRUSTED) -> str:
    """Whose the work is, in storage's terms."""
    got = await reader.fetch(origin, "PUT", ITEM, b"{}", Content_Type="application/json")
    assert got.status == 200, got.text
    return subject(house.storage.last)


def claims(received: Received) -> dict[str, object]:
    (line,) = received.values("X-Bookgate-Assertion")
    head, payload = (json.loads(urlsafe_b64decode(part + "==")) for part in line.split(".")[:2])
    return {"typ": head["typ"], **payload}


def merges(house: House) -> list[dict[str, object]]:
    return [claims(received) for received in house.storage.received if received.target == MERGE]


async def told(house: House) -> dict[str, object]:
    """The first merge that storage is told of from now on."""
    heard = asyncio.Event()

    async def listen(connection: Connection) -> None:
        await saying(OK)(connection)
        if connection.received.target == MERGE:
            heard.set()

    house.storage.script = listen
    async with asyncio.timeout(20):
        await heard.wait()
    return merges(house)[0]
