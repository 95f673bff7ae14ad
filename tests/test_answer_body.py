import pytest

from gateway.proxy.answer_body import AnswerBody
from gateway.proxy.answer_head import read_answer


def taken(lines: bytes, *pieces: bytes) -> tuple[bytes, bool, bool]:
    """The payload, whether it ended, whether another answer may follow on the connection."""
    body = AnswerBody(read_answer(b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n"))
    found = b"".join([body.take(piece) for piece in pieces])
    return found, body.ended, body.is_clean


LENGTH = b"Content-Length: 4\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CLOSE = b"Connection: close\r\n"


@pytest.mark.parametrize(
    ("lines", "pieces", "payload", "ended", "clean"),
    [
        pytest.param(LENGTH, [b"wo", b"rk"], b"work", True, True, id="length"),
        pytest.param(LENGTH, [b"wo"], b"wo", False, True, id="half"),
        pytest.param(LENGTH, [b"works"], b"work", True, False, id="more than was said"),
        pytest.param(LENGTH + CLOSE, [b"work"], b"work", True, False, id="close"),
        pytest.param(b"Content-Length: 0\r\n", [], b"", True, True, id="nothing"),
        pytest.param(CHUNKED, [b"4\r\nwo", b"rk\r\n0\r\n\r\n"], b"work", True, True, id="chunked"),
        pytest.param(CHUNKED, [b"0\r\n\r\nX"], b"", True, False, id="more than chunked"),
        pytest.param(b"", [b"wo", b"rk"], b"work", False, False, id="to the end of the connection"),
    ],
)
def test_bodies(lines: bytes, pieces: list[bytes], payload: bytes, *, ended: bool, clean: bool) -> None:
    assert taken(lines, *pieces) == (payload, ended, clean)


@pytest.mark.parametrize(("lines", "ends"), [(LENGTH, False), (CHUNKED, False), (b"", True)])
def test_only_a_body_without_framing_ends_with_its_connection(lines: bytes, *, ends: bool) -> None:
    assert AnswerBody(read_answer(b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n")).ends_with_the_connection == ends
