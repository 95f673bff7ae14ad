"""What commands are given to: redis-py's commands, and what the house asks of a client besides."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from redis.asyncio import Redis

from gateway.store.pools import Pool


class Client(Redis, ABC):  # type: ignore[misc]  # redis-py defines `command_info` twice
    """The master, or all masters.

    PUBLISH, SUBSCRIBE: the commands of a channel whose messages pass one master, without a detour.
    """

    PUBLISH: ClassVar[str] = "PUBLISH"
    SUBSCRIBE: ClassVar[str] = "SUBSCRIBE"

    @abstractmethod
    async def histories(self) -> frozenset[str]:
        """Those of all masters, read now over connections that are opened now. RedisError, OSError."""

    @abstractmethod
    def renew(self) -> None:
        """No connection that is open now is used for another command."""

    @staticmethod
    @abstractmethod
    def of_one_slot(keys: Sequence[str]) -> list[list[str]]:
        """The keys in groups that one script may have together."""

    @abstractmethod
    async def listening_pool(self, channel: str) -> Pool:
        """The master that the messages of this channel pass, as it is now."""


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

    @staticmethod
    def of_one_slot(keys: Sequence[str]) -> list[list[str]]:
        return [list(keys)]

    async def listening_pool(self, channel: str) -> Pool:  # ruff: ignore[unused-method-argument]  # one has all
        return self._pool
