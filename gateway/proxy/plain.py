"""The reference data path: aiohttp's server, bodies relayed as bytes with back-pressure both ways."""

import asyncio
import time

from aiohttp import web
from multidict import CIMultiDict

from gateway.errors import GatewayError
from gateway.expectation import say_continue
from gateway.proxy.answer import Answer, answer
from gateway.proxy.answer_bytes import AnswerBytes
from gateway.proxy.body import Upload
from gateway.proxy.decide import request_head
from gateway.proxy.delivery import Delivery
from gateway.proxy.reply import Reply
from gateway.proxy.websocket import relay_websocket
from gateway.proxy.whole import whole_answer
from gateway.proxy.wiring import (
    Cutting,
    Handler,
    Headers,
    Passed,
    Wiring,
    admit_request,
    begin_relaying,
    identity_of,
)
from gateway.request_context import CLIENT, RELAYED, REQUEST_ID
from gateway.routes import Address


def proxy_handler(wiring: Wiring) -> Handler:
    heads = AnswerBytes(secure=wiring.site.scheme == "https", clock=time.time)

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            passed = await admit_request(wiring, request)
            identity = identity_of(wiring, request, passed)
            if passed.forward.matched.is_websocket:
                return await relay_websocket(wiring, request, passed, identity)
            return await _forward(wiring, request, passed, identity, heads)
        except GatewayError as refusal:
            if request.headers.get("Expect") and not request.content.is_eof():
                refusal.close = True  # RFC 9110 section 10.1.1: the body may come or not, nobody knows
            raise

    return handle


async def _forward(
    wiring: Wiring, request: web.Request, passed: Passed, identity: Headers, heads: AnswerBytes
) -> web.StreamResponse:
    matched = passed.forward.matched
    head, backend = matched.head, matched.backend
    upload = await _upload(request, passed)
    relayed = request[RELAYED] = begin_relaying(wiring, head)

    def asked(address: Address) -> bytes:
        return request_head(
            passed.forward,
            wiring.site,
            address,
            client=request.get(CLIENT),
            request_id=request[REQUEST_ID],
            trace=relayed.trace,
            identity=identity,
        )

    # From here on: it may end while the request waits for a place, and is forwarded in its name no more.
    cutting, live = Cutting(request), passed.live
    if live is not None:
        wiring.streams.enter(cutting, live)
    reply = wiring.upstreams[backend.name].ask(
        asked, method=head.method, has_body=head.has_body, chunked=head.chunked
    )
    try:
        if upload is not None:
            upload.begin(reply.call, reply)
        found = await reply.head()
        relayed.first_byte = time.perf_counter()
        made = answer(passed.forward, wiring.site, found)
        return await _relay(wiring, request, passed, reply, made, heads)
    finally:
        wiring.streams.leave(cutting)
        relayed.url = reply.call.index if reply.call.index >= 0 else None
        reply.close()
        if upload is not None:
            await upload.stop()
            relayed.bytes_in = upload.sent


async def _upload(request: web.Request, passed: Passed) -> Upload | None:
    head, backend = passed.forward.matched.head, passed.forward.matched.backend
    if not head.has_body:
        return None
    if head.expects_continue:
        await say_continue(request)
    return Upload(request.content, limit=backend.max_body, spend=passed.spend)


async def _relay(
    wiring: Wiring, request: web.Request, passed: Passed, reply: Reply, made: Answer, heads: AnswerBytes
) -> web.StreamResponse:
    body = reply.whole
    if body is not None:  # nearly always: the backend said it in one breath
        embed = passed.forward.matched.route.embed
        whole = whole_answer(request, made, body, heads, embed=embed, keep=wiring.streams.keeps)
        if whole is not None:
            passed.spend(len(body))
            request[RELAYED].bytes_out = len(body)
            return whole
    relayed = web.StreamResponse(status=made.status, headers=CIMultiDict(made.headers))
    if made.length is not None:
        relayed.content_length = made.length
    if request.transport is None:
        return relayed
    delivery = Delivery(request.transport)
    try:
        await _stream(wiring, request, passed, reply, made, relayed, delivery)
    except ConnectionResetError:
        pass  # the reader has left
    except (GatewayError, TimeoutError):
        # the head is out: only a broken connection tells the reader that this is not all of it
        Cutting(request).cut()
    finally:
        delivery.stop()
    return relayed


async def _stream(
    wiring: Wiring,
    request: web.Request,
    passed: Passed,
    reply: Reply,
    made: Answer,
    relayed: web.StreamResponse,
    delivery: Delivery,
) -> None:
    await relayed.prepare(request)
    if made.is_event_stream and made.length is None:
        reply.call.leave_bulkhead()  # it may stay for hours; the bulkhead is for backends that hang
        await _copy_events(wiring, request, reply, relayed, passed, delivery)
    else:
        await _copy(request, reply, relayed, passed, delivery)
    # aiohttp lets small answers pile up for a client that asks on and does not read
    delivery.waits(0)
    await request.writer.drain()


async def _copy_events(
    wiring: Wiring,
    request: web.Request,
    reply: Reply,
    relayed: web.StreamResponse,
    passed: Passed,
    delivery: Delivery,
) -> None:
    """When the gateway stops the stream ends as if it were over: its reader connects again (HTML, 9.2.3)."""
    ending = asyncio.timeout(None)
    try:
        async with ending:
            with wiring.streams.endless(lambda: ending.reschedule(0)):
                await _copy(request, reply, relayed, passed, delivery)
    except TimeoutError:
        if not ending.expired():
            raise
        relayed.force_close()
        await relayed.write_eof()


async def _copy(
    request: web.Request, reply: Reply, relayed: web.StreamResponse, passed: Passed, delivery: Delivery
) -> None:
    """The backend's silence is timed by its call, here the reader's."""
    while data := await reply.read():
        passed.spend(len(data))
        request[RELAYED].bytes_out += len(data)
        delivery.waits(len(data))
        await relayed.write(data)
        delivery.goes_on()
    await relayed.write_eof()
