"""What must be true of the pure parsers, whatever bytes they are given: for hypothesis and for atheris."""

from collections.abc import Sequence
from itertools import pairwise

from gateway.errors import BackendBrokenError
from gateway.proxy.chunked import LAST, ChunkedError, Decoder, chunk
from gateway.proxy.fields import Lines
from gateway.proxy.frames import FrameError, Frames
from gateway.proxy.head import parse
from gateway.proxy.parsers import read_answer, read_request
from tests.data_path.referee import FaultError, read_body, read_head, requests

HOSTS = frozenset({"gw.test"})
_WARM = Lines()  # has read many heads before


def check_request(data: bytes) -> None:
    """A head that is taken is the one that `parse` makes of its pieces; with a full memo as with none."""
    data = data.split(b"\r\n\r\n", 1)[0] + b"\r\n\r\n"
    head = read_request(data, Lines(), HOSTS)
    assert read_request(data, _WARM, HOSTS) == head
    if head is None:
        return
    (message,) = requests(data + b"0" * (head.length or 0) + (b"0\r\n\r\n" if head.chunked else b""))
    assert message.complete, "who reads strictly reads another body"
    method, target, version = message.first.decode().split(" ")
    assert version == "HTTP/1.1"
    pairs = [(name, value) for name, _, value in (field.partition(b":") for field in message.fields)]
    assert parse(method, target, (1, 1), pairs, _WARM, hosts=HOSTS, max_bytes=len(data) + 1) == head


def check_answer(data: bytes) -> None:
    """A head that is taken says the same body to who reads strictly."""
    data = data.split(b"\r\n\r\n", 1)[0] + b"\r\n\r\n"
    try:
        head = read_answer(data)
    except BackendBrokenError:
        return
    strict = read_head(data, 0, is_request=False)
    assert strict is not None
    assert strict[1] == len(data)
    message = strict[0]
    assert message.status == head.status
    lengths, codings = message.values(b"content-length"), message.values(b"transfer-encoding")
    assert [int(one) for one in lengths] == ([] if head.length is None else [head.length])
    assert [one.strip(b"\t ").lower() for one in codings] == ([b"chunked"] if head.chunked else [])
    for line in head.lines:
        assert line.out == f"{line.name}: {line.value}\r\n".encode()
        assert line.out.count(b"\n") == 1, "one line became two"


def check_chunks(data: bytes, cuts: Sequence[int]) -> None:
    """However it is cut, the same comes out; and nothing that a strict reader would read differently."""
    whole = _decoded([data])
    borders = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    assert _decoded([data[a:b] for a, b in pairwise(borders)] or [b""]) == whole
    if whole is None:
        return
    payload, ended, rest = whole
    if ended:
        framed = (chunk(payload) if payload else b"") + LAST
        assert _decoded([framed]) == (payload, True, b"")
        assert data.endswith(rest)
        _check_strictly(data[: len(data) - len(rest)], payload)


def _check_strictly(data: bytes, payload: bytes) -> None:
    """Where there are no extensions and trailers, which are dropped."""
    head = read_head(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 0, is_request=True)
    assert head is not None
    try:
        read, end = read_body(data, 0, head[0], is_request=True)
    except FaultError:
        return
    assert (read, end) == (payload, len(data))


def _decoded(pieces: Sequence[bytes]) -> tuple[bytes, bool, bytes] | None:
    """Payload, whether it ended, what is behind it; None: it is no chunked framing."""
    decoder, payload, rest = Decoder(), b"", b""
    for piece in pieces:
        if decoder.ended:
            rest += piece
            continue
        try:
            payload += decoder.feed(piece)
        except ChunkedError:
            return None
        rest += decoder.rest
    return payload, decoder.ended, rest


def check_frames(data: bytes, cuts: Sequence[int]) -> None:
    """However it is cut, it is refused at the same byte or not at all."""
    for masked in (True, False):
        borders = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
        pieces = [data[a:b] for a, b in pairwise(borders)]
        assert _followed([data], masked=masked) == _followed(pieces, masked=masked)


def _followed(pieces: Sequence[bytes], *, masked: bool) -> tuple[int, bool, bool]:
    """The code it is closed with, 0 for none; whether a frame ended last; whether the stream did."""
    frames = Frames(masked=masked)
    try:
        for piece in pieces:
            frames.feed(piece)
    except FrameError as error:
        return error.code, False, False
    return 0, frames.at_border, frames.ended


def check_all(data: bytes) -> None:
    """For a fuzzer that knows nothing but bytes: the first says which, and where it is cut."""
    match data[:1]:
        case b"r":
            check_request(data[1:])
        case b"a":
            check_answer(data[1:])
        case b"f":
            check_frames(data[2:], data[1:2])
        case _:
            check_chunks(data[2:], [data[1]] if len(data) > 1 else [])
