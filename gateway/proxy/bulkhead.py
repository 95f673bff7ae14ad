"""How many requests a backend may have at once: one that hangs takes so many and no more."""

from collections import deque
from typing import Final, Protocol

from gateway.errors import BackendBusyError, GatewayError
from gateway.routes import InFlight

RETRY_AFTER: Final = 1  # seconds


class Waiting(Protocol):
    """Who waits for a place."""

    def let_in(self) -> None: ...
    def turned_away(self, error: GatewayError) -> None: ...


class Bulkhead:
    """clock values: seconds, monotonic."""

    def __init__(self, limit: InFlight) -> None:
        self._limit = limit
        self._inside = 0
        self._queue: deque[tuple[float, Waiting]] = deque()  # until when it waits

    @property
    def inside(self) -> int:
        return self._inside

    def enter(self, waiting: Waiting, now: float) -> bool:
        """Whether there is a place at once; else it is told. Raises BackendBusyError: the queue is full."""
        if self._inside < self._limit.max:
            self._inside += 1
            return True
        if len(self._queue) >= self._limit.queue:
            raise BackendBusyError("the queue is full", retry_after=RETRY_AFTER)
        self._queue.append((now + self._limit.wait, waiting))
        return False

    def leave(self) -> None:
        """A place is free: of one who had it, never of one who waits."""
        if self._queue:
            self._queue.popleft()[1].let_in()
        else:
            self._inside -= 1

    def give_up(self, waiting: Waiting) -> None:
        """Waits no more."""
        self._queue = deque(entry for entry in self._queue if entry[1] is not waiting)

    def sweep(self, now: float) -> None:
        """Turns away who has waited long enough."""
        while self._queue and self._queue[0][0] <= now:
            busy = BackendBusyError("no place in time", retry_after=RETRY_AFTER)
            self._queue.popleft()[1].turned_away(busy)
