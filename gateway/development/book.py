"""A static web server for one book on `http://localhost`.

It stands for any web server an author may have. One thing it does that others do not: where the gateway is
not at its default address, it writes the address that it has into the pages.
"""

import asyncio
import contextlib
import mimetypes
import signal
import ssl
from pathlib import Path
from typing import Annotated

import typer
from aiohttp import web

DEFAULT_GATEWAY = "http://127.0.0.1:8080"
_TEXT = frozenset({".html", ".htm", ".js", ".mjs", ".json"})


def find_file(root: Path, path: str) -> Path | None:
    """The file behind a URL's path, never outside of the root and never a hidden one."""
    parts = [part for part in path.split("/") if part]
    if any(part.startswith(".") or "\0" in part for part in parts):
        return None
    found = root.joinpath(*parts)
    if found.is_dir():
        found /= "index.html"
    if not found.is_file() or not found.resolve().is_relative_to(root.resolve()):
        return None
    return found


def application(root: Path, gateway: str) -> web.Application:
    async def serve_file(request: web.Request) -> web.Response:
        found = find_file(root, request.path)
        if found is None:
            raise web.HTTPNotFound(text=f"The book has no {request.path}\n")
        if found.name == "index.html" and not request.path.endswith(("/", "/index.html")):
            raise web.HTTPMovedPermanently(request.path + "/")
        data = await asyncio.to_thread(found.read_bytes)
        if found.suffix in _TEXT and gateway != DEFAULT_GATEWAY:
            data = data.replace(DEFAULT_GATEWAY.encode(), gateway.encode())
        kind = mimetypes.guess_type(found.name)[0] or "application/octet-stream"
        charset = "utf-8" if kind.startswith("text/") or found.suffix in _TEXT else None
        return web.Response(
            body=data, content_type=kind, charset=charset, headers={"Cache-Control": "no-cache"}
        )

    app = web.Application()
    app.router.add_get("/{path:.*}", serve_file)
    return app


async def serve(root: Path, port: int, gateway: str, context: ssl.SSLContext | None) -> None:
    """Serve on both loopback addresses until SIGTERM; context: None for plain HTTP."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = web.AppRunner(application(root, gateway), access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
    with contextlib.suppress(OSError):  # a machine without IPv6
        await web.TCPSite(runner, "::1", port, ssl_context=context).start()
    await stop.wait()
    await runner.cleanup()


def command(
    root: Annotated[Path, typer.Option()],
    port: Annotated[int, typer.Option()],
    gateway: Annotated[str, typer.Option()] = DEFAULT_GATEWAY,
    certificate: Annotated[Path | None, typer.Option()] = None,
    key: Annotated[Path | None, typer.Option()] = None,
) -> None:
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
    asyncio.run(serve(root, port, gateway, context))


if __name__ == "__main__":
    typer.run(command)
