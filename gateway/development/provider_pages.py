"""The development provider over HTTP: its page with names, and OpenID Connect's endpoints."""

import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from urllib.parse import quote, unquote

from aiohttp import web
from authlib.common.urls import add_params_to_uri
from authlib.oauth2 import OAuth2Error
from jinja2 import Environment, PackageLoader, StrictUndefined

from gateway.development.authorization import DevelopmentServer, Reply, Request
from gateway.development.loopback import is_own_page
from gateway.development.readers import LONGEST, Reader, parse_reader

COOKIE = "bookgate-development-reader"
REMEMBERED = 30 * 86400  # seconds

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ProviderPages:
    """The handlers. Nobody is remembered but by a cookie that holds the name they asked us to keep."""

    def __init__(self, server: DevelopmentServer, gateway: str, suggested: Sequence[Reader]) -> None:
        self._server = server
        self._gateway = gateway
        self._suggested = suggested
        self._templates = Environment(
            loader=PackageLoader("gateway.development"), autoescape=True, undefined=StrictUndefined
        )

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self._own_host], client_max_size=64 * 1024)
        app.add_routes(
            [
                web.get("/", self.front),
                web.get("/.well-known/openid-configuration", self.configuration),
                web.get("/jwks", self.jwks),
                web.get("/authorize", self.ask),
                web.post("/authorize", self.answer),
                web.post("/token", self.token),
                web.get("/userinfo", self.userinfo),
                web.get("/logout", self.leave),
            ]
        )
        return app

    @web.middleware
    async def _own_host(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """A name that was rebound to loopback reaches nothing, and no page but ours posts here."""
        if f"http://{request.host}" != self._server.issuer:
            return self._page("refused", 421, reason=f"This program answers at {self._server.issuer} alone.")
        origin = request.headers.get("Origin")
        if request.path == "/authorize" and origin not in {None, self._server.issuer}:
            return self._page("refused", 403, reason="This form was sent by another page.")
        response = await handler(request)
        response.headers.update({"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})
        return response

    async def front(self, _request: web.Request) -> web.Response:
        return self._page("front", issuer=self._server.issuer)

    async def configuration(self, _request: web.Request) -> web.Response:
        return web.json_response(self._server.metadata())

    async def jwks(self, _request: web.Request) -> web.Response:
        return web.json_response(self._server.jwks())

    async def ask(self, request: web.Request) -> web.Response:
        """The page with names; or straight back for somebody who is remembered and not to be asked."""
        asked = _authlib(request, request.query.items())
        reader = _remembered(request)
        try:
            grant = self._server.get_consent_grant(asked, end_user=reader)
        except OAuth2Error as error:
            return self._reply(self._server.handle_error_response(asked, error))
        if reader is None or grant.prompt is not None or "max_age" in request.query:
            return self._choose(reader)
        return self._reply(self._server.create_authorization_response(asked, grant_user=reader, grant=grant))

    async def answer(self, request: web.Request) -> web.Response:
        """Somebody said who they are, or that they do not want to."""
        form = await request.post()
        reader = None
        if "cancel" not in form:
            reader = parse_reader(str(form.get("pick") or form.get("name") or ""))
            if reader is None:
                return self._choose(None, 422, f"Type a name of 1 to {LONGEST} characters.")
        asked = _authlib(request, request.query.items())
        try:
            grant = self._server.get_consent_grant(asked, end_user=reader)
        except OAuth2Error as error:
            return self._reply(self._server.handle_error_response(asked, error))
        done = self._server.create_authorization_response(asked, grant_user=reader, grant=grant)
        response = self._reply(done)
        if reader is not None and "remember" in form:
            _remember(response, reader)
        elif reader is not None:
            response.del_cookie(COOKIE, path="/")
        return response

    async def token(self, request: web.Request) -> web.Response:
        form = [(name, str(value)) for name, value in (await request.post()).items()]
        done = self._server.create_token_response(_authlib(request, form))
        return web.json_response(done.body, status=done.status, headers=_without_type(done.headers))

    async def userinfo(self, request: web.Request) -> web.Response:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        told = self._server.userinfo(token) if scheme.lower() == "bearer" else None
        if told is None:
            return web.json_response(
                {"error": "invalid_token"}, status=401, headers={"WWW-Authenticate": "Bearer"}
            )
        return web.json_response(told)

    async def leave(self, request: web.Request) -> web.Response:
        """OpenID Connect RP-Initiated Logout: nobody is remembered afterwards."""
        back = request.query.get("post_logout_redirect_uri", "")
        if is_own_page(back, self._gateway):
            state = [("state", request.query["state"])] if "state" in request.query else []
            response = _redirect(add_params_to_uri(back, state))
        else:
            response = self._page("left")
        response.del_cookie(COOKIE, path="/")
        return response

    def _choose(self, known: Reader | None, status: int = 200, fault: str | None = None) -> web.Response:
        others = [reader for reader in self._suggested if known is None or reader.subject != known.subject]
        readers = others if known is None else [known, *others]
        return self._page(
            "choose",
            status,
            readers=readers,
            known=known,
            fault=fault,
            gateway=self._gateway,
            longest=LONGEST,
        )

    def _reply(self, reply: Reply) -> web.Response:
        if "Location" in reply.headers:
            return _redirect(reply.headers["Location"])
        # The address to go back to is not proved, so the fault is told here (RFC 6749 section 4.1.2.1).
        body = reply.body if isinstance(reply.body, Mapping) else {}
        fault = str(body.get("error_description") or body.get("error")).rstrip(".")
        return self._page("refused", 400, reason=f"What asked for a sign-in made a mistake: {fault}.")

    def _page(self, template: str, status: int = 200, **values: object) -> web.Response:
        nonce = secrets.token_urlsafe(16)
        text = self._templates.get_template(f"{template}.html").render(nonce=nonce, **values)
        # No form-action: it would bind the whole way back, through the gateway to any book.
        policy = f"default-src 'none'; style-src 'nonce-{nonce}'; base-uri 'none'; frame-ancestors 'none'"
        headers = {"Content-Security-Policy": policy, "Referrer-Policy": "same-origin"}
        return web.Response(text=text, status=status, content_type="text/html", headers=headers)


def _authlib(request: web.Request, pairs: Iterable[tuple[str, str]]) -> Request:
    return Request(request.method, str(request.url), dict(request.headers), pairs)


def _redirect(location: str) -> web.Response:
    return web.Response(status=303, headers={"Location": location})


def _without_type(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() != "content-type"}


def _remembered(request: web.Request) -> Reader | None:
    return parse_reader(unquote(request.cookies.get(COOKIE, "")))


def _remember(response: web.Response, reader: Reader) -> None:
    response.set_cookie(
        COOKIE, quote(reader.name), max_age=REMEMBERED, path="/", httponly=True, samesite="Lax"
    )
