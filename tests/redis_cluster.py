"""Six nodes, three of them masters, that are a cluster from the start."""

import contextlib
import time
from collections.abc import Iterable
from contextlib import ExitStack
from hashlib import sha1
from pathlib import Path
from typing import Self

from tests.ports import free_ports
from tests.redis_server import RedisServer

_SLOTS = ("0-5460", "5461-10922", "10923-16383")
_QUICK = ("repl-diskless-sync-delay 0", "repl-ping-replica-period 1", "cluster-node-timeout 1000")
_START_SECONDS = 30.0


class RedisCluster:
    """Nodes 0 to 2 begin as masters, 3 to 5 as their replicas.

    settings: lines of the configuration of all. password: of the user `default`, which they set.
    """

    def __init__(
        self, folder: Path, settings: Iterable[str] = (), *, password: str = "", in_tls: bool = False
    ) -> None:
        ports = free_ports(12)
        self.nodes = []
        for number, (port, bus) in enumerate(zip(ports[:6], ports[6:], strict=True)):
            own = ("cluster-enabled yes", f"cluster-port {bus}", *_QUICK, *settings)
            self.nodes.append(
                RedisServer(
                    folder / f"node{number}", settings=own, port=port, password=password, in_tls=in_tls
                )
            )
            (folder / f"node{number}" / "nodes.conf").write_text(_nodes(number, ports))
        self._running = ExitStack()

    @property
    def hosts(self) -> str:
        """Some nodes; the others are found."""
        return ",".join(f"127.0.0.1:{node.port}" for node in self.nodes[1:4])

    @property
    def url(self) -> str:
        return f"redis+cluster://{self.hosts}"

    def start(self) -> Self:
        for node in self.nodes:
            self._running.callback(node.start().stop)
        for node in self.nodes:
            _wait_for(node, "CLUSTER INFO", b"cluster_state:ok")
        for node in self.nodes[:3]:
            _wait_for(node, "INFO replication", b"state=online")
        return self

    def stop(self) -> None:
        self._running.close()

    def master_of(self, key: str) -> RedisServer | None:
        """The first node that serves this key itself. None: nobody does at the moment."""
        for node in self.nodes:
            with contextlib.suppress(OSError):
                if not node.command(f"EXISTS {key}").startswith(b"-"):
                    return node
        return None


def _wait_for(node: RedisServer, command: str, said: bytes) -> None:
    until = time.monotonic() + _START_SECONDS
    while said not in node.command(command):
        if time.monotonic() > until:
            raise RuntimeError("the cluster does not come up")
        time.sleep(0.05)


def _nodes(number: int, ports: list[int]) -> str:
    """nodes.conf as this node would have written it: who is who, and who has which slots."""
    lines = []
    for each, (port, bus) in enumerate(zip(ports[:6], ports[6:], strict=True)):
        role = "slave" if each > 2 else "master"
        flags = f"myself,{role}" if each == number else role
        master = _name(each - 3) if each > 2 else "-"
        slots = "" if each > 2 else " " + _SLOTS[each]
        lines.append(
            f"{_name(each)} 127.0.0.1:{port}@{bus} {flags} {master} 0 0 {each % 3 + 1} connected{slots}"
        )
    return "\n".join([*lines, "vars currentEpoch 3 lastVoteEpoch 0", ""])


def _name(number: int) -> str:
    return sha1(f"node {number}".encode(), usedforsecurity=False).hexdigest()
