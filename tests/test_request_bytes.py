import pytest

from gateway.proxy.request_bytes import framing_line, request_bytes
from gateway.routes import Address

ADDRESS = Address.of("http://10.0.0.5:8001/base/")


def test_a_head_is_its_lines() -> None:
    made = request_bytes("GET", "/base/x?y", [("A", "b"), ("C", "é")], ADDRESS)
    assert made == "GET /base/x?y HTTP/1.1\r\nHost: 10.0.0.5:8001\r\nA: b\r\nC: é\r\n\r\n".encode()
    made = request_bytes("PUT", "/", [("Host", "public")], ADDRESS, "Content-Length: 1")
    assert made == b"PUT / HTTP/1.1\r\nHost: public\r\nContent-Length: 1\r\n\r\n"


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\rb", "a\nb", "a\0b"])
def test_no_value_begins_a_line_of_its_own(value: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        request_bytes("GET", "/", [("A", value)], ADDRESS)


@pytest.mark.parametrize(
    ("method", "length", "chunked", "line"),
    [
        ("GET", None, False, ""),
        ("POST", None, False, "Content-Length: 0"),
        ("DELETE", None, False, ""),
        ("DELETE", 3, False, "Content-Length: 3"),
        ("PUT", None, True, "Transfer-Encoding: chunked"),
    ],
)
def test_the_line_that_frames(method: str, length: int | None, line: str, *, chunked: bool) -> None:
    assert framing_line(method, length, chunked=chunked) == line
