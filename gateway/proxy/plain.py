"""The reference data path: aiohttp on both sides, bodies relayed as bytes with back-pressure both ways."""

import asyncio

import aiohttp
from aiohttp import ClientResponse, web
from multidict import CIMultiDict

from gateway.errors import GatewayError
from gateway.expectation import say_continue
from gateway.proxy.answer import Answer, answer
from gateway.proxy.body import FirstByte, Upload
from gateway.proxy.decide import target
from gateway.proxy.upstream import Place
from gateway.proxy.websocket import relay_websocket
from gateway.proxy.wiring import Handler, Headers, Passed, Wiring, admit_request, backend_headers, cutting


def proxy_handler(wiring: Wiring) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            passed = await admit_request(wiring, request)
            headers = backend_headers(wiring, request, passed)
            if passed.forward.matched.is_websocket:
                return await relay_websocket(wiring, request, passed, headers)
            return await _forward(wiring, request, passed, headers)
        except GatewayError as refusal:
            if request.headers.get("Expect") and not request.content.is_eof():
                refusal.close = True  # RFC 9110 section 10.1.1: the body may come or not, nobody knows
            raise

    return handle


async def _forward(
    wiring: Wiring, request: web.Request, passed: Passed, headers: Headers
) -> web.StreamResponse:
    matched = passed.forward.matched
    upstream = wiring.upstreams[matched.backend.name]
    # From here on: it may end while the request waits for a place, and is forwarded in its name no more.
    with wiring.streams.open(passed.live, cutting(request)):
        async with upstream.place() as place:
            first_byte = FirstByte(matched.backend.timeouts.first_byte)
            upload = await _upload(request, passed, first_byte)
            if matched.head.length is not None and upload is not None:
                headers = (*headers, ("Content-Length", str(matched.head.length)))
            async with upstream.exchange(
                matched.head.method, target(matched), headers, upload, first_byte
            ) as response:
                made = answer(
                    passed.forward,
                    wiring.site,
                    response.status,
                    response.raw_headers,
                    minor=1 if response.version is None else response.version.minor,
                )
                return await _relay(wiring, request, passed, response, made, place)


async def _upload(request: web.Request, passed: Passed, first_byte: FirstByte) -> Upload | None:
    head, backend = passed.forward.matched.head, passed.forward.matched.backend
    if not head.has_body:
        return None
    if head.expects_continue:
        await say_continue(request)
    return Upload(
        request.content,
        limit=backend.max_body,
        idle=backend.timeouts.idle,
        first_byte=first_byte,
        spend=passed.spend,
    )


async def _relay(
    wiring: Wiring,
    request: web.Request,
    passed: Passed,
    response: ClientResponse,
    made: Answer,
    place: Place,
) -> web.StreamResponse:
    if made.is_event_stream:
        place.leave()  # it may stay for hours; the bulkhead is for backends that hang
    relayed = web.StreamResponse(status=made.status, headers=CIMultiDict(made.headers))
    if made.length is not None:
        relayed.content_length = made.length
    await relayed.prepare(request)
    try:
        if made.is_event_stream and made.length is None:
            await _copy_events(wiring, response, relayed, passed)
        else:
            await _copy(response, relayed, passed)
    except (aiohttp.ClientError, TimeoutError):
        # the head is out: only a broken connection tells the reader that this is not all of it
        cutting(request)()
    return relayed


async def _copy_events(
    wiring: Wiring, response: ClientResponse, relayed: web.StreamResponse, passed: Passed
) -> None:
    """When the gateway stops the stream ends as if it were over: its reader connects again (HTML, 9.2.3)."""
    ending = asyncio.timeout(None)
    try:
        async with ending:
            with wiring.streams.endless(lambda: ending.reschedule(0)):
                await _copy(response, relayed, passed)
    except TimeoutError:
        if not ending.expired():
            raise
        relayed.force_close()
        await relayed.write_eof()


async def _copy(response: ClientResponse, relayed: web.StreamResponse, passed: Passed) -> None:
    loop, idle = asyncio.get_running_loop(), passed.forward.matched.backend.timeouts.idle
    async with asyncio.timeout(idle) as timer:
        while chunk := await response.content.readany():
            passed.spend(len(chunk))
            timer.reschedule(loop.time() + idle)
            await relayed.write(chunk)
            timer.reschedule(loop.time() + idle)
        await relayed.write_eof()
