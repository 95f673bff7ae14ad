"""Looks at sessions the quick way: over one connection that all share, and that says too what has changed.

Where it is away, leads to what is not proved, or there is a cluster, a look goes the way of all operations.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from hashlib import sha1
from typing import Final, Protocol

import msgspec
from hiredis import ReplyError
from redis.exceptions import RedisError

from gateway.errors import GatewayError, StoreUnavailableError
from gateway.store import scripts
from gateway.store.lean import LeanConnection, Reply, packed
from gateway.store.operations import Looked, Store, looked
from gateway.store.pools import history_in, replication_in

Done = Callable[[Looked | GatewayError], None]

FRESH: Final = 1.0  # seconds since something was asked that was answered
BEAT: Final = 0.3  # seconds between two such questions
_TICK: Final = 0.1  # seconds between two looks at what is overdue
_GREETING: Final = 1.0  # seconds until a connection serves
_PAUSES: Final = (0.1, 2.0)  # seconds before it is opened again: at first, at most
_BEAT: Final = packed("INFO", "replication")
_DIGEST: Final = sha1(scripts.LOOK.encode(), usedforsecurity=False).hexdigest()


class Beats(Protocol):
    """last_beat: when one came back, by the loop's clock; long ago where none did within a second."""

    last_beat: float


class Question(msgspec.Struct, frozen=True, eq=False):
    """A look that may be asked for. packed: as a command."""

    records: Sequence[str]
    marks: str
    field: str
    packed: bytes


class Looks:
    """on_change: told which keys have changed (without their prefix); None: any may have.

    kinds: what the keys begin with whose changes are told. link: by it changes are heard of where the master
    does not tell them.

    fresh_until: of the loop's clock. Until then whatever was looked at and not told as changed is as it was.
    """

    def __init__(self, store: Store, link: Beats, kinds: Sequence[str]) -> None:
        self.on_change: Callable[[Sequence[str] | None], None] = _ignored
        self.fresh_until = float("-inf")
        self._store = store
        self._link = link
        self._prefix = store.prefix
        self._kinds = kinds
        self._connection = store.connection
        self._lean: LeanConnection | None = None
        self._history = ""
        self._tracks = False
        self._slow: set[asyncio.Task[None]] = set()
        self._heads = {count: _head("EVALSHA", _DIGEST, count) for count in (1, 2)}
        self._connection.on_doubt.append(self._doubted)

    async def close(self) -> None:
        """After `run` has ended."""
        await asyncio.gather(*self._slow, return_exceptions=True)

    @property
    def tracks(self) -> bool:
        """Whether the master tells what changes; else only the link does."""
        return self._tracks

    # -- what is asked

    def question(self, records: Sequence[str], marks: str, field: str = "") -> Question:
        """What `look` is asked, as often as need be. Of ASCII all of it; otherwise as `Store.look`."""
        return Question(records, marks, field, self._packed(self._heads[len(records)], records, marks, field))

    def look(self, question: Question, done: Done) -> None:
        """done: called once, never from in here; with a StoreUnavailableError if need be."""
        lean = self._ready
        if lean is None:
            self._slowly(question, done)
        elif lean.is_full:
            asyncio.get_running_loop().call_soon(done, _unavailable("too many questions"))
        else:
            lean.ask(question.packed, partial(self._replied, question, done))

    async def put_new(self, key: str, seconds: int) -> bool:
        """As `Store.put_new`. StoreUnavailableError."""
        lean = self._ready
        if lean is None or lean.is_full:
            return await self._store.put_new(key, seconds)
        try:
            return await lean.say("SET", self._prefix + key, 1, "NX", "EX", seconds) is not None
        except ConnectionResetError:
            return await self._store.put_new(key, seconds)
        except (ReplyError, OSError) as error:
            raise self._doubtful(error) from error

    @property
    def _ready(self) -> LeanConnection | None:
        """The connection, if what it leads to may be read now."""
        connection = self._connection
        return self._lean if connection.is_proved and connection.admits(self._history) else None

    def _slowly(self, question: Question, done: Done) -> None:
        """Behind the gate, which waits for a proof."""
        task = asyncio.create_task(self._look_slowly(question, done))
        self._slow.add(task)
        task.add_done_callback(self._slow.discard)

    async def _look_slowly(self, question: Question, done: Done) -> None:
        try:
            answer: Looked | GatewayError = await self._store.look(
                question.records, question.marks, question.field
            )
        except GatewayError as error:
            answer = error
        done(answer)

    def _replied(self, question: Question, done: Done, reply: Reply) -> None:
        if type(reply) is list:
            answer: Looked | GatewayError = self._understood(reply)
            done(answer)
            return
        if isinstance(reply, ReplyError) and str(reply).startswith("NOSCRIPT") and self._lean is not None:
            head = _head("EVAL", scripts.LOOK, len(question.records))
            packed_again = self._packed(head, question.records, question.marks, question.field)
            self._lean.ask(packed_again, partial(self._replied, question, done))
            return
        if isinstance(reply, ConnectionResetError):
            self._slowly(question, done)  # once more, as after every restart
            return
        done(self._doubtful(reply))

    def _understood(self, reply: Reply) -> Looked | GatewayError:
        try:
            return looked(reply)
        except (TypeError, ValueError) as error:
            return self._doubtful(error)

    def _doubtful(self, fault: Reply) -> StoreUnavailableError:
        """What went wrong, for the log: a kind, or Redis's own code; never a text."""
        if not isinstance(fault, ReplyError) and self._lean is not None:
            self._lean.abort()  # it is no reply to what was asked: nor are the next ones
        self._connection.doubt()
        return _unavailable(
            str(fault).partition(" ")[0] if isinstance(fault, ReplyError) else type(fault).__name__
        )

    def _packed(self, head: str, records: Sequence[str], marks: str, field: str) -> bytes:
        prefix = self._prefix
        keys = [f"${len(prefix) + len(key)}\r\n{prefix}{key}\r\n" for key in (marks, *records)]
        return f"{head}{''.join(keys)}${len(field)}\r\n{field}\r\n".encode()

    # -- the connection

    async def run(self) -> None:
        """Never returns: keeps the connection open and listens to what it says."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tick())
            if self._connection.servers.has_one_master:
                tasks.create_task(self._keep_open())

    async def _keep_open(self) -> None:
        first, most = _PAUSES
        pause, loop = first, asyncio.get_running_loop()
        while True:
            began = loop.time()
            with suppress(RedisError, ReplyError, OSError):  # TimeoutError is an OSError
                await self._serve()
            pause = first if loop.time() - began > most else min(2 * pause, most)
            await asyncio.sleep(pause)

    async def _serve(self) -> None:
        """RedisError, ReplyError, OSError: it is not to be had."""
        lean: LeanConnection | None = None
        try:
            async with asyncio.timeout(_GREETING):
                lean = await self._connection.servers.connect(self._opened)
                self._history = await self._greet(lean)
                self._tracks = await self._track(lean)
            if not self._connection.admits(self._history):
                self._connection.doubt()
            self._lean = lean
            self.on_change(None)  # by what is told from now on
            self._beat(lean)
            await lean.closed.wait()
        finally:
            if lean is not None:
                lean.abort()
            self._gone()

    def _opened(self) -> LeanConnection:
        return LeanConnection(self._connection.deadline, self._pushed, self._gone)

    async def _greet(self, lean: LeanConnection) -> str:
        """The history of what it leads to."""
        servers = self._connection.servers
        login = servers.login
        who = () if login.password is None else ("AUTH", login.username or "default", login.password)
        await lean.say("HELLO", 3, *who)
        if servers.db:
            await lean.say("SELECT", servers.db)
        return history_in(await lean.say("INFO"))

    async def _track(self, lean: LeanConnection) -> bool:
        """False: it may not, or does not know how."""
        words = [word for kind in self._kinds for word in ("PREFIX", self._prefix + kind)]
        try:
            await lean.say("CLIENT", "TRACKING", "ON", "BCAST", *words)
        except ReplyError:
            return False
        return True

    def _gone(self) -> None:
        """What has changed since is unknown, and who serves now as well."""
        if self._lean is not None:
            self._lean, self._tracks, self.fresh_until = None, False, float("-inf")
            self._connection.doubt()

    def _doubted(self) -> None:
        self.on_change(None)

    def _pushed(self, push: Sequence[Reply]) -> None:
        if push[0] != b"invalidate":
            return
        keys = push[1]
        if not isinstance(keys, list):  # FLUSHALL
            self.on_change(None)
            return
        self.on_change([key.decode("ascii", "replace").removeprefix(self._prefix) for key in keys])

    # -- whether it is still there

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        next_beat = loop.time()
        while True:
            lean = self._lean
            if not self._tracks:
                self.fresh_until = self._link.last_beat + FRESH
            if lean is not None:
                lean.sweep()
                if loop.time() >= next_beat:
                    next_beat = loop.time() + BEAT
                    self._beat(lean)
                if self._connection.is_proved and not self._connection.admits(self._history):
                    lean.abort()  # others were led elsewhere
            await asyncio.sleep(_TICK)

    def _beat(self, lean: LeanConnection) -> None:
        """Whatever changed before it was asked has been told when it is answered."""
        asked = asyncio.get_running_loop().time()

        def heard(info: Reply) -> None:
            try:
                same = self._history.endswith(f"/{replication_in(info)}")
            except RedisError:
                same = False
            if lean is not self._lean:
                return
            if not same:
                lean.abort()  # demoted, or with other data
            elif self._tracks:
                self.fresh_until = asked + FRESH

        lean.ask(_BEAT, heard)


def _unavailable(kind: str) -> StoreUnavailableError:
    return StoreUnavailableError(f"redis: {kind}", retry_after=1)


def _head(command: str, script: str, records: int) -> str:
    """The beginning of the packed command: of all but its keys and the field."""
    return f"*{5 + records}\r\n" + packed(command, script, 1 + records).decode().partition("\r\n")[2]


def _ignored(_: Sequence[str] | None) -> None:
    """Nobody keeps anything yet."""
