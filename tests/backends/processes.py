"""The services as people run them: processes of their own, found by the address that they print."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tests.backends.issuer import ISSUER, Issuer


class Process:
    """A running `python -m backends.NAME run`."""

    def __init__(self, name: str, file: Path, issuer: Issuer, listen: str = "127.0.0.1:0") -> None:
        prefix = f"BOOKGATE_{name.upper()}_"
        self.started = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", f"backends.{name}", "run"],
            env=environment(prefix, file, issuer, listen),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.address = self._address()
        self.url = f"http://{self.address}"

    def _address(self) -> str:
        assert self.started.stdout is not None
        seen = []
        for line in self.started.stdout:
            seen.append(line)
            if '"listening"' in line:
                return str(json.loads(line)["address"])
        raise AssertionError("".join(seen))

    def stop(self) -> tuple[int, str]:
        """SIGTERM: the exit code and what it still said."""
        self.started.send_signal(signal.SIGTERM)
        said, _ = self.started.communicate(timeout=20)
        return self.started.returncode, said

    def kill(self) -> None:
        self.started.kill()
        self.started.communicate(timeout=20)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        if self.started.poll() is None:
            self.kill()


def environment(prefix: str, file: Path, issuer: Issuer, listen: str) -> Mapping[str, str]:
    return os.environ | {
        prefix + "DATABASE": f"sqlite:///{file}",
        prefix + "LISTEN": listen,
        prefix + "ISSUER": ISSUER,
        prefix + "JWKS": issuer.url,
    }


def command(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", f"backends.{name}", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={key: value for key, value in os.environ.items() if not key.startswith("BOOKGATE_")},
    )
