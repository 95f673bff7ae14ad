"""What commands are given to: redis-py's commands, and what the house asks of a client besides."""

from abc import ABC, abstractmethod

from redis.asyncio import Redis

from gateway.store.pools import Pool


class Client(Redis, ABC):  # type: ignore[misc]  # redis-py defines `command_info` twice
    """The master, or all masters."""

    @abstractmethod
    async def histories(self) -> frozenset[str]:
        """Those of all masters, read now over connections that are opened now. RedisError, OSError."""

    @abstractmethod
    def renew(self) -> None:
        """No connection that is open now is used for another command."""

    @abstractmethod
    async def listening_pool(self, channel: str) -> Pool:
        """Where to subscribe to what is published with this client."""


class MasterClient(Client):
    """One master, wherever its pool finds it."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(connection_pool=pool)
        self.auto_close_connection_pool = True
        self._pool = pool

    async def histories(self) -> frozenset[str]:
        self._pool.renew()
        return frozenset({await self._pool.history()})

    def renew(self) -> None:
        self._pool.renew()

    async def listening_pool(self, channel: str) -> Pool:  # ruff: ignore[unused-method-argument]  # one has all
        return self._pool
