"""A learning platform with a course page: links that launch a book, in a tab of its own or in a frame.

It knows who sits here by a cookie of its own, as platforms do, and answers by a form that sends itself.
"""

import json
import ssl
import threading
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from html import escape
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from tests.browser.names import ADDRESS, LMS
from tests.lti_platform import LtiPlatform

BLOCK = """\
lti:
  course:
    preset: lti
    label: Course
    issuer: "{issuer}"
    client_id: bookgate
    deployments: ["1:abc"]
    authorization: "{issuer}/authorize"
    jwks: "{issuer}/jwks"
"""
PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>A course</title>
<h1>This week's chapter</h1>
{content}
</html>
"""


class CourseServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, gateway: str, context: ssl.SSLContext) -> None:
        super().__init__((ADDRESS, 0), partial(Handler))
        self.gateway = gateway
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.platform = LtiPlatform(issuer=f"https://{LMS}:{self.server_port}")

    @property
    def block(self) -> str:
        """What ops write into gateway.yaml."""
        return BLOCK.format(issuer=self.platform.issuer)

    def page(self, person: str, book: str, *, framed: bool = False) -> str:
        """Where somebody who is signed in to the platform finds the link; in a frame it opens at once."""
        asked = {"as": person, "book": book, **({"framed": "1"} if framed else {})}
        return f"{self.platform.issuer}/course?{urlencode(asked)}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that hangs up is no error."""

    @classmethod
    @contextmanager
    def serving(cls, gateway: str, context: ssl.SSLContext) -> Generator[Self]:
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
    server: CourseServer
    timeout = 30

    def do_GET(self) -> None:
        path, asked = urlsplit(self.path).path, dict(parse_qsl(urlsplit(self.path).query))
        if path == "/jwks":
            key = self.server.platform.key.as_dict(private=False)
            self._answer(json.dumps({"keys": [{**key, "kid": "k1"}]}), "application/json")
        elif path == "/course":
            cookie = f"lms={quote(asked['as'])}; Path=/; Secure; HttpOnly; SameSite=Lax"
            self._answer(PAGE.format(content=self._course(asked)), cookie=cookie)
        elif path == "/authorize":
            self._answer(PAGE.format(content=self._authorized(asked)))
        else:
            self._answer("no such page", status=404)

    def _course(self, asked: dict[str, str]) -> str:
        """asked: `as`, `book` (the page that the link targets), `framed`."""
        platform = self.server.platform
        initiation = {
            "iss": platform.issuer,
            "login_hint": "somebody",
            "target_link_uri": asked["book"],
            "client_id": platform.client_id,
            "lti_deployment_id": "1:abc",
            "lti_message_hint": asked["book"],
        }
        link = escape(f"{self.server.gateway}/auth/lti/login?{urlencode(initiation)}")
        if "framed" in asked:
            return f'<iframe title="The book" width="1000" height="600" src="{link}"></iframe>'
        return f'<p><a id="open" href="{link}">Chapter 1</a></p>'

    def _authorized(self, asked: dict[str, str]) -> str:
        person = SimpleCookie(self.headers.get("Cookie", "")).get("lms")
        if person is None:
            return "<p>Sign in to your course first.</p>"
        said = self.server.platform.answer(self.path, asked["lti_message_hint"], unquote(person.value))
        fields = "".join(f'<input type="hidden" name="{name}" value="{said[name]}">' for name in said)
        where = escape(asked["redirect_uri"])
        return (
            f'<form method="post" action="{where}">{fields}</form><script>document.forms[0].submit()</script>'
        )

    def _answer(self, text: str, kind: str = "text/html", *, status: int = 200, cookie: str = "") -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Length", str(len(body)))
        if cookie:
            self.send_header("Set-Cookie", cookie)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # ruff: ignore[builtin-argument-shadowing]  # the library's name
        """Quiet."""
