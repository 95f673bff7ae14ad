"""A learning platform with a course page: links that launch a book, in a tab of its own or in a frame.

A teacher picks a page for a link there too. It knows who sits here by its own hint, for not every frame
brings its own cookie back, and answers by a form that sends itself.
"""

import json
import ssl
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.browser.names import ADDRESS, LMS
from tests.lti_platform import CLAIM, INSTRUCTOR, LtiPlatform

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
<meta name="viewport" content="width=device-width">
<title>A course</title>
<h1>This week's chapter</h1>
{content}
</html>
"""


class CourseServer(ThreadingHTTPServer):
    """picked: what came back from the gateway's page on which a teacher picks one, signed."""

    daemon_threads = True

    def __init__(self, gateway: str, context: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1" if context is None else ADDRESS, 0), partial(Handler))
        self.gateway = gateway
        self.picked: list[str] = []
        issuer = f"http://127.0.0.1:{self.server_port}"
        if context is not None:
            issuer = f"https://{LMS}:{self.server_port}"
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.platform = LtiPlatform(issuer=issuer)
        settings = {
            "deep_link_return_url": f"{issuer}/picked",
            "accept_types": ["ltiResourceLink"],
            "accept_presentation_document_targets": ["iframe", "window"],
            "data": "opaque",
        }
        asks: dict[str, object] = {
            f"{CLAIM}message_type": "LtiDeepLinkingRequest",
            f"{CLAIM}roles": [INSTRUCTOR],
            f"{CLAIM}resource_link": None,
            "https://purl.imsglobal.org/spec/lti-dl/claim/deep_linking_settings": settings,
        }
        self.asking = replace(self.platform, claims=asks)

    @property
    def links(self) -> str:
        """Where the gateway has pages picked."""
        return f"{self.gateway}/auth/lti/links"

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
    server: CourseServer
    timeout = 30

    def do_GET(self) -> None:
        path, asked = urlsplit(self.path).path, dict(parse_qsl(urlsplit(self.path).query))
        if path == "/jwks":
            key = self.server.platform.key.as_dict(private=False)
            self._answer(json.dumps({"keys": [{**key, "kid": "k1"}]}), "application/json")
        elif path == "/configuration":
            issuer = self.server.platform.issuer
            names = ("registration_endpoint", "authorization_endpoint", "token_endpoint")
            said = {name: f"{issuer}/{name}" for name in names}
            self._answer(
                json.dumps({"issuer": issuer, "jwks_uri": f"{issuer}/jwks", **said}), "application/json"
            )
        elif path == "/course":
            self._answer(PAGE.format(content=self._course(asked)))
        elif path == "/authorize":
            self._answer(PAGE.format(content=self._authorized(asked)))
        else:
            self._answer("no such page", status=404)

    def do_POST(self) -> None:
        """What was picked comes back, in the frame; or the gateway registers."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path == "/registration_endpoint":
            self._answer(json.dumps({"client_id": "registered"}), "application/json", status=201)
            return
        form = dict(parse_qsl(body))
        self.server.picked.append(form["JWT"])
        self._answer(PAGE.format(content='<p id="picked">The link is in the course.</p>'))

    def _course(self, asked: dict[str, str]) -> str:
        """asked: `as`, `book` (the page that the link targets), `framed`."""
        platform = self.server.platform
        initiation = {
            "iss": platform.issuer,
            "login_hint": asked["as"],
            "target_link_uri": asked["book"],
            "client_id": platform.client_id,
            "lti_deployment_id": "1:abc",
            "lti_message_hint": asked["book"],
        }
        link = escape(f"{self.server.gateway}/auth/lti/login?{urlencode(initiation)}")
        if "framed" in asked:
            return f'<iframe title="The book" style="width:100%;height:90vh;border:0" src="{link}"></iframe>'
        return f'<p><a id="open" href="{link}">Chapter 1</a></p>'

    def _authorized(self, asked: dict[str, str]) -> str:
        target = asked["lti_message_hint"]
        platform = self.server.asking if target == self.server.links else self.server.platform
        said = platform.answer(self.path, target, asked["login_hint"])
        fields = "".join(f'<input type="hidden" name="{name}" value="{said[name]}">' for name in said)
        where = escape(asked["redirect_uri"])
        return (
            f'<form method="post" action="{where}">{fields}</form><script>document.forms[0].submit()</script>'
        )

    def _answer(self, text: str, kind: str = "text/html", *, status: int = 200) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # ruff: ignore[builtin-argument-shadowing]  # the library's name
        """Quiet."""
