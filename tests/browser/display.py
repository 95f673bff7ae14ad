"""A screen that nobody sees, for browsers without a headless mode."""

import os
import select
import subprocess
from collections.abc import Generator
from contextlib import contextmanager

START_SECONDS = 20.0


@contextmanager
def display() -> Generator[str]:
    """The name of an X display of our own, on a number that Xvfb finds free; it ends with the block."""
    read, write = os.pipe()
    words = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x1000x24", "-nolisten", "tcp"]
    with open(read, "rb") as numbers:  # ruff: ignore[builtin-open]  # a pipe has no path
        server = subprocess.Popen(words, pass_fds=[write], stderr=subprocess.DEVNULL)
        os.close(write)
        try:
            ready, _, _ = select.select([numbers], [], [], START_SECONDS)
            number = numbers.readline().decode().strip() if ready else ""
            assert number, "Xvfb does not start"
            yield f":{number}"
        finally:
            server.terminate()
            server.wait(START_SECONDS)
