"""Clients of what `redis.url` says; what they learn of where the masters are, they share."""

import asyncio
import ssl
from collections.abc import Callable
from functools import partial
from typing import Self, TypeVar

from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError

from gateway import redis_address
from gateway.redis_address import Kind, Login, RedisAddress, Tls
from gateway.store.client import Client, MasterClient
from gateway.store.cluster import ClusterClient, Topology
from gateway.store.pools import Admits, Greeting, Host, Pool, TcpConnection, UnixConnection, ask
from gateway.store.sentinels import Sentinels

P = TypeVar("P", bound=asyncio.BaseProtocol)


class Servers:
    """deadline: seconds, for connecting; half of it for finding out where the masters are."""

    def __init__(self, address: RedisAddress, deadline: float) -> None:
        self._address = address
        self._deadline = deadline
        self._context = None if address.tls is None else _context(address.tls)
        self._sentinels = Sentinels(address.hosts, address.service, self._ask_sentinel, deadline / 2)
        self._topology = Topology(address.hosts, self._ask_node, deadline / 2)

    @classmethod
    def of(cls, url: str, deadline: float) -> Self:
        """ValueError: no URL of a Redis. OSError: a file that it names cannot be read."""
        return cls(redis_address.parse(url), deadline)

    def client(self, admits: Admits, connections: int) -> Client:
        """A client with connections of its own. admits: says which histories are served from."""
        if self._address.kind is Kind.CLUSTER:
            return ClusterClient(
                self._topology, lambda node: Pool(partial(self._tcp, node), admits, connections)
            )
        opening = (
            self._unix if self._address.kind is Kind.UNIX else partial(self._tcp, self._address.hosts[0])
        )
        return MasterClient(Pool(opening, admits, connections))

    @property
    def has_one_master(self) -> bool:
        return self._address.kind is not Kind.CLUSTER

    @property
    def login(self) -> Login:
        return self._address.login

    @property
    def db(self) -> int:
        return self._address.db

    async def connect(self, protocol: Callable[[], P]) -> P:
        """A connection to the one master, as it is now. OSError, RedisError."""
        loop = asyncio.get_running_loop()
        if self._address.kind is Kind.UNIX:
            return (await loop.create_unix_connection(protocol, self._address.path))[1]
        sentinel = self._address.kind is Kind.SENTINEL
        host, port = await self._sentinels.master() if sentinel else self._address.hosts[0]
        return (await loop.create_connection(protocol, host, port, ssl=self._context))[1]

    async def aclose(self) -> None:
        await self._sentinels.aclose()
        await self._topology.aclose()

    def _unix(self, greeting: Greeting) -> UnixConnection:
        login = self._address.login
        return UnixConnection(
            path=self._address.path,
            username=login.username,
            password=login.password,
            db=self._address.db,
            redis_connect_func=greeting,
            socket_timeout=None,
            socket_connect_timeout=self._deadline,
            retry=_once_more(),
            protocol=2,
            driver_info=None,
        )

    def _tcp(self, host: Host, greeting: Greeting) -> TcpConnection:
        connection = self._connection(host, self._address.login, greeting, self._address.db)
        if self._address.kind is Kind.SENTINEL:
            connection.where = self._sentinels.master
        return connection

    def _connection(
        self, host: Host, login: Login, greeting: Greeting | None = None, db: int = 0
    ) -> TcpConnection:
        connection = TcpConnection(
            host=host[0],
            port=host[1],
            username=login.username,
            password=login.password,
            db=db,
            redis_connect_func=greeting,
            # An operation has one deadline for all of it; with this one redis-py makes a task for each write.
            socket_timeout=None,
            socket_connect_timeout=self._deadline,
            retry=_once_more(),
            protocol=2,
            driver_info=None,
        )
        connection.context = self._context
        return connection

    async def _ask_sentinel(self, host: Host) -> object:
        return await ask(self._connection(host, self._address.sentinel_login), "SENTINEL MASTERS")

    async def _ask_node(self, host: Host) -> object:
        return await ask(self._connection(host, self._address.login), "CLUSTER SLOTS")


def _once_more() -> Retry:
    """At once: the first command after a restart finds a dead connection."""
    return Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,))


def _context(tls: Tls) -> ssl.SSLContext:
    """OSError: a file cannot be read or is no certificate."""
    context = ssl.create_default_context(cafile=tls.ca)
    if tls.certificate is not None:
        context.load_cert_chain(tls.certificate, tls.key)
    return context
