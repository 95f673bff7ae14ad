"""The authorization code flow with PKCE (RFC 6749 section 4.1, RFC 7636), for every kind of provider."""

import hmac
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from gateway.errors import ProviderRefusedError
from gateway.providers.client_authentication import authenticated
from gateway.providers.contract import Block, Expected, LoginRequest
from gateway.providers.issuers import is_issuer
from gateway.providers.token_answer import refusal
from gateway.providers.transport import Answer, Transport


def authorization_url(
    endpoint: str, block: Block, login: LoginRequest, scopes: Collection[str], more: Mapping[str, str | None]
) -> str:
    """Where the browser goes. more: what this kind of provider is asked besides; None is left out."""
    url: str = prepare_grant_uri(
        endpoint,
        block.client_id,
        "code",
        redirect_uri=login.redirect_uri,
        scope=" ".join(scopes),
        state=login.state,
        code_challenge=create_s256_code_challenge(login.verifier),
        code_challenge_method="S256",
        **{"prompt": _prompt(block, login), **more},
    )
    return url


def code_of(params: Mapping[str, str], issuer: str, expected: Expected, *, tells_issuer: bool) -> str:
    """The authorization code of a callback that is of this login and of this provider."""
    if not hmac.compare_digest(params.get("state", "").encode(), expected.state.encode()):
        raise ProviderRefusedError("callback: state")
    # RFC 9207 section 2.4, against mix-up: another provider's answer ends here, errors too.
    said = params.get("iss")
    if not is_issuer(issuer, said) and (said is not None or tells_issuer):
        raise ProviderRefusedError(f"callback: iss {said!r:.200}")
    if "error" in params:
        raise refusal("callback", params["error"])
    code = params.get("code", "")
    if not 0 < len(code) <= 8192:
        raise ProviderRefusedError("callback: no code")
    return code


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    """Asks for tokens as our client. fresh: makes a random text."""

    block: Block
    transport: Transport
    clock: Callable[[], float]
    fresh: Callable[[], str]

    async def redeem(
        self, endpoint: str, methods: Collection[str], code: str, redirect_uri: str, verifier: str
    ) -> Answer:
        body: str = prepare_token_request(
            "authorization_code", code=code, redirect_uri=redirect_uri, code_verifier=verifier
        )
        return await self._ask(endpoint, methods, body)

    async def refresh(self, endpoint: str, methods: Collection[str], refresh_token: str) -> Answer:
        body: str = prepare_token_request("refresh_token", refresh_token=refresh_token)
        return await self._ask(endpoint, methods, body)

    async def _ask(self, endpoint: str, methods: Collection[str], body: str) -> Answer:
        now = int(self.clock())
        headers, written = authenticated(self.block, methods, endpoint, body, now, self.fresh())
        return await self.transport.post(endpoint, headers, written)


def _prompt(block: Block, login: LoginRequest) -> str | None:
    """Core section 3.1.2.1: several prompts with blanks between them."""
    dialect = block.dialect
    # one that does not say when they last did is asked outright
    wanted = login.again or (login.max_age is not None and not dialect.tells_auth_time)
    again = wanted and dialect.asks_again
    picks = dialect.picks_account and (login.select_account or (wanted and not again))
    asked = (("login", again), ("select_account", picks), ("consent", block.asks_consent))
    return " ".join(name for name, is_asked in asked if is_asked) or None
