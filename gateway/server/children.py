"""Processes that belong to this one: each on a leash, with its own log file, ended by closing its input."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.server.leash import GRACE

_TAIL = 2000  # bytes of a log that are worth showing


@dataclass(frozen=True, slots=True)
class Child:
    """A running process and where it logs."""

    name: str
    process: asyncio.subprocess.Process
    log: Path
    begins: int = 0  # where this run's part of the log begins

    @property
    def exited(self) -> bool:
        return self.process.returncode is not None

    async def wait(self) -> int:
        return await self.process.wait()

    async def stop(self) -> None:
        """SIGTERM by way of the leash, SIGKILL for all of its group when that does not do."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            async with asyncio.timeout(GRACE + 2):
                await self.process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            await self.process.wait()

    def last_words(self) -> str:
        """The end of its log, to show when it died."""
        try:
            data = self.log.read_bytes()
        except FileNotFoundError:
            return ""
        return data[self.begins :][-_TAIL:].decode(errors="replace").strip()


async def start_child(
    name: str,
    command: Sequence[str],
    log: Path,
    *,
    env: Mapping[str, str] | None = None,
    keep_open: Sequence[int] = (),
) -> Child:
    """Start `command` on a leash.

    keep_open: file descriptors that the command inherits (a lock it shall hold as long as it lives).
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    # A session of its own: Ctrl-C in the terminal reaches the holder alone, which ends children in order.
    with log.open("ab") as out:
        begins = out.tell()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "gateway.server.leash",
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=out,
            stderr=asyncio.subprocess.STDOUT,
            env=None if env is None else dict(env),
            start_new_session=True,
            pass_fds=tuple(keep_open),
        )
    return Child(name, process, log, begins)
