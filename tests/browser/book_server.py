"""A static server for books: one port, a domain for each book, as any web server would do it; or localhost.

Two things stand for what authors' servers do: `/coop/...` is the same book under
`Cross-Origin-Opener-Policy: same-origin`, and the gateway's address is written into the pages.
"""

import mimetypes
import ssl
import threading
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from tests.browser.names import ADDRESS

ROOT = Path(__file__).parents[2]
FOLDERS = (ROOT / "examples" / "book", Path(__file__).parent / "pages")
WRITTEN = b"http://127.0.0.1:8080"


class BookServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, gateway: str, context: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1" if context is None else ADDRESS, 0), partial(Handler))
        self.gateway = gateway
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.trees: dict[str, Path] = {}  # whole books, by the first segment of their addresses

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that hangs up is no error."""

    def origin(self, name: str) -> str:
        """name: "localhost" where it serves plain HTTP."""
        return f"{'http' if name == 'localhost' else 'https'}://{name}:{self.server_port}"

    @classmethod
    @contextmanager
    def serving(cls, gateway: str, context: ssl.SSLContext | None = None) -> Generator[Self]:
        with cls(gateway, context) as server:
            thread = threading.Thread(
                target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
            )
            thread.start()
            try:
                yield server
            finally:
                server.shutdown()
                thread.join()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: BookServer
    timeout = 30

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        name = path.rpartition("/")[2] or "index.html"
        found = self._file(path, name)
        body = b"no such page" if found is None else found.read_bytes()
        self.send_response(404 if found is None else 200)
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        self.send_header("Content-Type", f"{kind}; charset=utf-8" if kind.startswith("text/") else kind)
        self.send_header("Cache-Control", "no-store")
        if path.startswith("/coop/"):
            self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        body = body.replace(WRITTEN, self.server.gateway.encode())
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _file(self, path: str, name: str) -> Path | None:
        book, _, inside = path.removeprefix("/").partition("/")
        if book in self.server.trees:
            found = self.server.trees[book] / (inside or name)
            return found if found.is_file() else None
        return next((folder / name for folder in FOLDERS if (folder / name).is_file()), None)

    def log_message(self, format: str, *args: object) -> None:  # ruff: ignore[builtin-argument-shadowing]  # the library's name
        """Quiet."""
