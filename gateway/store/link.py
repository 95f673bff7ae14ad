"""The link between workers: what one publishes, all hear at once, or know that they may have missed it."""

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable
from typing import Final, Self

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from gateway.errors import StoreUnavailableError
from gateway.store.connection import Connection
from gateway.store.servers import Servers

_PUBLISHING: Final = 0.1  # seconds, for a message
_FRESH: Final = 1.0  # seconds since the last beat that came back
_BEAT: Final = 0.3  # seconds between beats
_PAUSE: Final = 0.1  # seconds before it is tried again


class Link:
    """One channel, and a beat: a message of each worker to itself that goes the whole way of all messages.

    on_message: told what was published, our own too. on_lost: told when messages may have been missed.
    Neither may block.
    """

    def __init__(self, servers: Servers, prefix: str) -> None:
        self.on_message: Callable[[bytes], None] = _ignored
        self.on_lost: Callable[[], None] = _nothing
        self._servers = servers
        self._publishing = Connection(servers, _PUBLISHING, gated=False)
        self._listening = servers.client(lambda _: True, connections=1)
        # in a cluster both are of one slot
        self._channel = f"{prefix}{{link}}"
        self._own = f"{prefix}{{link}}:{secrets.token_hex(8)}"
        self.last_beat = float("-inf")  # when one came back, by the loop's clock

    @classmethod
    def open(cls, url: str, prefix: str) -> Self:
        """url, prefix: as in gateway.yaml. ValueError, OSError: as `Connection.open`."""
        return cls(Servers.of(url, _FRESH / 2), prefix)

    @property
    def healthy(self) -> bool:
        """Whether a beat came back within the last second."""
        return asyncio.get_running_loop().time() - self.last_beat < _FRESH

    async def publish(self, message: bytes) -> None:
        """To all workers that hear, if Redis takes it within 100 ms."""
        await self._publish(self._channel, message)

    async def run(self) -> None:
        """Hears until it is cancelled, and connects again by itself."""
        while True:
            with contextlib.suppress(RedisError, OSError):
                await self._listen()
            if self.last_beat > float("-inf"):
                self.last_beat = float("-inf")
                self.on_lost()
            await asyncio.sleep(_PAUSE)

    async def close(self) -> None:
        """After `run` has ended."""
        await self._publishing.close()
        await self._listening.aclose()
        await self._servers.aclose()

    async def _publish(self, channel: str, message: bytes) -> None:
        def publish(redis: Redis) -> Awaitable[object]:
            run: Callable[..., Awaitable[object]] = redis.execute_command
            return run(self._listening.PUBLISH, channel, message)

        with contextlib.suppress(StoreUnavailableError):
            await self._publishing.do(publish)

    async def _listen(self) -> None:
        """RedisError, OSError: the connection was lost, or a beat did not come back."""
        async with asyncio.timeout(_FRESH):
            pool = await self._listening.listening_pool(self._channel)
            connection = await pool.get_connection()  # type: ignore[no-untyped-call]  # redis-py
        beating = asyncio.create_task(self._beat())
        try:
            await connection.send_command(self._listening.SUBSCRIBE, self._channel, self._own)
            await self._hear(connection)
        finally:
            beating.cancel()
            await connection.disconnect(nowait=True)
            await pool.release(connection)

    async def _beat(self) -> None:
        while True:
            await self._publish(self._own, b"")
            await asyncio.sleep(_BEAT)

    async def _hear(self, connection: AbstractConnection) -> None:
        loop = asyncio.get_running_loop()
        last = loop.time()
        while (left := last + _FRESH - loop.time()) > 0:
            match await connection.read_response(timeout=left):
                case [b"message" | b"smessage", channel, _] if channel == self._own.encode():
                    last = self.last_beat = loop.time()
                case [b"message" | b"smessage", _, bytes(message)]:
                    self.on_message(message)
                case [b"sunsubscribe", *_]:
                    raise RedisConnectionError("the channel moved to another node")
        raise RedisConnectionError("no beat came back")


def _ignored(_: bytes) -> None:
    """Nobody listens yet."""


def _nothing() -> None:
    """Nobody asks yet."""
