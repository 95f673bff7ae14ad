"""The head of a request to a backend, as bytes."""

from collections.abc import Sequence

from gateway.routes import Address


def request_bytes(
    method: str, target: str, headers: Sequence[tuple[str, str]], address: Address, framing: str = ""
) -> bytes:
    """headers: `Host` first among them where it is not the URL's. framing: one whole line, or none.

    Raises ValueError where a value would begin a line of its own.
    """
    host = () if headers and headers[0][0] == "Host" else (("Host", address.authority),)
    return f"{method} {target} HTTP/1.1\r\n".encode() + header_lines((*host, *headers), framing)


def header_lines(headers: Sequence[tuple[str, str]], framing: str = "") -> bytes:
    """The rest of a head: its lines, the one that frames the body, the empty one. Raises ValueError too."""
    end = f"{framing}\r\n\r\n" if framing else "\r\n"
    return (header_text(headers) + end).encode()


def header_text(headers: Sequence[tuple[str, str]]) -> str:
    """Only its lines. Raises ValueError too."""
    count = len(headers)
    text = "".join([f"{name}: {value}\r\n" for name, value in headers])
    if text.count("\n") != count or text.count("\r") != count or "\0" in text:
        raise ValueError("a line break within a header")
    return text


def framing_line(method: str, length: int | None, *, chunked: bool) -> str:
    """RFC 9110 section 8.6: a method that may have a body says that there is none."""
    if chunked:
        return "Transfer-Encoding: chunked"
    if length is None:
        return "Content-Length: 0" if method in {"POST", "PUT", "PATCH"} else ""
    return f"Content-Length: {length}"
