"""An OpenID provider over real sockets that lies on request: each lie is one attribute to set."""

import asyncio
import base64
import hashlib
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from secrets import token_urlsafe
from urllib.parse import parse_qs, unquote_plus, urlsplit

import orjson
from aiohttp import web
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry

Json = dict[str, object]
Trouble = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

CLIENT_ID = "gate way:1"  # RFC 6749 section 2.3.1: both are encoded, or arrive as something else
SECRET = "s+cret%41"
LIFE = 300  # seconds, of an access token
REDIRECT = "http://127.0.0.1:8080/auth/callback/campus"


@dataclass
class LyingProvider:
    issuer: str
    redirect: str = REDIRECT
    key: ECKey | RSAKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "first"}))
    alg: str = "ES256"
    claims: Json = field(default_factory=dict)  # over the honest claims; None: left out
    header: Json = field(default_factory=dict)
    userinfo: Json = field(default_factory=dict)
    metadata: Json = field(default_factory=dict)
    token_answer: Json = field(default_factory=dict)
    more_keys: list[object] = field(default_factory=list)
    published: ECKey | RSAKey | None = None  # None: the key that signs
    make_token: Callable[["LyingProvider", Json], str] | None = None
    trouble: dict[str, Trouble] = field(default_factory=dict)  # by path
    seen: Counter[str] = field(default_factory=Counter)
    asked: list[web.BaseRequest] = field(default_factory=list)
    logins: dict[str, dict[str, str]] = field(default_factory=dict)
    codes: Iterator[int] = field(default_factory=count)
    tokens: dict[str, str] = field(default_factory=dict)
    grants: Counter[str] = field(default_factory=Counter)  # by grant_type, refused ones too
    refreshable: dict[str, dict[str, str]] = field(default_factory=dict)  # each token is good once
    before_refreshed: Callable[[], Awaitable[None]] | None = None  # after the old token was used up

    def authorize(self, url: str, subject: str = "ada") -> dict[str, str]:
        """What the browser would bring to the callback after a person agreed."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        code = f"code-{next(self.codes)}"
        self.logins[code] = {**query, "subject": subject}
        return {"code": code, "state": query["state"], "iss": self.issuer}

    def honest_claims(self, login: dict[str, str], access_token: str) -> Json:
        now = int(time.time())
        digest = hashlib.new(f"sha{self.alg[2:]}", access_token.encode()).digest()
        return {
            "iss": self.issuer,
            "sub": login["subject"],
            "aud": CLIENT_ID,
            "exp": now + 300,
            "iat": now,
            "auth_time": now - 60,
            "nonce": login["nonce"],
            "at_hash": base64url(digest[: len(digest) // 2]),
        }

    def unsigned(self, claims: Json | bytes, alg: str | None = None) -> str:
        """Header and payload of a token, put together by hand: no library would take these headers."""
        header = over({"alg": alg or self.alg, "kid": self.key.kid, "typ": "JWT"}, self.header)
        payload = claims if isinstance(claims, bytes) else orjson.dumps(claims)
        return f"{base64url(orjson.dumps(header))}.{base64url(payload)}"

    def signed(self, claims: Json | bytes, key: ECKey | RSAKey | None = None, alg: str | None = None) -> str:
        text = self.unsigned(claims, alg)
        signature = JWSRegistry.algorithms[alg or self.alg].sign(text.encode(), key or self.key)
        return f"{text}.{base64url(signature)}"

    def logout_token(self, **lies: object) -> str:
        """What its server sends when somebody leaves there; lies: claims over the honest ones."""
        now = int(time.time())
        honest: Json = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 120,
            "jti": token_urlsafe(16),
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        }
        self.header, kept = {"typ": "logout+jwt", **self.header}, self.header
        try:
            return self.signed(over(honest, lies))
        finally:
            self.header = kept

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        self.seen[request.path] += 1
        self.asked.append(request)
        trouble = self.trouble.get(request.path)
        if trouble is not None:
            return await trouble(request)
        handlers = {
            "/.well-known/openid-configuration": self._configuration,
            "/jwks": self._jwks,
            "/token": self._token,
            "/userinfo": self._userinfo,
        }
        answer = await handlers[request.path](request)
        return answer if isinstance(answer, web.StreamResponse) else web.json_response(answer)

    async def _configuration(self, _request: web.BaseRequest) -> Json:
        return over(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize?tenant=1",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/jwks",
                "userinfo_endpoint": f"{self.issuer}/userinfo",
                "end_session_endpoint": f"{self.issuer}/leave",
                "authorization_response_iss_parameter_supported": True,
                "id_token_signing_alg_values_supported": ["none", "HS256", "ES256"],
            },
            self.metadata,
        )

    async def _jwks(self, _request: web.BaseRequest) -> Json:
        return {"keys": [*self.more_keys, (self.published or self.key).as_dict(private=False)]}

    async def _token(self, request: web.BaseRequest) -> Json | web.StreamResponse:
        form = await request.post()
        self._know_client(request, {name: str(value) for name, value in form.items()})
        self.grants[str(form["grant_type"])] += 1
        if form["grant_type"] == "refresh_token":
            return await self._refresh(str(form["refresh_token"]))
        login = self.logins.pop(str(form["code"]), None)
        if login is None:
            return web.json_response({"error": "invalid_grant"}, status=400)
        assert form["redirect_uri"] == login["redirect_uri"] == self.redirect
        assert login["code_challenge_method"] == "S256"
        digest = hashlib.sha256(str(form["code_verifier"]).encode()).digest()
        assert base64url(digest) == login["code_challenge"]
        return self._hand_out({**login, "family": str(form["code"])})

    def _know_client(self, request: web.BaseRequest, form: dict[str, str]) -> None:
        assert credentials(request, form) == (CLIENT_ID, SECRET)

    async def _refresh(self, token: str) -> Json | web.StreamResponse:
        """Each token once; whoever comes with a used one ends all of its family (RFC 9700 section 4.14.2)."""
        login = self.refreshable.pop(token, None)
        if login is None:
            family = token.partition(" ")[0]
            self.refreshable = {key: it for key, it in self.refreshable.items() if it["family"] != family}
            return web.json_response({"error": "invalid_grant"}, status=400)
        if self.before_refreshed is not None:
            await self.before_refreshed()
        return self._hand_out(login)

    def _hand_out(self, login: dict[str, str]) -> Json:
        access_token = f"access-{len(self.tokens)}"
        self.tokens[access_token] = login["subject"]
        claims = over(self.honest_claims(login, access_token), self.claims)
        id_token = self.make_token(self, claims) if self.make_token else self.signed(claims)
        refresh_token = f"{login['family']} {len(self.tokens)}"
        self.refreshable[refresh_token] = login
        honest: Json = {
            "access_token": access_token,
            "token_type": "Bearer",
            "id_token": id_token,
            "expires_in": LIFE,
            "refresh_token": refresh_token,
        }
        return over(honest, self.token_answer)

    async def _userinfo(self, request: web.BaseRequest) -> Json:
        subject = self.tokens[request.headers["Authorization"].removeprefix("Bearer ")]
        honest: Json = {"sub": subject, "name": subject.title(), "email": f"{subject}@example.edu"}
        return over({**honest, "email_verified": True}, self.userinfo)


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def over(honest: Json, lies: Json) -> Json:
    return {name: value for name, value in {**honest, **lies}.items() if value is not None}


def credentials(request: web.BaseRequest, form: dict[str, str]) -> tuple[str, str]:
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Basic":
        return form["client_id"], form["client_secret"]
    client_id, _, secret = base64.b64decode(text).decode().partition(":")
    return unquote_plus(client_id), unquote_plus(secret)


def answering(status: int, body: bytes | Json = b"", **headers: str) -> Trouble:
    content = body if isinstance(body, bytes) else orjson.dumps(body)

    async def answer(_request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(
            status=status, body=content, headers={"Content-Type": "application/json", **headers}
        )

    return answer


async def hang(_request: web.BaseRequest) -> web.StreamResponse:
    await asyncio.sleep(60)
    return web.Response()


async def dribble(request: web.BaseRequest) -> web.StreamResponse:
    """Byte after byte, for ever: a time-out between bytes would never strike."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.05)


async def flood(request: web.BaseRequest) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" " * 65536)


async def reset(request: web.BaseRequest) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@asynccontextmanager
async def lying_provider() -> AsyncGenerator[LyingProvider, None]:
    provider = LyingProvider("")
    async with serving(provider):
        yield provider


@asynccontextmanager
async def serving(provider: LyingProvider) -> AsyncGenerator[None, None]:
    """The liar on a free port of loopback, which becomes its issuer."""
    runner = web.ServerRunner(web.Server(provider.serve, handler_cancellation=True), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    provider.issuer = f"http://{host}:{port}"
    try:
        yield
    finally:
        await runner.cleanup()
