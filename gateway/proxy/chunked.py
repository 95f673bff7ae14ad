"""Chunked framing (RFC 9112 section 7.1): read strictly, written plainly."""

import re
from functools import lru_cache
from typing import Final

LAST: Final = b"0\r\n\r\n"
_LINE: Final = 4096  # bytes of a size line with its extensions
_TRAILERS: Final = 1 << 14  # bytes of all trailers
_TRAILER: Final = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]+:[\t\x20-\x7e\x80-\xff]*")
# bare CR is what splits messages between two readers; extensions are dropped, so their form does not matter
_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;[^\r\n\x00]*)?")


_SHORT: Final = 18  # bytes of a size line without extensions


class ChunkedError(Exception):
    """What came is not chunked framing, or one of its lines is longer than anybody needs."""


def chunk(data: bytes) -> bytes:
    """One chunk. data: not empty, which would say that the body ends."""
    return b"%x\r\n%b\r\n" % (len(data), data)


class Decoder:
    """Takes framing off piece by piece; extensions and trailers are dropped."""

    __slots__ = ("_held", "_left", "_trailers", "ended", "rest")

    def __init__(self) -> None:
        self.ended = False
        self.rest = b""  # what came after the end
        self._held = b""  # a line that is not whole yet
        self._left = 0  # bytes of the chunk that are to come, with its CRLF
        self._trailers = -1  # bytes of them so far; -1: none have begun

    def feed(self, data: bytes) -> bytes:
        """The payload in these bytes; raises ChunkedError. Not to be called after the end."""
        if not self._left and not self._held and self._trailers < 0:
            end = data.find(b"\r\n", 0, _SHORT)
            size = _size(data[:end]) if end > 0 else 0
            if size and len(data) == end + size + 4 and data.endswith(b"\r\n"):
                self.rest = b""
                return data[end + 2 : -2]  # nearly always: a backend writes chunk by chunk
        if self._held:
            data, self._held = self._held + data, b""
        at, size, found = 0, len(data), []
        while at < size and not self.ended:
            if self._left > 2:
                piece = data[at : at + self._left - 2]
                found.append(piece)
                at += len(piece)
                self._left -= len(piece)
            elif self._left:
                at = self._close_chunk(data, at)
            else:
                at = self._take_line(data, at)
        self.rest = data[at:]
        return found[0] if len(found) == 1 else b"".join(found)

    def _close_chunk(self, data: bytes, at: int) -> int:
        """The CRLF after a chunk, which may come in halves."""
        wanted = b"\r\n"[-self._left :]
        came = data[at : at + self._left]
        if not wanted.startswith(came):
            raise ChunkedError(f"{came!r} after a chunk")
        self._left -= len(came)
        return at + len(came)

    def _take_line(self, data: bytes, at: int) -> int:
        """A size line or a trailer; one that is not whole is kept for the next piece."""
        end = data.find(b"\n", at)
        if end < 0:
            if len(data) - at > _LINE:
                raise ChunkedError("a long line")
            self._held = data[at:]
            return len(data)
        line = data[at:end]
        if not line.endswith(b"\r") or len(line) > _LINE:
            raise ChunkedError(f"line {line[:64]!r}")
        if self._trailers >= 0:
            self._take_trailer(line[:-1])
        else:
            self._take_size(line[:-1])
        return end + 1

    def _take_size(self, line: bytes) -> None:
        size = _size(line)
        if size is None:
            raise ChunkedError(f"size {line[:64]!r}")
        if size:
            self._left = size + 2
        else:
            self._trailers = 0

    def _take_trailer(self, line: bytes) -> None:
        if not line:
            self.ended = True
            return
        self._trailers += len(line)
        if self._trailers > _TRAILERS:
            raise ChunkedError("long trailers")
        if _TRAILER.fullmatch(line) is None:
            raise ChunkedError(f"trailer {line[:64]!r}")


@lru_cache(maxsize=1024)
def _size(line: bytes) -> int | None:
    """What a size line says; None: it is none."""
    found = _SIZE.fullmatch(line)
    return None if found is None else int(found[1], 16)
