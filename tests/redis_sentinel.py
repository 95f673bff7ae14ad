"""One master, two replicas and three sentinels that know each other from the start."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from hashlib import sha1
from pathlib import Path
from typing import Self

from tests.ports import free_ports
from tests.redis_server import RedisServer

_SERVICE = "main"
_WORD = "redis-word"
_SENTINEL_WORD = "sentinel-word"
_QUICK = ("repl-diskless-sync-delay 0", "repl-ping-replica-period 1", "repl-timeout 10")
_START_SECONDS = 30.0


class RedisSentinel:
    """Redis has a password, the sentinels have another.

    settings, sentinels: more lines of the configurations of the servers, and of the sentinels.
    """

    def __init__(
        self,
        folder: Path,
        settings: Sequence[str] = (),
        sentinels: Sequence[str] = (),
        *,
        in_tls: bool = False,
    ) -> None:
        ports = free_ports(6)
        secured = (f"requirepass {_WORD}", f"masterauth {_WORD}", *_QUICK, *settings)
        following = (*secured, f"replicaof 127.0.0.1 {ports[0]}")
        self.servers = [
            RedisServer(
                folder / f"redis{number}",
                settings=following if number else secured,
                port=port,
                password=_WORD,
                in_tls=in_tls,
            )
            for number, port in enumerate(ports[:3])
        ]
        self.sentinels = [
            RedisServer(
                folder / f"sentinel{number}",
                settings=(*_settings(number, ports), *sentinels),
                mode=("--sentinel",),
                port=port,
                password=_SENTINEL_WORD,
                in_tls=in_tls,
            )
            for number, port in enumerate(ports[3:])
        ]
        self._running = ExitStack()

    @property
    def place(self) -> str:
        """The sentinels, and what they call the master."""
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"{hosts}/{_SERVICE}"

    @property
    def url(self) -> str:
        return f"redis+sentinel://:{_WORD}@{self.place}?sentinel_password={_SENTINEL_WORD}"

    @property
    def master(self) -> RedisServer:
        """As the first sentinel says."""
        said = self.sentinels[0].command(f"SENTINEL GET-MASTER-ADDR-BY-NAME {_SERVICE}")
        port = int(said.split(b"\r\n")[4])
        return next(server for server in self.servers if server.port == port)

    def start(self) -> Self:
        for server in self.servers:
            self._running.callback(server.start().stop)
        self._wait_for_replicas()
        for sentinel in self.sentinels:
            self._running.callback(sentinel.start().stop)
        return self

    def stop(self) -> None:
        self._running.close()

    def _wait_for_replicas(self) -> None:
        until = time.monotonic() + _START_SECONDS
        while self.servers[0].command("INFO replication").count(b"state=online") < 2:
            if time.monotonic() > until:
                raise RuntimeError("the replicas do not follow")
            time.sleep(0.05)


def _settings(number: int, ports: list[int]) -> tuple[str, ...]:
    """The others are named, so that they need not be discovered."""
    others = [each for each in range(3) if each != number]
    return (
        f"requirepass {_SENTINEL_WORD}",
        f"sentinel sentinel-pass {_SENTINEL_WORD}",
        f"sentinel myid {_name(number)}",
        f"sentinel monitor {_SERVICE} 127.0.0.1 {ports[0]} 2",
        f"sentinel auth-pass {_SERVICE} {_WORD}",
        f"sentinel down-after-milliseconds {_SERVICE} 500",
        f"sentinel failover-timeout {_SERVICE} 2000",
        *(f"sentinel known-replica {_SERVICE} 127.0.0.1 {port}" for port in ports[1:3]),
        *(f"sentinel known-sentinel {_SERVICE} 127.0.0.1 {ports[3 + each]} {_name(each)}" for each in others),
    )


def _name(number: int) -> str:
    return sha1(f"sentinel {number}".encode(), usedforsecurity=False).hexdigest()
