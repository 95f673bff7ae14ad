"""The connections to one URL: made, kept for the next call, given up before the backend does."""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from gateway.errors import BackendBrokenError, BackendTimeoutError, GatewayError
from gateway.proxy.balance import Standing
from gateway.proxy.call import Call
from gateway.proxy.connection import Connection
from gateway.proxy.hosts import Hosts
from gateway.routes import Address

IDLE: Final = 4.0  # seconds; servers begin to close idle connections after 5


class Pool:
    """Of one event loop. clock: seconds, monotonic."""

    def __init__(
        self, address: Address, context: ssl.SSLContext | None, connect: float, clock: Callable[[], float]
    ) -> None:
        self.address = address
        self.standing = Standing()
        self._context = context
        self._connect = connect
        self._clock = clock
        self._idle: list[Connection] = []  # the last one that was used is the next: the others grow old
        self._open: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._hosts = Hosts(address, clock)

    def serve(self, call: Call) -> None:
        """Gives a call a connection: one that waits for it, or a new one."""
        while self._idle and not call.fresh:
            connection = self._idle.pop()
            if connection.has_news:
                connection.abort()  # whoever asks next would be given what is somebody else's
            elif connection.is_open:
                call.use(self.address, connection)
                return
        task = asyncio.create_task(self._connect_for(call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        call.begin(self.address, task)

    def keep(self, connection: Connection) -> None:
        if self._hosts.is_fixed or self._hosts.knows(connection.peer):
            connection.is_reused = True
            connection.idle_since = self._clock()
            self._idle.append(connection)
        else:
            connection.abort()  # the name has moved, and a busy connection would never learn of it

    def forget(self, connection: Connection) -> None:
        if connection in self._open:
            self._open.discard(connection)
            with suppress(ValueError):
                self._idle.remove(connection)

    def sweep(self, now: float) -> None:
        """Ends what was idle for too long; follows a name while it is in use."""
        while self._idle and self._idle[0].idle_since + IDLE <= now:
            self._idle.pop(0).abort()
        if self._open:
            self._hosts.refresh(now)

    @property
    def is_empty(self) -> bool:
        return not self._open

    async def close(self) -> None:
        """Ends every connection, also those that are at work."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._hosts.close()
        for connection in tuple(self._open):
            connection.abort()

    def _made(self) -> Connection:
        return Connection(self)

    async def _connect_for(self, call: Call) -> None:
        try:
            connection = await self._new()
        except GatewayError as error:
            call.unconnected(error)
        else:
            call.use(self.address, connection)

    async def _new(self) -> Connection:
        try:
            if self.address.unix is not None:
                loop = asyncio.get_running_loop()
                _, connection = await loop.create_unix_connection(self._made, self.address.unix)
            else:
                connection = await self._connect_to_any(await self._hosts.find())
        except TimeoutError as error:
            raise BackendTimeoutError(repr(error)) from error
        except OSError as error:
            raise BackendBrokenError(repr(error)) from error
        if not connection.is_open:
            raise BackendBrokenError("the connection ended as soon as it began")
        self._open.add(connection)
        return connection

    async def _connect_to_any(self, hosts: Sequence[str]) -> Connection:
        """The first that answers; all of them share the time that one may take."""
        loop, error = asyncio.get_running_loop(), OSError("the name has no address")
        for host in hosts:
            try:
                async with asyncio.timeout(self._connect / len(hosts)):
                    _, connection = await loop.create_connection(
                        self._made,
                        host,
                        self.address.port,
                        ssl=self._context,
                        server_hostname=self.address.host if self._context is not None else None,
                    )
                    return connection
            except OSError as failure:  # a time-out is one
                error = failure
        raise error
