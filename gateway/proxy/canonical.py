"""Request heads of the canonical grammar, read from their bytes; anything else is None."""

import re
from typing import Final

from gateway.errors import GatewayError
from gateway.proxy.head import Head, parse

_FIRST: Final = re.compile(rb"([A-Z]{3,7}) (/[!-~]*) HTTP/1\.1")
_LINE: Final = re.compile(rb"([A-Za-z0-9-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*")


class Lines:
    """Lines that were read before."""


def read_request(data: bytes, lines: Lines, hosts: frozenset[str]) -> Head | None:  # ruff: ignore[unused-function-argument]
    first, *rest = data[:-4].split(b"\r\n")
    found, read = _FIRST.fullmatch(first), [_LINE.fullmatch(line) for line in rest]
    if found is None or None in read:
        return None
    pairs = [(one[1], one[2]) for one in read if one is not None]
    try:
        head = parse(found[1].decode(), found[2].decode(), (1, 1), pairs, hosts=hosts, max_bytes=16384)
    except GatewayError:
        return None
    return None if head.connection - {"close", "keep-alive", "upgrade"} else head
