"""How fast a client must be: a head that comes, a body that moves, a reader that reads.

Whoever holds a connection, a place at a backend or memory must use it: 1,000 that drip would be all there is.
"""

from typing import Final

HEAD: Final = 15.0  # seconds for a request's head, from the moment at which the connection may send one
RATE: Final = 1000.0  # bytes a second
PATIENCE: Final = 28.0  # seconds that one may be behind: who stalls is cut before 30, the look at it included


class Pace:
    """Whether bytes move: whoever is slower than RATE loses patience, whoever is faster gets it back.

    A stall lasts as long as the patience at most, whatever went before it. now: seconds, monotonic.
    """

    __slots__ = ("_at", "_left", "_moved")

    def __init__(self, now: float) -> None:
        self._at = now
        self._left = PATIENCE
        self._moved = 0

    @property
    def left(self) -> float:
        """Seconds that a stall may last, as of the last look."""
        return self._left

    def moved(self, size: int) -> None:
        """So many bytes came from the client, or were taken by it."""
        self._moved += size

    def go_on(self, now: float) -> None:
        """The time since the last look was not the client's: it waited for the backend, say."""
        self._at = now

    def is_too_slow(self, now: float) -> bool:
        """To be asked every second or more often, while it is the client's turn."""
        left = self._left - (now - self._at) + self._moved / RATE
        self._left = min(left, PATIENCE)
        self._at = now
        self._moved = 0
        return left < 0
