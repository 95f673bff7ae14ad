"""How many requests a backend may have at once: one that hangs takes so many and no more.

Those whose bodies are still to come have half of the places: bodies may be slow for as long as their clients
like, and who sends none of what was announced must not keep everybody else out.
"""

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
    """inside: who has one of the `most` places; nobody waits while there is one for them. Times: seconds,
    monotonic.
    """

    def __init__(self, limit: InFlight) -> None:
        self._limit = limit
        self.most = limit.max
        self.inside = 0
        self._uploading = 0  # of them
        self._most_uploading = max(1, limit.max // 2)
        self._queue: deque[tuple[float, Waiting]] = deque()  # until when it waits
        self._uploads: deque[tuple[float, Waiting]] = deque()

    def enter(self, waiting: Waiting, now: float, *, uploads: bool) -> bool:
        """Whether there is a place at once; else it is told. uploads: its body is still to come.

        Raises BackendBusyError: the queue is full.
        """
        if self.inside < self.most and not (uploads and self._uploading >= self._most_uploading):
            self.inside += 1
            self._uploading += uploads
            return True
        if len(self._queue) + len(self._uploads) >= self._limit.queue:
            raise BackendBusyError("the queue is full", retry_after=RETRY_AFTER)
        (self._uploads if uploads else self._queue).append((now + self._limit.wait, waiting))
        return False

    def uploaded(self) -> None:
        """A body is complete: another may come."""
        self._uploading -= 1
        if self.inside < self.most:
            self._let_upload()

    def leave(self, *, uploads: bool) -> None:
        """A place is free: of one who had it, never of one who waits."""
        self.inside -= 1
        self._uploading -= uploads
        if self._queue:
            self.inside += 1
            self._queue.popleft()[1].let_in()
        else:
            self._let_upload()

    def _let_upload(self) -> None:
        if self._uploads and self._uploading < self._most_uploading:
            self.inside += 1
            self._uploading += 1
            self._uploads.popleft()[1].let_in()

    def give_up(self, waiting: Waiting) -> None:
        """Waits no more."""
        self._queue = deque(entry for entry in self._queue if entry[1] is not waiting)
        self._uploads = deque(entry for entry in self._uploads if entry[1] is not waiting)

    def sweep(self, now: float) -> None:
        """Turns away who has waited long enough."""
        for queue in (self._queue, self._uploads):
            while queue and queue[0][0] <= now:
                busy = BackendBusyError("no place in time", retry_after=RETRY_AFTER)
                queue.popleft()[1].turned_away(busy)
