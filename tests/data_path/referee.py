"""What lies on a wire, read by nobody's leniency: the messages of a byte stream, or a fault."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_REQUEST = re.compile(rb"[A-Z]+ /[\x21-\x7e]* HTTP/1\.1")
# aiohttp says the version that it was asked in
_STATUS = re.compile(rb"HTTP/[0-9]\.[0-9] ([1-5][0-9][0-9])(?: [\t\x20-\x7e\x80-\xff]*)?")
_FIELD = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]+: ?[\t\x20-\x7e\x80-\xff]*")
_SIZE = re.compile(rb"[0-9A-Fa-f]{1,16}")


class FaultError(Exception):
    """Bytes that two readers might read differently."""


@dataclass(frozen=True)
class Message:
    """One message. body: its payload, chunks taken off. complete: all of it came."""

    first: bytes
    fields: tuple[bytes, ...]
    body: bytes
    complete: bool

    def values(self, name: bytes) -> list[bytes]:
        parts = (line.partition(b":") for line in self.fields)
        return [value.strip(b" ") for found, _, value in parts if found.lower() == name]

    @property
    def status(self) -> int:
        return int(self.first.split(b" ")[1])


def read_head(raw: bytes, at: int, *, is_request: bool) -> tuple[Message, int] | None:
    """The head that begins there, and where it ends; None: it has not come whole."""
    end = raw.find(b"\r\n\r\n", at)
    if end < 0:
        return None
    first, *fields = raw[at:end].split(b"\r\n")
    if not (_REQUEST if is_request else _STATUS).fullmatch(first):
        raise FaultError(f"{first!r} begins no message")
    for field in fields:
        if not _FIELD.fullmatch(field):
            raise FaultError(f"field {field!r}")
    return Message(first, tuple(fields), b"", complete=False), end + 4


def read_body(raw: bytes, at: int, head: Message, *, is_request: bool) -> tuple[bytes, int | None]:
    """The payload, and where the message ends; None: it has not come whole."""
    lengths, codings = head.values(b"content-length"), head.values(b"transfer-encoding")
    if len(lengths) + len(codings) > 1:
        raise FaultError(f"lengths {lengths} and codings {codings}")
    if lengths:
        if not lengths[0].isdigit():
            raise FaultError(f"length {lengths[0]!r}")
        end = at + int(lengths[0])
        return raw[at:end], end if end <= len(raw) else None
    if codings:
        if codings != [b"chunked"]:
            raise FaultError(f"coding {codings}")
        return _chunks(raw, at)
    return (b"", at) if is_request else (raw[at:], None)


def _chunks(raw: bytes, at: int) -> tuple[bytes, int | None]:
    payload = b""
    while (end := raw.find(b"\r\n", at)) >= 0:
        line = raw[at:end]
        if not _SIZE.fullmatch(line):
            raise FaultError(f"chunk size {line!r}")
        size, at = int(line, 16), end + 2
        payload += raw[at : at + size]
        closing = raw[at + size : at + size + 2]
        if not b"\r\n".startswith(closing):
            raise FaultError(f"{closing!r} behind a chunk, or trailers")
        if len(closing) < 2:
            return payload, None
        at += size + 2
        if size == 0:
            return payload, at
    return payload, None


def requests(raw: bytes) -> Iterator[Message]:
    """What a backend was sent on one connection."""
    at = 0
    while at < len(raw):
        read = read_head(raw, at, is_request=True)
        if read is None:
            yield Message(raw[at:], (), b"", complete=False)
            return
        head, at = read
        body, end = read_body(raw, at, head, is_request=True)
        yield Message(head.first, head.fields, body, complete=end is not None)
        if end is None:
            return
        at = end


def answers(raw: bytes, methods: Sequence[str], *, closed: bool) -> Iterator[Message]:
    """What a client was sent on one connection. methods: of its requests; closed: nothing follows."""
    at, asked = 0, 0
    while at < len(raw):
        read = read_head(raw, at, is_request=False)
        if read is None:
            yield Message(raw[at:], (), b"", complete=False)
            return
        head, at = read
        status = head.status
        if status < 200 and status != 101:
            yield Message(head.first, head.fields, b"", complete=True)
            continue
        method = methods[asked] if asked < len(methods) else "GET"
        asked += 1
        if status == 101:
            yield Message(head.first, head.fields, raw[at:], complete=True)
            return
        if method == "HEAD" or status in {204, 304}:
            yield Message(head.first, head.fields, b"", complete=True)
            continue
        body, end = read_body(raw, at, head, is_request=False)
        framed = bool(head.values(b"content-length") or head.values(b"transfer-encoding"))
        yield Message(head.first, head.fields, body, complete=end is not None or (closed and not framed))
        if end is None:
            return
        at = end
