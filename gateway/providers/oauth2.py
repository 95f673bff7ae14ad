"""A plain OAuth 2.0 service (GitHub and its like): no ID token; who somebody is its user endpoint says.

The access token that it is asked with came from the service's own token endpoint for this very login: one
that a browser or another client brought along proves nothing, and none is taken.
"""

from collections.abc import Callable, Mapping

from gateway.errors import ProviderRefusedError, ProviderUnavailableError
from gateway.provider_presets import Endpoints
from gateway.providers.code_flow import TokenEndpoint, authorization_url, code_of
from gateway.providers.contract import (
    Block,
    Expected,
    LoginRequest,
    Original,
    ProviderIdentity,
    SubjectChangedError,
    TokenSet,
    single,
)
from gateway.providers.logout_token import LogoutToken
from gateway.providers.profile import display_name, let_in, mapped, primary_email, said, verified_email
from gateway.providers.signed_token import is_identifier
from gateway.providers.token_answer import handed_out, refreshed
from gateway.providers.transport import Transport


class OAuth2Provider:
    """One `providers:` block whose dialect names endpoints. fresh: makes a random text."""

    def __init__(
        self,
        block: Block,
        endpoints: Endpoints,
        transport: Transport,
        clock: Callable[[], float],
        fresh: Callable[[], str],
    ) -> None:
        self._block = block
        self._endpoints = endpoints
        self._transport = transport
        self._clock = clock
        self._tokens = TokenEndpoint(block, transport, clock, fresh)
        self._methods = ("client_secret_post",) if endpoints.secret_in_body else ("client_secret_basic",)

    @property
    def issuer(self) -> str:
        return self._block.issuer

    @property
    def starts_elsewhere(self) -> bool:
        return self._block.dialect.starts_elsewhere

    async def begin(self, login: LoginRequest) -> str:
        return authorization_url(self._endpoints.authorization, self._block, login, self._scopes(), {})

    async def finish(self, params: Mapping[str, str], expected: Expected) -> ProviderIdentity:
        code = code_of(single(params.items()), self._block.issuer, expected, tells_issuer=False)
        asked = int(self._clock())
        answer = await self._tokens.redeem(
            self._endpoints.token, self._methods, code, expected.redirect_uri, expected.verifier
        )
        tokens, access_token = handed_out(answer, asked)
        if expected.acr_values:
            raise ProviderRefusedError("no acr: plain OAuth 2.0 says nothing of how somebody signed in")
        told = await self._told(access_token)
        let_in(told, self._block.claims, self._block.allow)
        return ProviderIdentity(
            issuer=self._block.issuer,
            subject=self._subject(told),
            name=display_name(told),
            email=verified_email(told),
            claims=mapped(told, self._block.claims),
            auth_time=int(self._clock()),
            proved=expected.max_age is not None,
            id_token=None,
            tokens=tokens,
            said=said(told, self._block.asks_for),
        )

    async def refresh(self, refresh_token: str, original: Original) -> TokenSet:
        asked = int(self._clock())
        tokens = refreshed(
            await self._tokens.refresh(self._endpoints.token, self._methods, refresh_token), asked
        )
        if (
            tokens.access_token is not None
            and self._subject(await self._user(tokens.access_token)) != original.subject
        ):
            raise SubjectChangedError("refresh: the user endpoint speaks of another subject")
        return tokens

    # The contract's methods that such a service has nothing for.

    async def read_logout_token(self, token: str) -> LogoutToken:  # ruff: ignore[unused-method-argument, no-self-use]
        raise ProviderRefusedError("logout token: plain OAuth 2.0 has none")

    async def logout_url(  # ruff: ignore[no-self-use]
        self,
        id_token_hint: str | None,  # ruff: ignore[unused-method-argument]
        post_logout_redirect_uri: str,  # ruff: ignore[unused-method-argument]
    ) -> str | None:
        return None

    async def _user(self, access_token: str) -> Mapping[str, object]:
        answer = await self._transport.get(self._endpoints.user, _bearer(access_token))
        if answer.status != 200:
            raise ProviderUnavailableError(f"{self._endpoints.user}: {answer.status}")
        return answer.body

    async def _told(self, access_token: str) -> Mapping[str, object]:
        """What is said of the person, by OpenID Connect's names."""
        told = dict(await self._user(access_token))
        told |= {ours: told.get(theirs) for ours, theirs in self._endpoints.claims}
        if self._endpoints.emails is not None:
            # what the user endpoint shows is what the person chose to show, verified or not
            told |= {"email": None, "email_verified": None}
            if self._wants_email():
                addresses = await self._transport.get_list(self._endpoints.emails, _bearer(access_token))
                told |= primary_email(addresses)
        return told

    def _subject(self, told: Mapping[str, object]) -> str:
        value = told.get(self._endpoints.subject)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return str(value)
        if isinstance(value, str) and is_identifier(value):
            return value
        raise ProviderRefusedError(f"user endpoint: {self._endpoints.subject} {value!r:.60}")

    def _scopes(self) -> tuple[str, ...]:
        if self._block.scopes is not None:
            return tuple(self._block.scopes)
        wanted = self._endpoints.emails_scope if self._wants_email() else None
        return self._block.dialect.scopes if wanted is None else (*self._block.dialect.scopes, wanted)

    def _wants_email(self) -> bool:
        return bool(self._block.allow.email_domains) or "email" in self._block.claims.values()


def _bearer(access_token: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {access_token}"}
