"""More connections of one address than it may have: who is served, who is told, who is shut out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from gateway.server.addresses import TOLD
from tests.system.raw_client import RawClient
from tests.workers.gateway_process import GatewayProcess, gateway_process, until

MAY = 10  # the least that may be said


@pytest.fixture(params=["fast", "plain"])
async def crowded(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[GatewayProcess]:
    def edit(text: str) -> str:
        limited = text.replace("limits: {", f"limits: {{connections_per_address: {MAY}, ", 1)
        return limited + f"data_path: {request.param}\n"

    async with gateway_process(tmp_path, 1, edit=edit) as gateway:
        yield gateway


async def connect(stack: AsyncExitStack, gateway: GatewayProcess, count: int) -> list[RawClient]:
    """One after the other: each is counted before the next comes."""
    found = [await RawClient.connect(gateway.port) for _ in range(count)]
    for client in found:
        stack.callback(client.close)
    return found


def asked(gateway: GatewayProcess) -> bytes:
    return f"GET /pictures/x HTTP/1.1\r\nHost: 127.0.0.1:{gateway.port}\r\n\r\n".encode()


async def test_so_many_are_served_some_are_told_and_the_rest_is_shut_out(crowded: GatewayProcess) -> None:
    async with AsyncExitStack() as stack:
        served = await connect(stack, crowded, MAY)
        for client in served:
            await client.send(asked(crowded))
            assert (await client.answer()).status == 200
        told = await connect(stack, crowded, TOLD)
        (shut_out,) = await connect(stack, crowded, 1)
        assert await shut_out.at_end()
        for client in told:
            await client.send(asked(crowded))
            answer = await client.answer()
            assert (answer.status, answer.values("Connection")) == (429, ["close"])
            assert answer.values("Retry-After")
            assert b"too_many_requests" in answer.body
            assert await client.at_end()
        for client in served:
            await client.send(asked(crowded))
            assert (await client.answer()).status == 200


async def test_who_leaves_makes_room(crowded: GatewayProcess) -> None:
    async def is_served() -> bool:
        client = await RawClient.connect(crowded.port)
        await client.send(asked(crowded))
        answer = await client.answer()
        client.reset()
        return answer.status == 200

    async with AsyncExitStack() as stack:
        await connect(stack, crowded, MAY)
        assert not await is_served()
    async with asyncio.timeout(20):
        while True:
            if await is_served():
                return
            await asyncio.sleep(0.05)


async def test_the_connections_of_an_edge_are_not_counted(tmp_path: Path) -> None:
    def edit(text: str) -> str:
        limited = text.replace("limits: {", f"limits: {{connections_per_address: {MAY}, ", 1)
        return limited + "trusted_proxies: [127.0.0.0/8]\n"

    async with gateway_process(tmp_path, 1, edit=edit) as gateway, AsyncExitStack() as stack:
        for client in await connect(stack, gateway, 2 * MAY + TOLD):
            await client.send(asked(gateway))
            assert (await client.answer()).status == 200
        await until(lambda: len(gateway.lines("request")) == 2 * MAY + TOLD)
