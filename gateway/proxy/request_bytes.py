"""The head of a request to a backend, as bytes."""

from collections.abc import Iterable

from gateway.routes import Address


def request_bytes(
    method: str, target: str, headers: Iterable[tuple[str, str]], address: Address, framing: str = ""
) -> bytes:
    """headers: `Host` among them where it is not the URL's. framing: one whole line, or none.

    Raises ValueError where a value would begin a line of its own.
    """
    lines = [f"{name}: {value}" for name, value in headers]
    if not any(line.startswith("Host: ") for line in lines):
        lines.insert(0, f"Host: {address.authority}")
    lines.insert(0, f"{method} {target} HTTP/1.1")
    if framing:
        lines.append(framing)
    text = "\r\n".join(lines)
    if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1 or "\0" in text:
        raise ValueError("a line break within a header")
    return (text + "\r\n\r\n").encode()


def framing_line(method: str, length: int | None, *, chunked: bool) -> str:
    """RFC 9110 section 8.6: a method that may have a body says that there is none."""
    if chunked:
        return "Transfer-Encoding: chunked"
    if length is None:
        return "Content-Length: 0" if method in {"POST", "PUT", "PATCH"} else ""
    return f"Content-Length: {length}"
