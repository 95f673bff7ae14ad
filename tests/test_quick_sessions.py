"""Sessions as the data path asks for them."""

import asyncio

from gateway.errors import GatewayError
from gateway.known import Known
from gateway.quick_sessions import QuickSessions
from tests.sessions_parts import Parts


def asked(quick: QuickSessions, cookie: str) -> "asyncio.Future[Known | GatewayError | None]":
    future: asyncio.Future[Known | GatewayError | None] = asyncio.get_running_loop().create_future()
    quick.ask(cookie, future.set_result)
    assert not future.done(), "never from within"
    return future


async def test_an_ask_finds_who_it_is(parts: Parts) -> None:
    live = await parts.book()
    assert live.id is not None
    quick = parts.quick()
    found = await asked(quick, live.id)
    assert isinstance(found, Known)
    assert found.live == live
    assert (found.caller.person, found.caller.session) == ("ada", live.key)
    assert await asked(quick, "x") is None
