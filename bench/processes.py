"""Servers on a core of their own, and what they use: CPU time, memory, descriptors, as Linux tells it."""

import asyncio
import os
import secrets
import shutil
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from gateway.server.children import Child, start_child

LOAD_CORE = 0  # of the load, the backends and Redis
SERVER_CORE = 1  # of what is measured
_START = 60.0  # seconds
_PORTS = range(20_000, 32_000)  # below those that Linux hands out (ip(7), ip_local_port_range)


@dataclass(frozen=True, slots=True)
class Server:
    """A running command and all of its processes. port: 0, or where it serves on 127.0.0.1."""

    name: str
    child: Child
    port: int = 0

    def pids(self) -> list[int]:
        """Of the command and its descendants, not of the leash that holds it."""
        return [pid for first in _children(self.child.process.pid) for pid in _tree(first)]

    def cpu(self) -> int:
        """Nanoseconds on a CPU so far: user and system, of every thread that still runs."""
        return sum(_thread_cpu(task) for pid in self.pids() for task in Path(f"/proc/{pid}/task").iterdir())

    def memory(self) -> int:
        """Bytes that are its own: what forked processes share counts once."""
        return sum(_private(Path(f"/proc/{pid}/smaps_rollup")) for pid in self.pids())

    def descriptors(self, *, but_to: int) -> int:
        """How many are open, without connections to this port."""
        return sum(_descriptors(pid, but_to) for pid in self.pids())


@dataclass(frozen=True, slots=True)
class Machine:
    """Starts servers that end with `stack`. folder: of their logs; pinned: each to the cores it is given."""

    stack: AsyncExitStack
    folder: Path
    pinned: bool = True

    async def start(
        self,
        name: str,
        command: Sequence[str],
        *,
        port: int = 0,
        cores: Sequence[int] = (SERVER_CORE,),
        env: Mapping[str, str] | None = None,
    ) -> Server:
        """Start it on these cores. env: beside this process' own."""
        if self.pinned:
            command = ("taskset", "--cpu-list", ",".join(map(str, cores)), *command)
        log = self.folder / f"{name}.log"
        child = await start_child(name, command, log, env={**os.environ, **(env or {})})
        self.stack.push_async_callback(child.stop)
        return Server(name, child, port)


async def answers(
    server: Server, path: str, *, port: int | None = None, tls: ssl.SSLContext | None = None
) -> None:
    """Wait until it answers on `path`, whatever it says but 5xx. SystemExit: it does not."""
    url = f"{'https' if tls else 'http'}://127.0.0.1:{port or server.port}{path}"
    ends = asyncio.get_running_loop().time() + _START
    async with aiohttp.ClientSession() as session:
        while asyncio.get_running_loop().time() < ends and not server.child.exited:
            try:
                async with session.get(url, allow_redirects=False, ssl=tls or True) as response:
                    if response.status < 500:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)
    raise SystemExit(f"The server {server.name} does not start:\n{server.child.last_words()}")


async def listens(server: Server) -> None:
    """Wait until its port takes connections. SystemExit: it does not."""
    ends = asyncio.get_running_loop().time() + _START
    while asyncio.get_running_loop().time() < ends and not server.child.exited:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        except OSError:
            await asyncio.sleep(0.02)
            continue
        writer.close()
        return
    raise SystemExit(f"The server {server.name} does not start:\n{server.child.last_words()}")


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody has, and that no connection takes meanwhile for its own end."""
    found: set[int] = set()
    while len(found) < count:
        port = secrets.choice(_PORTS)
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            found.add(port)
    return list(found)


def program(name: str, *folders: Path) -> str:
    """Where a program is. SystemExit: it is not installed."""
    path = os.pathsep.join([*map(str, folders), os.environ.get("PATH", ""), "/usr/sbin"])
    found = shutil.which(name, path=path)
    if found is None:
        raise SystemExit(f"{name} is not installed: `make bench` does it.")
    return found


def _children(pid: int) -> list[int]:
    """Of each of its threads."""
    try:
        lists = [(task / "children").read_text("utf-8") for task in Path(f"/proc/{pid}/task").iterdir()]
    except FileNotFoundError:  # it ended meanwhile
        return []
    return [int(word) for line in lists for word in line.split()]


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for child in _children(pid):
        yield from _tree(child)


def _thread_cpu(task: Path) -> int:
    return int((task / "schedstat").read_text("utf-8").split()[0])


def _descriptors(pid: int, but_to: int) -> int:
    """Where a connection leads to says the kernel's table, by its inode (proc_pid_net(5))."""
    rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text("utf-8").splitlines()[1:]]
    others = {f"socket:[{row[9]}]" for row in rows if int(row[2].partition(":")[2], 16) == but_to}
    found = 0
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # the one that reads this folder, if it is our own
            found += str(descriptor.readlink()) not in others
    return found


def _private(rollup: Path) -> int:
    """Proportional set size (proc(5)): a page shared by N processes counts as an N-th of it for each."""
    for line in rollup.read_text("utf-8").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0
