"""A network that answers in the gateway's place: a page of HTML to every call, over TLS."""

import ssl
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.browser.names import ADDRESS, GATEWAY

PAGE = b"<!doctype html><title>Welcome</title><h1>Accept our terms to go online</h1>"
METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"


class Portal(ThreadingHTTPServer):
    """readable: it lets every page read its answers, as hardly any does."""

    daemon_threads = True

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__((ADDRESS, 0), Handler)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.status = 200
        self.readable = True
        self.address = f"https://{GATEWAY}:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that hangs up is no error."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Portal
    timeout = 30

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(204 if self.command == "OPTIONS" else self.server.status)
        if self.server.readable:
            self.send_header("Access-Control-Allow-Origin", self.headers.get("Origin", "*"))
            self.send_header("Access-Control-Allow-Credentials", "true")
            self.send_header("Access-Control-Allow-Methods", METHODS)
            self.send_header(
                "Access-Control-Allow-Headers", self.headers.get("Access-Control-Request-Headers", "*")
            )
        body = b"" if self.command in {"OPTIONS", "HEAD"} else PAGE
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _answer  # ruff: ignore[mixed-case-variable-in-class-scope]  # the library's names

    def log_message(self, format: str, *args: object) -> None:  # ruff: ignore[builtin-argument-shadowing]  # the library's name
        """Quiet."""


@contextmanager
def portal_serving(context: ssl.SSLContext) -> Generator[Portal]:
    with Portal(context) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
