"""Connections of one address: so many, a few more that are told so, and no others."""

from collections.abc import Sequence
from sys import intern
from typing import Final, NamedTuple

from gateway.client_address import Network, counted

TOLD: Final = 32  # connections of an address beyond its limit, whose first request is answered


class Seat(NamedTuple):
    """whose: they give it back; None: nobody counts it. crowded: its first request is refused."""

    whose: str | None
    crowded: bool


class Addresses:
    """At one worker. most: connections of an address. trusted: proxies, who bring many clients."""

    def __init__(self, most: int, trusted: Sequence[Network]) -> None:
        self._most = most
        self._trusted = trusted
        self._open: dict[str, int] = {}

    def enter(self, peer: str | None) -> Seat | None:
        """A new connection; None: it is to be closed at once. peer: None or "": a Unix socket's, say."""
        whose = counted(peer, self._trusted)
        if whose is None:
            return Seat(None, crowded=False)
        number = self._open.get(whose, 0) + 1
        if number > self._most + TOLD:
            return None
        self._open[whose] = number
        # a connection keeps it: of an address one is enough
        return Seat(intern(whose), crowded=number > self._most)

    def leave(self, whose: str | None) -> None:
        """A connection that was counted for them has ended."""
        if whose is None:
            return
        left = self._open[whose] - 1
        if left:
            self._open[whose] = left
        else:
            del self._open[whose]
