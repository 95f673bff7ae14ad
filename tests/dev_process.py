"""`bookgate dev` as a person starts it: a process on free ports, its one line, its children."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

PORTS = ("port", "private-port", "provider-port", "storage-port", "analytics-port", "book-port")
START_SECONDS = 60.0
END_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Running:
    process: subprocess.Popen[str]
    book: str
    gateway: str
    state: Path

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(END_SECONDS)

    def children(self) -> list[int]:
        """Every process but the first whose command line names the state folder."""
        own = {self.process.pid, os.getpid()}
        return [pid for pid in _pids_naming(str(self.state)) if pid not in own]


def _pids_naming(words: str) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            line = (entry / "cmdline").read_bytes()
        except OSError:  # it ended between the look and the read
            continue
        if words.encode() in line:
            yield int(entry.name)


@contextmanager
def running(
    book: Path, state: Path, ports: Mapping[str, int] = MappingProxyType({}), *more: str
) -> Generator[Running]:
    """`bookgate dev` from its ready line on; whatever is left of it at the end is ended."""
    flags = [word for name in PORTS for word in (f"--{name}", str(ports.get(name, 0)))]
    command = [
        sys.executable,
        "-m",
        "gateway",
        "dev",
        "--book",
        str(book),
        "--state",
        str(state),
        *flags,
        *more,
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        words = process.stdout.readline().split()
        assert words[:2] == ["ready:", "book"], process.communicate(timeout=START_SECONDS)
        yield Running(process, words[2], words[4], state)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=END_SECONDS)


def until_gone(started: Running) -> list[int]:
    """The children that outlive END_SECONDS."""
    deadline = time.monotonic() + END_SECONDS
    while (left := started.children()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left
