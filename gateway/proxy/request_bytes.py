"""The head of a request to a backend, as bytes."""

from collections.abc import Sequence

from gateway.routes import Address


def request_bytes(
    method: str, target: str, headers: Sequence[tuple[str, str]], address: Address, framing: str = ""
) -> bytes:
    """headers: `Host` first among them where it is not the URL's. framing: one whole line, or none.

    Raises ValueError where a value would begin a line of its own.
    """
    lines = [f"{method} {target} HTTP/1.1\r\n"]
    if not headers or headers[0][0] != "Host":
        lines.append(f"Host: {address.authority}\r\n")
    lines += [f"{name}: {value}\r\n" for name, value in headers]
    if framing:
        lines.append(f"{framing}\r\n")
    text = "".join(lines)
    if text.count("\n") != len(lines) or text.count("\r") != len(lines) or "\0" in text:
        raise ValueError("a line break within a header")
    return f"{text}\r\n".encode()


def framing_line(method: str, length: int | None, *, chunked: bool) -> str:
    """RFC 9110 section 8.6: a method that may have a body says that there is none."""
    if chunked:
        return "Transfer-Encoding: chunked"
    if length is None:
        return "Content-Length: 0" if method in {"POST", "PUT", "PATCH"} else ""
    return f"Content-Length: {length}"
