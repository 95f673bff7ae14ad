"""One log stream of several processes: each line is written whole.

A pipe keeps a write of more than PIPE_BUF bytes together only if nobody else writes meanwhile. So everybody
takes one lock: POSIX record locks belong to a process, and go with it however it ends.
"""

import fcntl
import io
import os
import tempfile
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


def make_lock() -> int:
    """A file descriptor to lock by; whoever writes to the stream inherits it."""
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


class _Whole(io.RawIOBase):
    """A descriptor to which every write goes as one piece."""

    name: Final = "log"

    def __init__(self, descriptor: int, lock: int) -> None:
        self._descriptor = descriptor
        self._lock = lock

    def writable(self) -> bool:  # ruff: ignore[no-self-use]  what TextIOWrapper asks
        return True

    def write(self, data: "ReadableBuffer", /) -> int:
        left = memoryview(data)
        size = len(left)
        fcntl.lockf(self._lock, fcntl.LOCK_EX)
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
        finally:
            fcntl.lockf(self._lock, fcntl.LOCK_UN)
        return size


def log_stream(descriptor: int, lock: int) -> io.TextIOWrapper:
    """What is written to it in one call stays together, whatever others with this `lock` write."""
    return io.TextIOWrapper(_Whole(descriptor, lock), encoding="utf-8", write_through=True)
