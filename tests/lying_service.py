"""A plain OAuth 2.0 service over real sockets that lies on request, and a provider configured for it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from secrets import token_urlsafe
from types import MappingProxyType

from aiohttp import web

from gateway.config.settings import Allow, ProviderSettings
from gateway.provider_presets import Dialect, Endpoints
from gateway.providers import open_session
from gateway.providers.oauth2 import OAuth2Provider
from gateway.providers.transport import Transport
from tests.campus_of_liars import DEADLINE, Clock
from tests.lying_provider import CLIENT_ID, SECRET, Json, LyingProvider, over, serving

NUMBERS = {"ada": 7, "bob": 8}


@dataclass
class LyingService(LyingProvider):
    user: Json = field(default_factory=dict)  # over the honest answer of the user endpoint; None: left out
    addresses: object = None  # instead of the honest list
    numbers: dict[str, int] = field(default_factory=lambda: dict(NUMBERS))

    def authorize(self, url: str, subject: str = "ada") -> dict[str, str]:
        """As such services do: they have never heard of `iss`."""
        params = super().authorize(url, subject)
        del params["iss"]
        return params

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path not in {"/user", "/user/emails"} or request.path in self.trouble:
            return await super().serve(request)
        self.seen[request.path] += 1
        self.asked.append(request)
        subject = self.tokens.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if subject is None:
            return web.json_response({"message": "Bad credentials"}, status=401)
        if request.path == "/user":
            honest: Json = {"id": self.numbers[subject], "login": subject, "email": "shown@example.org"}
            return web.json_response(over(honest, self.user))
        second = {"email": "second@example.org", "verified": True, "primary": False}
        first = {"email": f"{subject}@example.edu", "verified": True, "primary": True}
        return web.json_response([second, first] if self.addresses is None else self.addresses)

    def _hand_out(self, login: dict[str, str]) -> Json:
        said = super()._hand_out({"nonce": "", **login})
        del said["id_token"]
        return over(said, self.token_answer)


class Service:
    """The provider under test and the liar that it talks to. block: as it was configured last."""

    def __init__(self, liar: LyingService, transport: Transport, clock: Clock) -> None:
        self.liar = liar
        self.clock = clock
        self._transport = transport
        self.provider = self.configured()

    def configured(
        self, claims: dict[str, str] | None = None, allow: Allow | None = None, *, emails: bool = True
    ) -> OAuth2Provider:
        issuer = self.liar.issuer
        endpoints = Endpoints(
            authorization=f"{issuer}/authorize",
            token=f"{issuer}/token",
            user=f"{issuer}/user",
            subject="id",
            claims=(("preferred_username", "login"),),
            emails=f"{issuer}/user/emails" if emails else None,
            emails_scope="user:email",
            secret_in_body=True,
        )
        self.block = ProviderSettings(
            id="campus",
            issuer=issuer,
            client_id=CLIENT_ID,
            client_secret=SECRET,
            label="Campus",
            claims=MappingProxyType(claims or {}),
            allow=allow or Allow(),
            logout_at_provider=False,
            dialect=Dialect(scopes=(), oauth2=endpoints, asks_again=False, tells_auth_time=False),
        )
        return OAuth2Provider(self.block, endpoints, self._transport, self.clock, lambda: token_urlsafe(16))


@asynccontextmanager
async def lying_service(deadline: float = DEADLINE) -> AsyncGenerator[Service, None]:
    """deadline: seconds that the service has for an answer."""
    liar = LyingService("")
    async with serving(liar), open_session() as session:
        yield Service(liar, Transport(session, deadline=deadline, largest=20_000), Clock())
