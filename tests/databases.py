"""Databases of both kinds for the directory: a SQLite file, and a PostgreSQL of the tests' own.

with postgres(folder) as server: ...     server.make() -> the URL of a new, empty database
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import IO

import asyncpg

from tests.ports import free_port

_NUMBERS = count()


def _binary(name: str) -> str:
    """Of the newest PostgreSQL that is installed."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    found = shutil.which(name) or (str(places[-1]) if places else None)
    assert found is not None, f"there is no {name}: install PostgreSQL"
    return found


def _account() -> tuple[int, int] | None:
    """User and group of the server, which refuses to run as root; None: ours."""
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam("postgres")
    return entry.pw_uid, entry.pw_gid


@dataclass
class Postgres:
    """A running server on loopback. process: of the server itself."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    def everybody(self) -> list[int]:
        """Process ids of the server and of who serves its connections."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [self.process.pid, *map(int, children.read_bytes().split())]

    @contextmanager
    def hanging(self) -> Generator[None]:
        """It takes connections, and answers none of them, until the block ends."""
        stopped = self.everybody()
        try:
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            yield
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)

    @property
    def admin(self) -> str:
        return f"postgresql://bookgate@127.0.0.1:{self.port}/postgres"

    async def make(self) -> str:
        """A new database; its URL as SQLAlchemy takes it."""
        name = f"d{next(_NUMBERS)}"
        connection = await asyncpg.connect(self.admin)
        try:
            await connection.execute(f"CREATE DATABASE {name}")
        finally:
            await connection.close()
        return f"postgresql+asyncpg://bookgate@127.0.0.1:{self.port}/{name}"


@contextmanager
def postgres(folder: Path) -> Generator[Postgres]:
    """A server until the block ends; what it says is in `folder`.

    Its data lie elsewhere: folders of tests are for who runs them, each run makes sure of that anew, and the
    server is somebody else.
    """
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="postgres-") as place, (folder / "log").open("wb") as log:
        server = _start(Path(place), folder, log)
        try:
            ready = [_binary("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(server.port), "-t", "1"]
            for _ in range(120):
                if subprocess.run(ready, check=False, timeout=10).returncode == 0:
                    break
                assert server.process.poll() is None, (folder / "log").read_text()
            yield server
        finally:
            server.process.send_signal(signal.SIGINT)  # its fast shutdown: connections are cut
            server.process.wait(60)


def _start(place: Path, folder: Path, log: IO[bytes]) -> Postgres:
    data, account = place / "data", _account()
    user, group = account or (None, None)
    if account is not None:
        os.chown(place, *account)
    made = [_binary("initdb"), "-D", str(data), "-U", "bookgate", "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run(made, check=True, capture_output=True, timeout=120, cwd=place, user=user, group=group)
    port = free_port()
    process = subprocess.Popen(
        [
            *(_binary("postgres"), "-D", str(data), "-p", str(port), "-c", "listen_addresses=127.0.0.1"),
            *("-c", f"unix_socket_directories={place}", "-c", "fsync=off", "-c", "max_connections=50"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=log,
        cwd=place,
        user=user,
        group=group,
    )
    return Postgres(folder, port, process)
