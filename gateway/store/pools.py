"""Connections to masters, each of which knows the history of what it leads to, and pools of them.

These are redis-py's, with what they lack: a connection closes at once, also when the other side hangs; what
it leads to is asked when it is opened (a demoted master is no master), and counts whenever it is used.
"""

import re
import ssl
from collections.abc import Awaitable, Callable
from typing import Final

from redis.asyncio import Connection, ConnectionPool, UnixDomainSocketConnection
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse, RedisError
from redis.maint_notifications import MaintNotificationsConfig

Host = tuple[str, int]
Admits = Callable[[str], bool]
Greeting = Callable[[AbstractConnection], Awaitable[None]]

# Of INFO. A restart makes a new run id; a fail-over or another data set makes a new replication id.
_RUN: Final = re.compile(rb"^run_id:([0-9a-f]{40})\r?$", re.MULTILINE)
_REPLICATION: Final = re.compile(rb"^master_replid:([0-9a-f]{40})\r?$", re.MULTILINE)
_ROLE: Final = re.compile(rb"^role:([a-z]+)\r?$", re.MULTILINE)


class UnprovedError(RedisError):
    """A connection leads to a history that nobody has proved yet; nothing was asked over it."""


async def read_history(connection: AbstractConnection) -> str:
    """Which run of which data set the other side serves. RedisError: none, or it is no master."""
    await connection.send_command("INFO")
    return history_in(await connection.read_response())


def history_in(info: object) -> str:
    """The same, by what INFO says. RedisError: as above."""
    if not isinstance(info, bytes):
        raise InvalidResponse("INFO is no text")
    run, replication = _RUN.search(info), replication_in(info)
    if run is None:
        raise InvalidResponse("INFO without the ids of its server")
    return f"{run[1].decode()}/{replication}"


def replication_in(info: object) -> str:
    """The second half of a history, by what INFO says, or its part `replication` alone. RedisError."""
    if not isinstance(info, bytes):
        raise InvalidResponse("INFO is no text")
    replication, role = _REPLICATION.search(info), _ROLE.search(info)
    if replication is None or role is None:
        raise InvalidResponse("INFO without the ids of its server")
    if role[1] != b"master":
        # Its replies may be old, and it takes no writes.
        raise RedisConnectionError("connected to a replica")
    return replication[1].decode()


class KnownConnection(AbstractConnection):
    """Closes at once, and remembers which history it leads to."""

    history = ""

    async def disconnect(
        self,
        nowait: bool = False,  # ruff: ignore[boolean-type-hint-positional-argument, boolean-default-value-positional-argument]
        error: Exception | None = None,
        failure_count: int | None = None,
        health_check_failed: bool = False,  # ruff: ignore[boolean-type-hint-positional-argument, boolean-default-value-positional-argument]
    ) -> None:
        if self._writer is not None:
            # TLS would wait half a minute for the good-bye of a server that hangs.
            self._writer.transport.abort()
        await super().disconnect(nowait, error, failure_count, health_check_failed)


class TcpConnection(KnownConnection, Connection):
    """A server by its address, in TLS if there is a context."""

    # made once for all: to read certificates takes longer than a command
    context: ssl.SSLContext | None = None
    # asked for the address each time, instead of `host` and `port`
    where: Callable[[], Awaitable[Host]] | None = None

    async def _connect(self) -> None:
        if self.where is not None:
            self.host, self.port = await self.where()
        await super()._connect()  # type: ignore[no-untyped-call]  # redis-py

    def _connection_arguments(self) -> dict[str, object]:
        arguments = dict(super()._connection_arguments())
        return arguments if self.context is None else {**arguments, "ssl": self.context}


class UnixConnection(KnownConnection, UnixDomainSocketConnection):
    """A server of this machine."""


class Pool(ConnectionPool):
    """Connections to masters whose histories are all admitted.

    open_connection: one that is not connected yet and greets as it is told. admits: says whether a history
    may be served from. connections: the most there may be.
    """

    def __init__(
        self, open_connection: Callable[[Greeting], KnownConnection], admits: Admits, connections: int
    ) -> None:
        super().__init__(
            max_connections=connections,
            # Where these are on, the pool does not look for unread replies before it hands out a connection.
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
            protocol=2,
        )
        self._open_connection = open_connection
        self._admits = admits

    def make_connection(self) -> KnownConnection:
        return self._open_connection(self._greet)

    async def ensure_connection(self, connection: AbstractConnection) -> None:
        if isinstance(connection, KnownConnection) and connection.is_connected:
            stale = connection.should_reconnect()  # type: ignore[no-untyped-call]  # redis-py
            if stale or not self._admits(connection.history):
                await connection.disconnect()
        await super().ensure_connection(connection)

    def renew(self) -> None:
        """No connection that is open now is used for another command."""
        for connection in (*self._get_free_connections(), *self._get_in_use_connections()):
            connection.mark_for_reconnect()  # type: ignore[no-untyped-call]  # redis-py

    async def history(self) -> str:
        """The history of what a connection leads to now."""
        connection = await self.get_connection()  # type: ignore[no-untyped-call]  # redis-py
        try:
            return await read_history(connection)
        finally:
            await self.release(connection)

    async def _greet(self, connection: AbstractConnection) -> None:
        await connection.on_connect()
        history = await read_history(connection)
        if not self._admits(history):
            raise UnprovedError("connected to an unproved history")
        if isinstance(connection, KnownConnection):
            connection.history = history


async def ask(connection: AbstractConnection, *command: str) -> object:
    """One answer, over a connection that is opened for it and closed."""
    try:
        await connection.connect()  # type: ignore[no-untyped-call]  # redis-py
        await connection.send_command(*command)
        return await connection.read_response()
    finally:
        await connection.disconnect(nowait=True)
