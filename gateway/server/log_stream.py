"""One log stream of several processes: each line is written whole, and nobody waits for it.

A pipe keeps a write of more than PIPE_BUF bytes together only if nobody else writes meanwhile. So everybody
takes one lock: POSIX record locks belong to a process, and go with it however it ends. Whoever reads the pipe
may be slow, or have stopped: a thread of its own writes, and what it cannot keep is counted and told later.
"""

import atexit
import fcntl
import io
import os
import tempfile
import threading
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

HELD: Final = 8 << 20  # bytes that wait for whoever reads
_PATIENCE: Final = 2.0  # seconds for what is left at the end


def make_lock() -> int:
    """A file descriptor to lock by; whoever writes to the stream inherits it."""
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


class _Whole(io.RawIOBase):
    """A descriptor to which every write goes as one piece, some time soon.

    The thread begins with the first write, so that a process that forks before has none.
    """

    name: Final = "log"

    def __init__(self, descriptor: int, lock: int) -> None:
        self._descriptor = descriptor
        self._lock = lock
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self.lost = 0  # lines, ever
        self._untold = 0  # of them, in the log itself
        self._torn = False  # what was written last is not the end of a line
        self._closing = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def writable(self) -> bool:  # ruff: ignore[no-self-use]  what TextIOWrapper asks
        return True

    def write(self, data: "ReadableBuffer", /) -> int:
        piece = bytes(data)
        with self._changed:
            if self._size + len(piece) > HELD:
                self._lose(piece.count(b"\n"))
                return len(piece)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="log", daemon=True)
                self._thread.start()
                atexit.register(self.close)
            self._pieces.append(piece)
            self._size += len(piece)
            self._changed.notify()
        return len(piece)

    def close(self) -> None:
        """Gives what is left some time."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(_PATIENCE)
        super().close()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._pieces and not self._closing:
                    self._changed.wait()
                if not self._pieces:
                    return
                piece = b"".join(self._pieces)
                self._pieces.clear()
                untold = self._untold
                if untold:
                    piece += b'{"event":"log","level":"warning","lost":%d}\n' % untold
            left = self._put(piece)
            with self._changed:
                if left:  # nobody reads it any more, or there is no room: the next ones may fare better
                    self._lose(left.count(b"\n") - bool(untold))
                else:
                    self._untold -= untold
                self._size = sum(map(len, self._pieces))

    def _lose(self, lines: int) -> None:
        self.lost += lines
        self._untold += lines

    def _put(self, piece: bytes) -> bytes:
        """What could not be written."""
        left = memoryview(b"\n" + piece if self._torn else piece)
        try:
            fcntl.lockf(self._lock, fcntl.LOCK_EX)
            while left:
                left = left[os.write(self._descriptor, left) :]
        except OSError:
            self._torn = self._torn or len(left) < len(piece)
        else:
            self._torn = False
        finally:
            fcntl.lockf(self._lock, fcntl.LOCK_UN)
        return bytes(left[-len(piece) :])


class LogStream(io.TextIOWrapper):
    """What is written to it in one call stays together, whatever others with this `lock` write."""

    def __init__(self, descriptor: int, lock: int) -> None:
        self._whole = _Whole(descriptor, lock)
        super().__init__(self._whole, encoding="utf-8", write_through=True)

    @property
    def lost(self) -> int:
        """Lines that did not fit or could not be written, ever."""
        return self._whole.lost
