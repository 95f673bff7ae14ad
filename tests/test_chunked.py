from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.proxy.chunked import LAST, ChunkedError, Decoder, chunk


def decoded(*pieces: bytes) -> tuple[bytes, bool, bytes]:
    decoder, found = Decoder(), b""
    for piece in pieces:
        found += decoder.feed(piece)
    return found, decoder.ended, decoder.rest


@pytest.mark.parametrize(
    ("sent", "body", "ended", "rest"),
    [
        pytest.param(b"4\r\nwork\r\n0\r\n\r\n", b"work", True, b"", id="whole"),
        pytest.param(b"4\r\nwork\r\n3\r\nand\r\n0\r\n\r\n", b"workand", True, b"", id="two"),
        pytest.param(b"0\r\n\r\n", b"", True, b"", id="empty"),
        pytest.param(b"000A\r\n0123456789\r\n0\r\n\r\nHTTP", b"0123456789", True, b"HTTP", id="what follows"),
        pytest.param(b"4;a=b\r\nwork\r\n0;x\r\n\r\n", b"work", True, b"", id="extensions"),
        pytest.param(b"1\r\nx\r\n0\r\nA: b\r\nC: d\r\n\r\n", b"x", True, b"", id="trailers"),
        pytest.param(b"4\r\nwork\r\n", b"work", False, b"", id="one whole chunk"),
        pytest.param(b"4\r\nwo", b"wo", False, b"", id="not yet"),
        pytest.param(b"4\r\nwork", b"work", False, b"", id="without its end"),
        pytest.param(b"4", b"", False, b"", id="half a line"),
    ],
)
def test_what_is_chunked(sent: bytes, body: bytes, rest: bytes, *, ended: bool) -> None:
    assert decoded(sent) == (body, ended, rest)
    if not rest:  # whatever follows the end is not the decoder's
        assert decoded(*(sent[at : at + 1] for at in range(len(sent)))) == (body, ended, rest)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"\r\n", id="no size"),
        pytest.param(b"4\nwork\r\n", id="bare LF"),
        pytest.param(b"4\r\nwork\n0\r\n\r\n", id="bare LF after a chunk"),
        pytest.param(b"4\r\nwork\r0\r\n\r\n", id="bare CR after a chunk"),
        pytest.param(b"4\r\nworks\r\n0\r\n\r\n", id="longer than said"),
        pytest.param(b"zz\r\n", id="no hex"),
        pytest.param(b"-1\r\n", id="negative"),
        pytest.param(b"+4\r\nwork\r\n", id="plus"),
        pytest.param(b"0x4\r\nwork\r\n", id="0x"),
        pytest.param(b"4_0\r\nwork\r\n", id="underscore"),
        pytest.param(b" 4\r\nwork\r\n", id="blank before"),
        pytest.param(b"4 \r\nwork\r\n", id="blank after"),
        pytest.param(b"4\r;\r\nwork\r\n", id="CR within"),
        pytest.param(b"4;\x00\r\nwork\r\n", id="zero byte"),
        pytest.param(b"11111111111111111\r\n", id="17 digits"),
        pytest.param(b"4;" + b"x" * 5000, id="an endless line"),
        pytest.param(b"4;" + b"x" * 5000 + b"\r\n", id="a long line"),
        pytest.param(b"0\r\nno trailer\r\n\r\n", id="trailer without a colon"),
        pytest.param(b"0\r\nA: \r\r\n\r\n", id="CR in a trailer"),
        pytest.param(b"0\r\nA: b\r\n c: d\r\n\r\n", id="folded trailer"),
        pytest.param(b"0\r\nA : b\r\n\r\n", id="blank before the colon"),
        pytest.param(b"0\r\n: b\r\n\r\n", id="trailer without a name"),
        pytest.param(b"0\r\nA: \x00\r\n\r\n", id="zero byte in a trailer"),
        pytest.param(b"0\r\n" + b"A: 0123456789\r\n" * 2000, id="endless trailers"),
    ],
)
def test_what_is_not(sent: bytes) -> None:
    with pytest.raises(ChunkedError):
        decoded(sent)
    with pytest.raises(ChunkedError):
        decoded(*(sent[at : at + 1] for at in range(len(sent))))


@given(st.lists(st.binary(min_size=1)), st.lists(st.integers(0, 200)))
def test_what_is_written_is_read_wherever_it_is_split(pieces: list[bytes], cuts: list[int]) -> None:
    sent = b"".join(map(chunk, pieces)) + LAST
    borders = sorted({0, len(sent), *(cut for cut in cuts if cut < len(sent))})
    parts = [sent[begin:end] for begin, end in pairwise(borders)]
    assert decoded(*parts) == (b"".join(pieces), True, b"")
