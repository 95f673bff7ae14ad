"""Where the body of a backend's answer ends (RFC 9112 section 6.3)."""

from gateway.proxy.answer_head import AnswerHead
from gateway.proxy.chunked import Decoder


class AnswerBody:
    """Of an answer that has one; fed piece by piece."""

    __slots__ = ("_decoder", "_left", "ended", "is_clean")

    def __init__(self, head: AnswerHead) -> None:
        self._decoder = Decoder() if head.chunked else None
        self._left = head.length  # bytes that are to come
        self.ended = self._left == 0
        self.is_clean = head.keeps_alive and (
            head.chunked or self._left is not None
        )  # another answer may follow

    @property
    def ends_with_the_connection(self) -> bool:
        return self._decoder is None and self._left is None

    def take(self, data: bytes) -> bytes:
        """The payload in these bytes. What comes after the end is not passed on. Raises ChunkedError."""
        if self._decoder is not None:
            data = self._decoder.feed(data)
            self.ended = self._decoder.ended
            self.is_clean = self.is_clean and not self._decoder.rest
        elif self._left is not None:
            size, left = len(data), self._left
            self._left = left - size
            self.ended = size >= left
            if size > left:
                self.is_clean = False
                data = data[:left]
        return data
