"""WebSockets and event streams live with their session, in both modes: through the whole gateway."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest

from tests.system.echo_socket import echoing
from tests.system.house import ORIGINS, TRUSTED, House, subject
from tests.system.reader import Flow, Reader
from tests.system.recording_backend import Connection

PATH = "/storage/live"
FORM = "application/x-www-form-urlencoded"


async def ticket(reader: Reader, flow: Flow, token: str) -> str:
    assert flow.key is not None
    url = reader.gateway + "/auth/ws-ticket"
    proof = flow.key.proof("POST", url, int(time.time()), token)
    headers = {"Authorization": f"DPoP {token}", "DPoP": proof, "Content-Type": FORM}
    got = await reader.fetch(flow.origin, "POST", "/auth/ws-ticket", f"path={PATH}", **headers)
    assert got.status == 200, got.text
    return str(got.json["ticket"])


@asynccontextmanager
async def socket(
    house: House, reader: Reader, *protocols: str
) -> AsyncGenerator[aiohttp.ClientWebSocketResponse]:
    jar = reader.partitions.get("example.edu", {})
    headers = {"Origin": TRUSTED, "Cookie": "; ".join(f"{name}={value}" for name, value in jar.items())}
    url = house.url + PATH
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as client,
        client.ws_connect(url, headers=headers, protocols=protocols) as opened,
    ):
        yield opened


async def says_back(opened: aiohttp.ClientWebSocketResponse) -> bool:
    await opened.send_str("hello")
    return bool((await asyncio.wait_for(opened.receive(), 10)).data == "hello")


async def closed_by(opened: aiohttp.ClientWebSocketResponse) -> int | None:
    while not opened.closed:
        await asyncio.wait_for(opened.receive(), 10)
    return opened.close_code


async def sign_out(house: House, reader: Reader) -> None:
    await reader.post(Flow(TRUSTED, key=None), "/auth/logout", {})


async def leave_everywhere(house: House, reader: Reader) -> None:
    page = await reader.navigate("/auth/account", site="none")
    form = {"transaction": page.transaction, "act": "everywhere"}
    assert (await reader.navigate("/auth/account", form=form)).status == 200


async def deny_origin(house: House, reader: Reader) -> None:
    house.set_origins(ORIGINS.replace(f"      - {TRUSTED}\n", ""))


Ending = Callable[[House, Reader], Awaitable[None]]
ENDINGS = [sign_out, leave_everywhere, deny_origin]


@pytest.mark.parametrize("end", ENDINGS, ids=lambda end: end.__name__)
async def test_a_socket_in_cookie_mode_ends_with_its_session(house: House, end: Ending) -> None:
    house.storage.script = echoing()
    async with house.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        async with socket(house, ada) as opened:
            assert await says_back(opened)
            house.storage.assert_identity(subject(house.storage.last))
            try:
                await end(house, ada)
                assert await closed_by(opened) == 4401
            finally:
                house.set_origins(ORIGINS)


async def test_a_socket_in_token_mode_needs_its_ticket_once(house: House) -> None:
    house.storage.script = echoing()
    async with house.reader() as ada:
        flow = Flow(TRUSTED)
        confirmed = await ada.sign_in(flow, cookies=False)
        given = await ticket(ada, flow, str(confirmed.json["access_token"]))
        offered = ("chat", "bookgate", f"bookgate.ticket.{given}")
        async with socket(house, ada, *offered) as opened:
            assert await says_back(opened)
            assert opened.protocol == "bookgate"
            house.storage.assert_identity(subject(house.storage.last))
            assert house.storage.last.values("Sec-WebSocket-Protocol") == ["chat"]
        house.storage.clear()
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with socket(house, ada, *offered):
                pass
        assert refused.value.status == 401
        assert not house.storage.received


@pytest.mark.parametrize("end", ENDINGS, ids=lambda end: end.__name__)
async def test_an_event_stream_ends_with_its_session(house: House, end: Ending) -> None:
    async def events(connection: Connection) -> None:
        await connection.say(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        if not await connection.reader.read(1):
            raise ConnectionResetError

    house.storage.script = events
    async with house.reader() as ada, aiohttp.ClientSession() as client:
        await ada.sign_in(Flow(TRUSTED))
        cookie = "; ".join(f"{name}={value}" for name, value in ada.partitions["example.edu"].items())
        async with client.get(house.url + PATH, headers={"Origin": TRUSTED, "Cookie": cookie}) as stream:
            assert await stream.content.readany() == b"data: 1\n\n"
            try:
                await end(house, ada)
                with pytest.raises(aiohttp.ClientError):
                    await asyncio.wait_for(stream.content.read(), 10)
                await asyncio.wait_for(house.storage.left.wait(), 10)
            finally:
                house.set_origins(ORIGINS)
