"""Request heads of the canonical grammar, read from their bytes; what is not is for others to refuse."""

from typing import Final

from gateway.errors import GatewayError
from gateway.proxy.fields import Lines
from gateway.proxy.head import METHODS, ORDINARY, Head, proved
from gateway.proxy.path import split_target

MAX_LINES: Final = 256
METHOD_WORDS: Final = {name.encode(): name for name in METHODS}
_VERSION: Final = b" HTTP/1.1"
_KEEPING: Final = frozenset({"close", "keep-alive", "upgrade"})


def head_end(data: bytes, begin: int) -> int:
    """Where the body begins, behind the first empty line at or after `begin`; -1: the head goes on."""
    found = data.find(b"\r\n\r\n", begin)
    return -1 if found < 0 else found + 4


def read_request(data: bytes, lines: Lines, hosts: frozenset[str]) -> Head | None:
    """data: one whole head with its empty line. hosts: the Host values that mean us, byte for byte."""
    first, *rest = data[:-4].split(b"\r\n")
    word, _, target = first[:-9].partition(b" ")
    method = METHOD_WORDS.get(word)
    if method is None or not first.endswith(_VERSION) or len(rest) > MAX_LINES:
        return None
    known, unknown = lines.known.get, lines.read
    try:
        read = [known(line) or unknown(line) for line in rest]
        path, query = split_target(target.decode())
        head = proved(method, path, query, read, hosts)
    except (GatewayError, UnicodeDecodeError):
        return None
    named = head.named or {}
    if named["host"][0] not in hosts:  # `proved` takes it in any case, whoever serves our pages does not
        return None
    said = named.get("connection")
    return head if said is None or said in ORDINARY or head.connection <= _KEEPING else None
