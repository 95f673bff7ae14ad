"""WebSockets: the handshake is checked and made with the backend first, then messages are relayed."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from aiohttp import ClientWebSocketResponse, WSCloseCode, WSMessage, WSMsgType, web

from gateway.access import SUBPROTOCOL
from gateway.proxy.decide import target
from gateway.proxy.passage import Passage
from gateway.proxy.sockets import CLOSING, HEARTBEAT, MESSAGE
from gateway.proxy.upstream_websocket import place, websocket
from gateway.proxy.wiring import Wiring
from gateway.request_context import Relayed

SESSION_ENDED = 4401  # close code for private use (RFC 6455 section 7.4.2), after HTTP's 401
RESTART = WSCloseCode.SERVICE_RESTART  # 1012 of IANA's registry: come again, another worker is there
# RFC 6455 section 7.4.1: never on the wire; 0 is what aiohttp says where there was none
_UNSENDABLE = frozenset({0, 1004, 1005, 1006, 1015})

Socket = web.WebSocketResponse | ClientWebSocketResponse


def is_ours(protocol: str) -> bool:
    return protocol == SUBPROTOCOL or protocol.startswith(f"{SUBPROTOCOL}.")


def their_protocols(asked: tuple[str, ...]) -> tuple[str, ...]:
    """What the backend is offered."""
    return tuple(protocol for protocol in asked if not is_ours(protocol))


def chosen_protocol(asked: tuple[str, ...], picked: str | None) -> str | None:
    """What the client is answered. picked: by the backend."""
    return picked or (SUBPROTOCOL if SUBPROTOCOL in asked else None)


async def relay_websocket(wiring: Wiring, passage: Passage) -> web.StreamResponse:
    matched, relayed = passage.forward.matched, passage.relayed
    upstream = wiring.upstreams[matched.backend.name]
    offered = matched.head.subprotocols
    theirs = their_protocols(offered)
    ending = _Ending()
    # The session first: it may end while the backend takes its time.
    ended = partial(ending.come, SESSION_ENDED, b"the session has ended")
    with wiring.streams.open(passage.live, matched, ended):
        async with (
            place(upstream) as seat,
            websocket(upstream, target(matched), passage.headers(), theirs) as backend,
        ):
            relayed.first_byte = time.perf_counter()
            seat.leave()  # open, it is no request that hangs
            chosen = chosen_protocol(offered, backend.protocol)
            client = web.WebSocketResponse(
                protocols=() if chosen is None else (chosen,),
                heartbeat=HEARTBEAT,
                max_msg_size=MESSAGE,
                compress=False,
                timeout=CLOSING,
            )
            await client.prepare(passage.request)
            with wiring.streams.endless(lambda: ending.come(RESTART, b"the gateway restarts")):
                await _relay(client, backend, ending, passage.spend, relayed)
            return client


class _Ending:
    """What the gateway itself ends a socket with: the first word counts."""

    def __init__(self) -> None:
        self._come = asyncio.Event()
        self.code = 0
        self.message = b""

    def come(self, code: int, message: bytes) -> None:
        if not self._come.is_set():
            self.code, self.message = code, message
            self._come.set()

    def is_here(self) -> bool:
        return self._come.is_set()

    async def wait(self) -> None:
        await self._come.wait()


async def _relay(
    client: Socket, backend: Socket, ending: _Ending, spend: Callable[[int], None], relayed: Relayed
) -> None:
    """Both ways until one side ends, or the session does, or the gateway stops."""

    def up(size: int) -> None:
        relayed.bytes_in += size
        spend(size)

    def down(size: int) -> None:
        relayed.bytes_out += size
        spend(size)

    tasks = [
        asyncio.create_task(_pump(client, backend, up)),
        asyncio.create_task(_pump(backend, client, down)),
        asyncio.create_task(ending.wait()),
    ]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if not ending.is_here():  # also when the client's connection is gone and this task cancelled with it
            await backend.close(code=_close_code(client.close_code))
    if ending.is_here():
        await asyncio.gather(
            client.close(code=ending.code, message=ending.message),
            backend.close(code=WSCloseCode.GOING_AWAY),
        )


async def _pump(source: Socket, sink: Socket, spend: Callable[[int], None]) -> None:
    """Messages one way; the next is read when the last one was written."""
    with suppress(ConnectionError):  # the sink is gone: whoever reads from it tells the source
        while await _pass_on(message := await source.receive(), sink):
            spend(len(message.data))
        await sink.close(code=_close_code(source.close_code))


async def _pass_on(message: WSMessage, sink: Socket) -> bool:
    if message.type is WSMsgType.TEXT:
        await sink.send_str(message.data)
    elif message.type is WSMsgType.BINARY:
        await sink.send_bytes(message.data)
    else:
        return False
    return True


def _close_code(code: int | None) -> int:
    if code is None or code in _UNSENDABLE:
        return WSCloseCode.GOING_AWAY
    return code
