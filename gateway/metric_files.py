"""Several workers, one listening socket: whichever is asked tells the numbers of all.

Each writes its own into a file, once a second and before it answers.
"""

import asyncio
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from gateway.metrics import Metrics, Numbers, exposed
from gateway.telemetry import Log

EVERY: Final = 1.0  # seconds
STALE: Final = 60.0  # seconds; by then a file is of a worker that is gone, and its number another process's
_decode = msgspec.json.Decoder(Numbers).decode


class MetricFiles:
    """A worker's way to tell and to be told. folder: that all workers of the gateway share."""

    def __init__(self, metrics: Metrics, folder: Path, log: Log) -> None:
        self._metrics = metrics
        self._folder = folder
        self._own = folder / str(metrics.worker)
        self._log = log
        self._writing = asyncio.Lock()
        self._failed = False

    async def run(self) -> None:
        """Runs until cancelled. A disk that is full or slow keeps nothing else waiting."""
        try:
            while True:
                await self._tell()
                await asyncio.sleep(EVERY)
        finally:
            self._own.unlink(missing_ok=True)

    async def text(self) -> str:
        """The numbers of all workers, this one's as they are now."""
        own = await self._tell()  # whoever is asked next must not know less: counters never fall
        return exposed(await asyncio.to_thread(self._others) | own)

    async def _tell(self) -> Numbers:
        async with self._writing:
            numbers = self._metrics.numbers()
            try:
                await asyncio.to_thread(self._write, numbers)
                self._failed = False
            except OSError as error:
                if not self._failed:
                    self._log.warning("metrics", fault=str(error))
                self._failed = True
            return numbers

    def _write(self, numbers: Numbers) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        beside = self._own.with_suffix(".new")
        beside.write_bytes(msgspec.json.encode(numbers))
        beside.replace(self._own)

    def _others(self) -> Numbers:
        told: Numbers = {}
        with suppress(OSError):
            for file in self._folder.iterdir():
                if file != self._own and file.name.isdigit():
                    told |= _read(file)
        return told


def _read(file: Path) -> Numbers:
    """What a worker tells; of one that is gone nothing, and its file goes too."""
    with suppress(FileNotFoundError, msgspec.DecodeError):  # it has just ended; or nobody wrote this
        if _is_there(int(file.name)) and time.time() - file.stat().st_mtime < STALE:
            return _decode(file.read_bytes())
        file.unlink()
    return {}


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
