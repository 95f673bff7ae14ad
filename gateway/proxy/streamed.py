"""An answer of the plain path that has to be streamed, by aiohttp's own way of writing."""

import asyncio

from aiohttp import web
from multidict import CIMultiDict

from gateway.errors import GatewayError
from gateway.proxy.answer import Answer
from gateway.proxy.delivery import Delivery
from gateway.proxy.passage import Passage
from gateway.proxy.reply import Reply
from gateway.proxy.streams import Streams
from gateway.request_context import ASKED


class Streamed:
    """One of them; to be relayed once."""

    __slots__ = ("_passage", "_reply", "_request", "_streams")

    def __init__(self, streams: Streams, passage: Passage, reply: Reply) -> None:
        self._streams = streams
        self._passage = passage
        self._request = passage.request
        self._reply = reply

    async def relay(self, made: Answer) -> web.StreamResponse:
        """To its end, or to the client's."""
        request = self._request
        response = web.StreamResponse(status=made.status, headers=CIMultiDict(made.headers))
        if made.length is not None:
            response.content_length = made.length
        if request.transport is None:
            return response
        request[ASKED] = self._passage.asked  # for the headers that every answer has
        delivery = Delivery(request.transport)
        try:
            await self._stream(made, response, delivery)
        except ConnectionResetError:
            pass  # the reader has left
        except (GatewayError, TimeoutError):
            # the head is out: only a broken connection tells the reader that this is not all of it
            self._passage.cut()
        finally:
            delivery.stop()
        return response

    async def _stream(self, made: Answer, response: web.StreamResponse, delivery: Delivery) -> None:
        await response.prepare(self._request)
        if made.is_event_stream and made.length is None:
            self._reply.call.leave_bulkhead()  # it may stay for hours; the bulkhead is for backends that hang
            await self._copy_events(response, delivery)
        else:
            await self._copy(response, delivery)
        # aiohttp lets small answers pile up for a client that asks on and does not read
        delivery.waits(0)
        await self._request.writer.drain()

    async def _copy_events(self, response: web.StreamResponse, delivery: Delivery) -> None:
        """When the gateway stops it ends as if it were over: its reader connects again (HTML, 9.2.3)."""
        ending = asyncio.timeout(None)
        try:
            async with ending:
                with self._streams.endless(lambda: ending.reschedule(0)):
                    await self._copy(response, delivery)
        except TimeoutError:
            if not ending.expired():
                raise
            response.force_close()
            await response.write_eof()

    async def _copy(self, response: web.StreamResponse, delivery: Delivery) -> None:
        """The backend's silence is timed by its call, here the reader's."""
        passage = self._passage
        while data := await self._reply.read():
            passage.spend(len(data))
            passage.relayed.bytes_out += len(data)
            delivery.waits(len(data))
            await response.write(data)
            delivery.goes_on()
        await response.write_eof()
