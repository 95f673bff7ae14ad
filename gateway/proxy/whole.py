"""An answer that is here as a whole, written in one piece past aiohttp's own way of making heads."""

from typing import Final

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter

from gateway.proxy.answer import Answer
from gateway.proxy.answer_bytes import AnswerBytes
from gateway.proxy.chunked import LAST, chunk
from gateway.request_context import REQUEST_ID, VERDICT

LONGEST: Final = 1 << 16  # bytes; a longer one is streamed, so that it waits for its reader
_BODILESS: Final = frozenset({204, 304})


class WholeAnswer(web.StreamResponse):
    """What aiohttp's handler calls of a response; keep: the connection."""

    def __init__(self, status: int, data: bytes, *, keep: bool) -> None:
        super().__init__(status=status)
        self._data = data
        self._keep = keep

    @property
    def keep_alive(self) -> bool:
        return self._keep

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Raises ConnectionResetError where the reader has left, which aiohttp takes for that."""
        if request.transport is None or request.transport.is_closing():
            raise ConnectionResetError
        request.transport.write(self._data)
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """All is written."""


def whole_answer(
    request: web.Request, made: Answer, body: bytes, heads: AnswerBytes, *, embed: bool, keep: bool
) -> WholeAnswer | None:
    """None: it has to be streamed. embed: the route's. keep: the connection, if the client wants it."""
    waits = request.transport is None or request.transport.get_write_buffer_size()
    if waits or len(body) > LONGEST or request.version != HttpVersion11:
        return None
    bodiless = request.method == "HEAD" or made.status in _BODILESS
    if made.length is None and not bodiless:
        body = chunk(body) + LAST if body else LAST
    keep = keep and request.keep_alive
    head = heads.head(
        made, request[VERDICT], request[REQUEST_ID], embed=embed, bodiless=bodiless, close=not keep
    )
    return WholeAnswer(made.status, head + body, keep=keep)
