"""An answer that is here as a whole, written in one piece past aiohttp's own way of making heads."""

from functools import partial
from typing import Final

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter

from gateway.proxy.answer import Answer
from gateway.proxy.answer_bytes import AnswerBytes
from gateway.proxy.chunked import LAST, chunk
from gateway.proxy.outbox import Outbox
from gateway.request_context import Asked

LONGEST: Final = 1 << 16  # bytes; a longer one is streamed, so that it waits for its reader
_BODILESS: Final = frozenset({204, 304})


class WholeAnswer(web.StreamResponse):
    """What aiohttp's handler calls of a response; keep: the connection, which nobody closes in this turn."""

    def __init__(self, status: int, data: bytes, outbox: Outbox, *, keep: bool) -> None:
        self._status = status  # all else that a response has would be made for nothing
        self._data = data
        self._outbox = outbox
        self._keep = keep

    @property
    def keep_alive(self) -> bool:
        return self._keep

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Raises ConnectionResetError where the reader has left, which aiohttp takes for that."""
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError
        self._outbox.send(partial(transport.write, self._data))
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """All is written."""


def whole_answer(
    request: web.Request,
    asked: Asked,
    made: Answer,
    body: bytes,
    heads: AnswerBytes,
    outbox: Outbox,
    *,
    keep: bool,
) -> WholeAnswer | None:
    """None: it has to be streamed. keep: the connection, if the client wants it."""
    transport = request.transport
    if transport is None or transport.get_write_buffer_size():
        return None
    if len(body) > LONGEST or request.version != HttpVersion11:
        return None
    bodiless = request.method == "HEAD" or made.status in _BODILESS
    if made.length is None and not bodiless:
        body = chunk(body) + LAST if body else LAST
    keep = keep and request.keep_alive
    head = heads.head(made, asked.verdict, asked.id, embed=asked.embed, bodiless=bodiless, close=not keep)
    return WholeAnswer(made.status, head + body, outbox, keep=keep)
