"""The head of a backend's answer, read strictly (RFC 9112 section 4): what is odd is no answer."""

import re
from typing import Final

import msgspec

from gateway.errors import BackendBrokenError

_STATUS: Final = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?")
_LINE: Final = re.compile(rb"([A-Za-z0-9!#$%&'*+.^_`|~-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*")
_DIGITS: Final = re.compile(rb"[0-9]{1,18}", re.ASCII)


class AnswerHead(msgspec.Struct, frozen=True, gc=False):
    """One head. length and not chunked: so many bytes; neither: until the connection ends (section 6.3)."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    length: int | None
    chunked: bool
    keeps_alive: bool
    minor: int  # of the HTTP version


def read_answer(data: bytes) -> AnswerHead:
    """data: one whole head with its empty line. Raises BackendBrokenError."""
    first, *lines = data[:-4].split(b"\r\n")
    status = _STATUS.fullmatch(first)
    if status is None:
        raise BackendBrokenError(f"status line {first[:64]!r}")
    minor, headers = int(status[1]), []
    lengths, codings, options = [], [], b""
    for line in lines:
        found = _LINE.fullmatch(line)
        if found is None:
            raise BackendBrokenError(f"header {line[:64]!r}")
        name, value = found.groups()
        headers.append((name, value))
        low = name.lower()
        if low == b"content-length":
            lengths.append(value)
        elif low == b"transfer-encoding":
            codings.append(value.lower())
        elif low == b"connection":
            options += b"," + value.lower()
    if codings and (codings != [b"chunked"] or lengths or minor == 0):
        raise BackendBrokenError(f"Transfer-Encoding {codings} beside {lengths}")
    if len(lengths) > 1 or any(not _DIGITS.fullmatch(length) for length in lengths):
        raise BackendBrokenError(f"Content-Length {lengths}")
    named = {option.strip(b" \t") for option in options.split(b",")}
    keeps = b"close" not in named and (minor == 1 or b"keep-alive" in named)
    length = int(lengths[0]) if lengths else None
    return AnswerHead(int(status[2]), tuple(headers), length, bool(codings), keeps, minor)
