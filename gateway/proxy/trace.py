"""Which trace a request belongs to (W3C Trace Context, level 1): the client's, or one that begins here."""

import re
from collections.abc import Callable, Sequence
from typing import Final

# section 3.2.2: version ff is none, neither id is all zeros; a later version is read as this one
_VALID: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII
)
_MADE: Final = 64  # at once
_BYTES: Final = 24  # of both ids
_TRACE: Final = 32  # characters


def said_trace(lines: Sequence[str]) -> str | None:
    """The `traceparent` that a client sent, if it is one. lines: all of that name."""
    return lines[0] if len(lines) == 1 and _VALID.fullmatch(lines[0]) else None


def trace_id(traceparent: str) -> str:
    """What all parts of a trace have in common."""
    return traceparent[3 : 3 + _TRACE]


class Traces:
    """Makes a `traceparent` for each request without one; none of them is sampled. token: random bytes."""

    __slots__ = ("_made", "_token")

    def __init__(self, token: Callable[[int], bytes]) -> None:
        self._token = token
        self._made: list[str] = []

    def make(self) -> str:
        if not self._made:
            text = self._token(_BYTES * _MADE).hex()
            size = 2 * _BYTES
            both = (text[at : at + size] for at in range(0, len(text), size))
            # 192 random bits: that an id is all zeros does not happen
            self._made = [f"00-{one[:_TRACE]}-{one[_TRACE:]}-00" for one in both]
        return self._made.pop()
