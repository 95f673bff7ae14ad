"""The reference data path: aiohttp's server, bodies relayed as bytes with back-pressure both ways."""

import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from gateway.errors import GatewayError
from gateway.expectation import say_continue
from gateway.proxy.answer import Answer, answer
from gateway.proxy.answer_bytes import AnswerBytes
from gateway.proxy.body import Upload
from gateway.proxy.passage import Passage
from gateway.proxy.plan import Plans
from gateway.proxy.reply import Reply
from gateway.proxy.streamed import Streamed
from gateway.proxy.websocket import relay_websocket
from gateway.proxy.whole import WholeAnswer, whole_answer
from gateway.proxy.wiring import Wiring
from gateway.request_context import ASKED, Asked

Forwarding = Callable[[web.Request, Asked], Awaitable[web.StreamResponse]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def forwarding(wiring: Wiring) -> Forwarding:
    """Answers what is for a backend; refusals are raised."""
    heads = AnswerBytes(secure=wiring.site.scheme == "https", clock=time.time)
    plans = Plans(wiring.site)

    def forward(request: web.Request, asked: Asked) -> Awaitable[web.StreamResponse]:
        work = _forward(wiring, Passage(wiring, plans, request, asked), heads)
        return _expected(request, work) if "Expect" in request.headers else work

    return forward


def proxy_handler(forward: Forwarding) -> Handler:
    """The same for the application's router."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return await forward(request, request[ASKED])

    return handle


async def _expected(request: web.Request, work: Awaitable[web.StreamResponse]) -> web.StreamResponse:
    try:
        return await work
    except GatewayError as refusal:
        if not request.content.is_eof():
            refusal.close = True  # RFC 9110 section 10.1.1: the body may come or not, nobody knows
        raise


async def _forward(wiring: Wiring, passage: Passage, heads: AnswerBytes) -> web.StreamResponse:
    matched = await passage.admit()
    head, upload = matched.head, None
    if head.is_websocket:
        return await relay_websocket(wiring, passage)
    if head.has_body:
        if head.expects_continue:
            await say_continue(passage.request)
        upload = Upload(passage.request.content, limit=matched.backend.max_body, spend=passage.spend)
    # From here on: it may end while the request waits for a place, and is forwarded in its name no more.
    if passage.live is not None:
        wiring.streams.enter(passage, passage.live)
    reply = wiring.upstreams[matched.backend.name].ask(
        passage.head_for, method=head.method, has_body=upload is not None, chunked=head.chunked
    )
    try:
        if upload is not None:
            upload.begin(reply.call, reply)
        found = await reply.head
        made = answer(passage.forward.matched, wiring.site, found)
        whole = _whole(wiring, passage, reply, made, heads)
        return await Streamed(wiring.streams, passage, reply).relay(made) if whole is None else whole
    finally:
        wiring.streams.leave(passage)
        passage.relayed.url = reply.call.index if reply.call.index >= 0 else None
        reply.close()
        if upload is not None:
            await upload.stop()
            passage.relayed.bytes_in = upload.sent


def _whole(
    wiring: Wiring, passage: Passage, reply: Reply, made: Answer, heads: AnswerBytes
) -> WholeAnswer | None:
    """Nearly always: the backend said it in one breath."""
    relayed, body = passage.relayed, reply.whole
    relayed.first_byte = time.perf_counter()
    if body is None:
        return None
    outbox, keep = wiring.upstreams.outbox, wiring.streams.keeps
    whole = whole_answer(passage.request, passage.asked, made, body, heads, outbox, keep=keep)
    if whole is not None:
        passage.spend(len(body))
        relayed.bytes_out = len(body)
    return whole
