"""The development provider: anybody signs in by a name alone, on this machine's loopback and nowhere else.

    python -m gateway.development.provider --listen 127.0.0.1:8090 --gateway http://127.0.0.1:8080

No site may use it, so it refuses to: it listens on loopback and sends people back to a loopback gateway.
"""

import argparse
import asyncio
import contextlib
import signal
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import web

from gateway.development.authorization import Client, DevelopmentServer
from gateway.development.loopback import HOSTS, is_loopback_origin
from gateway.development.provider_pages import ProviderPages
from gateway.development.readers import SUGGESTED, Reader, parse_reader


@dataclass(frozen=True, slots=True)
class Arguments:
    """A proved command line."""

    host: str
    port: int
    gateway: str
    client_id: str
    readers: tuple[Reader, ...]


def parse_arguments(words: Sequence[str] | None = None) -> Arguments:
    """The command line; whatever is not loopback ends the program with status 2 and the reason."""
    parser = argparse.ArgumentParser(prog="python -m gateway.development.provider", description=__doc__)
    parser.add_argument(
        "--listen", default="127.0.0.1:8090", help="HOST:PORT on loopback; port 0: any free one"
    )
    parser.add_argument("--gateway", required=True, help="the public_url of a gateway on loopback")
    parser.add_argument("--client-id", default="bookgate", help="the gateway's client_id")
    parser.add_argument("--name", action="append", help="a name to pick, may be repeated")
    found = parser.parse_args(words)
    host, port = _address(parser, found.listen)
    if not is_loopback_origin(found.gateway):
        parser.error(
            f"--gateway {found.gateway}: this provider lets anybody be anybody, so it serves only a gateway"
            " on loopback: http(s)://localhost, 127.0.0.1 or [::1] with a port and without a path"
        )
    names = found.name or SUGGESTED
    readers = tuple(reader for reader in map(parse_reader, names) if reader is not None)
    return Arguments(host, port, found.gateway, found.client_id, readers)


def _address(parser: argparse.ArgumentParser, listen: str) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{listen}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if host not in HOSTS or port is None or parts.netloc != listen:
        parser.error(f"--listen {listen}: only HOST:PORT on loopback (localhost, 127.0.0.1, [::1])")
    return host, port


def open_socket(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family)


async def serve(listener: socket.socket, arguments: Arguments) -> None:
    """Serve until SIGINT or SIGTERM."""
    host = f"[{arguments.host}]" if ":" in arguments.host else arguments.host
    issuer = f"http://{host}:{listener.getsockname()[1]}"
    client = Client(arguments.client_id, arguments.gateway)
    pages = ProviderPages(DevelopmentServer(issuer, client, time.time), arguments.gateway, arguments.readers)
    runner = web.AppRunner(pages.application(), access_log=None, shutdown_timeout=1)
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        _say(f"development provider: {issuer} for {arguments.gateway}")
        await ended.wait()
    finally:
        await runner.cleanup()


def main(words: Sequence[str] | None = None) -> int:
    arguments = parse_arguments(words)
    try:
        listener = open_socket(arguments.host, arguments.port)
    except OSError as error:
        _say(f"development provider: cannot listen on {arguments.host}:{arguments.port}: {error.strerror}")
        return 1
    with contextlib.closing(listener):
        asyncio.run(serve(listener, arguments))
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
