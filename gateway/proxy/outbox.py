"""What is written in one turn of the event loop goes out together.

The first goes at once, so that whoever it is for begins. All others of the turn follow at its end, one right
behind the other: each by itself it would find its reader asleep again, and to wake somebody costs more than
to send.
"""

import asyncio
from collections.abc import Callable


class Outbox:
    """Of one event loop. is_open: others may follow in this turn."""

    __slots__ = ("_loop", "_waiting", "is_open")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: list[Callable[[], None]] = []
        self.is_open = False

    def send(self, write: Callable[[], None]) -> None:
        """write: called now, or at the end of this turn."""
        if self.is_open:
            self._waiting.append(write)
        else:
            self.is_open = True
            self._loop.call_soon(self._end)
            write()

    def _end(self) -> None:
        self.is_open = False
        waiting, self._waiting = self._waiting, []
        for place, write in enumerate(waiting, 1):
            try:
                write()
            except Exception:
                # one that fails is not to take the others with it
                self._waiting += waiting[place:]
                self.is_open = True
                self._loop.call_soon(self._end)
                raise
