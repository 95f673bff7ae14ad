"""What ended stays ended: acts are done to every data set that Redis serves, whatever it has forgotten.

An act is a row in the directory before it is done to Redis. Redis remembers up to which row it was told (the
checkpoint, as old as the data set it lies in), so that the rows after it can be done again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, assert_never

import msgspec

from gateway.directory import NotedAct
from gateway.directory import Revocations as Rows
from gateway.errors import DirectoryUnavailableError, GatewayError, StoreUnavailableError
from gateway.journal import Journal
from gateway.revocation_rules import (
    EndAtOrigin,
    EndAtProvider,
    EndBook,
    EndPerson,
    EndProviderSession,
    EndSignIn,
)
from gateway.sessions import Sessions
from gateway.store import Checkpoint, Store
from gateway.telemetry import Log

EVERY: Final = 1.0  # seconds between two looks at the rows
AT_MOST_EVERY: Final = 0.05  # the same however often somebody says that there is something new
CHECKPOINT_EVERY: Final = 5.0
PURGE_EVERY: Final = 600.0
OVERLAP: Final = 3600  # seconds before the checkpoint that are done again
PATIENCE: Final = 0.25  # seconds that a proof waits for rows which no fail-over can have undone
AT_ONCE: Final = 8  # acts

# Looks at what is open under these keys and slots (None: at all that is) and ends what may not be any more.
Look = Callable[[frozenset[str] | None], Coroutine[None, None, None]]


class Told(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A message to the other workers. ended: keys and slots; None: there are new marks."""

    sender: str
    ended: list[str] | None = None


class Revocations:
    """on_rows: awaited with what was found ended in the directory, whoever noted it.

    publish: takes a message to the other workers, which their `hear` is called with.
    """

    def __init__(
        self,
        rows: Rows,
        journal: Journal,
        store: Store,
        checkpoint: Checkpoint,
        sessions: Sessions,
        sender: str,
        log: Log,
    ) -> None:
        self._rows = rows
        self._journal = journal
        self._store = store
        self._checkpoint = checkpoint
        self._sessions = sessions
        self._sender = sender
        self._log = log
        self._proved: frozenset[str] = frozenset()
        self._halfway: tuple[frozenset[str], int] | None = None
        self._last = 0  # the row up to which all are done
        self._written: int | None = None  # the checkpoint of the data set
        self._wake = asyncio.Event()
        self._looking: set[asyncio.Task[None]] = set()
        self.on_rows: list[Look] = []
        self.publish: Callable[[bytes], Awaitable[None]] = _to_nobody

    # -- the proof

    async def prove(self) -> None:
        """Whatever was noted is done to the data that Redis serves now.

        StoreUnavailableError: Redis cannot be asked, or serves other data than before while the directory
        cannot say what had ended.
        """
        histories = await self._store.connection.histories()
        if histories <= self._proved:
            self._proved = histories
            await self._catch_up()
            return
        try:
            await self._replay(histories)
        except DirectoryUnavailableError as error:
            raise StoreUnavailableError(f"unproved: {error.detail}", retry_after=1) from error

    async def _catch_up(self) -> None:
        """Redis has lost nothing that was done; what was noted while it was away is done first.

        That much only if the directory answers soon: while it is away, whoever is signed in goes on.
        """
        with suppress(DirectoryUnavailableError, TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._follow(self._store.ungated)

    async def _replay(self, histories: frozenset[str]) -> None:
        await self._journal.catch_up()
        if self._halfway is None or self._halfway[0] != histories:
            self._halfway = histories, await self._start()
        number = first = self._halfway[1]
        while rows := await self._rows.after(number):
            await self._do(rows, self._store.ungated)
            number = rows[-1].id
            self._halfway = histories, number
        self._log.info("revocations", replayed_after=first, up_to=number)
        self._proved, self._halfway = histories, None
        self._last = max(self._last, number)
        self._written = None

    async def _start(self) -> int:
        """The row after which to begin."""
        told = await self._checkpoint.read()
        if told is None:
            # Who has nothing has no session either.
            told = await self._rows.newest() if await self._checkpoint.nothing_is_kept() else 0
        return await self._rows.before(told, OVERLAP)

    # -- beside requests

    async def start(self) -> None:
        """Has the marks, before anything is served. DirectoryUnavailableError."""
        self._sessions.marks = await self._rows.marks()

    async def run(self) -> None:
        """Never returns: does what others noted, has their marks, keeps the checkpoint, forgets old rows."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._again(self.look, self._next_look))
            tasks.create_task(self._again(self.keep_checkpoint, partial(asyncio.sleep, CHECKPOINT_EVERY)))
            tasks.create_task(self._again(self._purge, partial(asyncio.sleep, PURGE_EVERY)))

    async def _again(self, work: Callable[[], Awaitable[None]], rest: Callable[[], Awaitable[None]]) -> None:
        fault = None
        while True:
            try:
                await work()
                fault = None
            except GatewayError as error:
                if error.code != fault:  # once, not every second
                    self._log.warning("revocations", fault=error.code, detail=error.detail)
                fault = error.code
            await rest()

    async def _next_look(self) -> None:
        await asyncio.sleep(AT_MOST_EVERY)
        with suppress(TimeoutError):
            async with asyncio.timeout(EVERY - AT_MOST_EVERY):
                await self._wake.wait()

    async def look(self) -> None:
        """Once: what was noted and marked since the last look.

        DirectoryUnavailableError, StoreUnavailableError: it is for the next one.
        """
        self._wake.clear()
        await self._journal.catch_up()
        marks = await self._rows.marks()
        if marks != self._sessions.marks:
            self._sessions.marks = marks
            self._look_at(None)
        if not self._proved:
            await self._store.ping()  # the proof does all rows that there are
        await self._follow(self._store)

    async def _follow(self, store: Store) -> None:
        while rows := await self._rows.after(self._last):
            await self._do(rows, store)
            self._last = max(self._last, rows[-1].id)

    async def _do(self, rows: Sequence[NotedAct], store: Store) -> None:
        """All of them again, one's own too: one may have ended between its row and Redis."""
        for first in range(0, len(rows), AT_ONCE):
            some = rows[first : first + AT_ONCE]
            done = await asyncio.gather(*(self._apply(row, store) for row in some), return_exceptions=True)
            for outcome in done:
                if isinstance(outcome, BaseException):
                    raise outcome
                self._look_at(outcome)

    async def _apply(self, row: NotedAct, store: Store) -> frozenset[str] | None:
        """What is to be looked at: not only what has ended just now, for others may have done it before."""
        try:
            ended = await self._sessions.apply(row.act, store)
        except ValueError as error:  # no key of ours: no reason to serve nobody any more
            self._log.error("revocations", row=row.id, fault="not_understood", detail=str(error))
            return frozenset()
        match row.act:
            case EndAtProvider(slot) | EndAtOrigin(slot):
                return ended | {slot}
            case EndProviderSession():
                return None
            case EndSignIn() | EndBook() | EndPerson():
                return ended
            case never:
                assert_never(never)

    def _look_at(self, names: frozenset[str] | None) -> None:
        """Beside, for a look waits for the proof, and this may be a part of it."""
        for look in self.on_rows:
            task = asyncio.create_task(look(names))
            self._looking.add(task)
            task.add_done_callback(self._looking.discard)

    async def keep_checkpoint(self) -> None:
        """Has the data set remember up to which row all are done. StoreUnavailableError."""
        number = self._last
        if self._proved and number != self._written:
            await self._checkpoint.write(number)
            self._written = number

    async def _purge(self) -> None:
        while await self._rows.purge():
            pass

    # -- the link between workers

    async def announce(self, ended: frozenset[str]) -> None:
        """Tells the others what has ended (keys of sessions, people's slots)."""
        if ended:
            await self.publish(msgspec.msgpack.encode(Told(self._sender, sorted(ended))))

    async def announce_marks(self) -> None:
        """Tells the others that there are new marks."""
        await self.publish(msgspec.msgpack.encode(Told(self._sender)))

    def hear(self, message: bytes) -> None:
        """What another worker tells; whatever is not of our form is nobody's."""
        try:
            told = msgspec.msgpack.decode(message, type=Told)
        except msgspec.DecodeError:
            return
        if told.sender == self._sender:
            return
        if told.ended is None:
            self._wake.set()
            return
        for on_end in self._sessions.on_end:
            on_end(frozenset(told.ended))

    def lost(self) -> None:
        """The link was lost: messages may be, and Redis may be another one now."""
        self._store.connection.doubt()
        self._wake.set()


async def _to_nobody(_message: bytes) -> None:
    """Where there is no link, others find the row."""
