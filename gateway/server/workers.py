"""The parent's side of workers: the nursery that they come from, and the line to each."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from gateway.server.orders import ENDED, Failed, Leave, Leaving, Line, Order, Ready, Started
from gateway.server.times import GRACE, READY, UNWIND

_STATUS = 1.0  # seconds that the nursery has to say how a worker ended


class Worker:
    """One worker, from its fork to its end. `over`: it takes no more connections; `gone`: it is no more."""

    def __init__(self, nursery: "Nursery", line: Line) -> None:
        self._nursery = nursery
        self._line = line
        self.pid = 0
        self.reason = ""  # why it cannot serve, in its own words
        self.ready = asyncio.Event()
        self.over = asyncio.Event()
        self.gone = asyncio.Event()
        self._following = asyncio.create_task(self._follow())
        self._ending: asyncio.Task[None] | None = None

    async def _follow(self) -> None:
        while (report := await self._line.report()) is not None:
            match report:
                case Started(pid):
                    self.pid = pid
                case Ready():
                    self.ready.set()
                case Failed(reason):
                    self.reason = reason
                case Leaving():
                    self.over.set()
        self._line.close()
        self.over.set()
        self.gone.set()

    def say(self, order: Order) -> None:
        self._line.say(order)

    async def serves(self) -> bool:
        """Waits until it does; False: it ended, or was ended because it took too long."""
        waiting = [asyncio.create_task(event.wait()) for event in (self.ready, self.over)]
        await asyncio.wait(waiting, timeout=READY, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        if not self.ready.is_set() and not self.gone.is_set():
            self.reason = self.reason or f"it did not serve within {READY:.0f} s"
            self.kill()
        return self.ready.is_set() and not self.over.is_set()

    def leave(self, patience: float) -> None:
        """Told to end in order, and ended when it does not. patience: seconds for idle connections."""
        self.say(Leave(patience))
        if self._ending is not None:
            self._ending.cancel()
        self._ending = asyncio.create_task(self._end_within(patience + GRACE + UNWIND))

    async def _end_within(self, limit: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.gone.wait(), limit)
        self.kill()

    def kill(self) -> None:
        """Its pid is its own as long as its line is open."""
        if self.pid and not self.gone.is_set():
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    async def ended(self) -> str:
        """How it ended, once it is gone."""
        await self.gone.wait()
        status = await self._nursery.status(self.pid)
        if status is None:
            return "unknown"
        if os.WIFSIGNALED(status):
            return signal.Signals(os.WTERMSIG(status)).name
        return f"status {os.waitstatus_to_exitcode(status)}"


class Nursery:
    """The process that forks; see gateway/server/nursery.py."""

    def __init__(self, process: asyncio.subprocess.Process, control: socket.socket) -> None:
        self._process = process
        self._control = control
        self._ended: dict[int, int] = {}
        self._news = asyncio.Condition()
        self.alive = True
        self._following = asyncio.create_task(self._follow())

    @classmethod
    async def open(cls, config: Path, lock: int, listening: Sequence[int]) -> Self:
        """Start one. lock: of the log stream; listening: descriptors that its workers inherit."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            end = theirs.fileno()
            # A session of its own: Ctrl-C in the terminal reaches the parent alone.
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "gateway.server.nursery",
                str(end),
                str(lock),
                str(config),
                stdin=asyncio.subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=(end, lock, *listening),
            )
        return cls(process, ours)

    async def fork(self) -> Worker:
        """A new worker, which waits for its first order; one that is gone where the nursery is."""
        ours, theirs = socket.socketpair()
        with theirs, suppress(OSError):
            socket.send_fds(self._control, [b"+"], [theirs.fileno()])
        return Worker(self, await Line.open(ours))

    async def status(self, pid: int) -> int | None:
        """As waitpid gave it; None: nobody knows."""
        async with self._news:
            with suppress(TimeoutError):
                known = self._news.wait_for(lambda: pid in self._ended or not self.alive)
                await asyncio.wait_for(known, _STATUS)
        return self._ended.pop(pid, None)

    async def _follow(self) -> None:
        loop, said = asyncio.get_running_loop(), b""
        while self.alive:
            try:
                piece = await loop.sock_recv(self._control, 4096)
            except OSError:
                piece = b""
            said += piece
            async with self._news:
                self.alive = bool(piece)
                while len(said) >= ENDED.size:
                    pid, status = ENDED.unpack_from(said)
                    self._ended[pid], said = status, said[ENDED.size :]
                self._news.notify_all()

    async def close(self) -> None:
        """It ends; its workers do not."""
        self.alive = False
        self._following.cancel()
        self._control.close()
        try:
            await asyncio.wait_for(self._process.wait(), UNWIND)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
