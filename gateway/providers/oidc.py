"""An OpenID Connect provider: the code flow with PKCE, and every check that authlib leaves to us."""

import hmac
from collections.abc import Callable, Mapping
from typing import TypeVar
from urllib.parse import quote_plus

from authlib.common.urls import add_params_to_uri
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from gateway.errors import ProviderRefusedError, ProviderUnavailableError
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
from gateway.providers.id_token import Wanted, session_of, verify
from gateway.providers.keys import SigningKeys, parse_jwks
from gateway.providers.logout_token import LogoutToken
from gateway.providers.logout_token import verify as verify_logout
from gateway.providers.metadata import Metadata, parse_metadata, well_known
from gateway.providers.profile import display_name, let_in, mapped, verified_email
from gateway.providers.remembered import Remembered
from gateway.providers.signed_token import UnknownKeyError
from gateway.providers.token_answer import refreshed, refusal, signed_in
from gateway.providers.transport import Answer, Transport

T = TypeVar("T")

SCOPES = ("openid", "profile", "email")
OFFLINE = "offline_access"  # Core section 11: with it a provider hands out refresh tokens

LONGEST_HINT = 4096  # characters of an ID token that fit into an address everywhere


class OidcProvider:
    """One `providers:` block that is an OpenID Connect issuer."""

    def __init__(self, block: Block, transport: Transport, clock: Callable[[], float]) -> None:
        self._block = block
        self._transport = transport
        self._clock = clock
        self._metadata = Remembered(self._fetch_metadata, clock)
        self._keys = Remembered(self._fetch_keys, clock)

    @property
    def issuer(self) -> str:
        return self._block.issuer

    async def begin(self, login: LoginRequest) -> str:
        metadata = await self._metadata.get()
        url: str = prepare_grant_uri(
            metadata.authorization_endpoint,
            self._block.client_id,
            "code",
            redirect_uri=login.redirect_uri,
            scope=" ".join(self._scopes(metadata)),
            state=login.state,
            nonce=login.nonce,
            code_challenge=create_s256_code_challenge(login.verifier),
            code_challenge_method="S256",
            prompt=self._prompt(login),
        )
        return url

    async def finish(self, params: Mapping[str, str], expected: Expected) -> ProviderIdentity:
        metadata = await self._metadata.get()
        code = _code(single(params.items()), metadata, expected.state)
        asked = int(self._clock())
        id_token, tokens = signed_in(await self._redeem(metadata, code, expected), asked)
        now = int(self._clock())
        wanted = Wanted(metadata.issuer, self._block.client_id, expected.nonce, tokens.access_token, now)
        claims = await self._with_keys(lambda keys: verify(id_token, keys, wanted))
        told = {**await self._userinfo(metadata, tokens.access_token, str(claims["sub"])), **claims}
        let_in(told, self._block.claims, self._block.allow)
        auth_time = claims.get("auth_time")
        return ProviderIdentity(
            issuer=metadata.issuer,
            subject=str(claims["sub"]),
            name=display_name(told),
            email=verified_email(told),
            claims=mapped(told, self._block.claims),
            auth_time=int(auth_time) if isinstance(auth_time, int | float) else now,
            id_token=id_token,
            tokens=tokens,
            session=session_of(claims),
        )

    async def refresh(self, refresh_token: str, original: Original) -> TokenSet:
        metadata = await self._metadata.get()
        asked = int(self._clock())
        body = prepare_token_request("refresh_token", refresh_token=refresh_token)
        tokens = refreshed(await self._ask_for_tokens(metadata, body), asked)
        if tokens.id_token is not None:
            await self._require_same(tokens.id_token, tokens.access_token, original)
        return tokens

    async def _require_same(self, id_token: str, access_token: str | None, original: Original) -> None:
        """Core section 12.2: the same issuer, audience and subject, made just now; no nonce, or the same."""
        wanted = Wanted(self._block.issuer, self._block.client_id, None, access_token, int(self._clock()))
        try:
            claims = await self._with_keys(lambda keys: verify(id_token, keys, wanted))
        except ProviderRefusedError as error:
            # a token that proves nothing is no word of the provider's that this person is gone
            raise ProviderUnavailableError(f"refresh: {error.detail}") from error
        if claims["sub"] != original.subject:
            raise SubjectChangedError("refresh: the ID token is of another subject")
        if claims.get("nonce", original.nonce) != original.nonce:
            raise ProviderUnavailableError("refresh: the ID token is of another sign-in")

    async def logout_url(self, id_token_hint: str | None, post_logout_redirect_uri: str) -> str | None:
        """OpenID Connect RP-Initiated Logout section 2."""
        if not self._block.logout_at_provider:
            return None
        try:
            metadata = await self._metadata.get()
        except ProviderUnavailableError:
            return None  # ours has ended all the same
        if metadata.end_session_endpoint is None:
            return None
        params = [
            ("client_id", self._block.client_id),
            ("post_logout_redirect_uri", post_logout_redirect_uri),
        ]
        if id_token_hint is not None and len(id_token_hint) <= LONGEST_HINT:
            params.append(("id_token_hint", id_token_hint))
        url: str = add_params_to_uri(metadata.end_session_endpoint, params)
        return url

    async def read_logout_token(self, token: str) -> LogoutToken:
        now = int(self._clock())
        return await self._with_keys(
            lambda keys: verify_logout(token, keys, self._block.issuer, self._block.client_id, now)
        )

    async def _fetch_metadata(self) -> Metadata:
        issuer = self._block.issuer
        return parse_metadata(_document(await self._transport.get(well_known(issuer)), issuer), issuer)

    async def _fetch_keys(self) -> SigningKeys:
        metadata = await self._metadata.get()
        return parse_jwks(_document(await self._transport.get(metadata.jwks_uri), metadata.jwks_uri))

    async def _redeem(self, metadata: Metadata, code: str, expected: Expected) -> Answer:
        body = prepare_token_request(
            "authorization_code",
            code=code,
            redirect_uri=expected.redirect_uri,
            code_verifier=expected.verifier,
        )
        return await self._ask_for_tokens(metadata, body)

    async def _ask_for_tokens(self, metadata: Metadata, body: str) -> Answer:
        uri, headers, body = self._client_auth(metadata).prepare(
            "POST", metadata.token_endpoint, {"Content-Type": "application/x-www-form-urlencoded"}, body
        )
        return await self._transport.post(uri, headers, body)

    def _scopes(self, metadata: Metadata) -> tuple[str, ...]:
        """As the block says; else the usual ones, and what refresh tokens take where they are kept."""
        if self._block.scopes is not None:
            return tuple(self._block.scopes)
        wanted = self._block.keeps_tokens and OFFLINE in metadata.scopes
        return (*SCOPES, OFFLINE) if wanted else SCOPES

    def _prompt(self, login: LoginRequest) -> str | None:
        """Core section 3.1.2.1: several prompts with blanks between them."""
        asked = (("select_account", login.select_account), ("consent", self._block.asks_consent))
        return " ".join(name for name, wanted in asked if wanted) or None

    def _client_auth(self, metadata: Metadata) -> ClientAuth:
        client_id, secret = self._block.client_id, self._block.client_secret
        if secret is None:
            return ClientAuth(client_id, None, "none")
        methods = metadata.token_auth_methods
        if "client_secret_post" in methods and "client_secret_basic" not in methods:
            return ClientAuth(client_id, secret, "client_secret_post")
        # RFC 6749 section 2.3.1: form-encoded first, which authlib leaves out.
        return ClientAuth(quote_plus(client_id), quote_plus(secret), "client_secret_basic")

    async def _with_keys(self, verified: Callable[[SigningKeys], T]) -> T:
        keys = await self._keys.get()
        try:
            return verified(keys)
        except UnknownKeyError:
            return verified(await self._keys.newer(keys))

    async def _userinfo(
        self, metadata: Metadata, access_token: str | None, subject: str
    ) -> Mapping[str, object]:
        if metadata.userinfo_endpoint is None or access_token is None:
            return {}
        answer = await self._transport.get(
            metadata.userinfo_endpoint, {"Authorization": f"Bearer {access_token}"}
        )
        told = _document(answer, metadata.userinfo_endpoint)
        if told.get("sub") != subject:  # Core section 5.3.2: must be compared, always there
            raise ProviderRefusedError("userinfo speaks of somebody else")
        return told


def _code(params: Mapping[str, str], metadata: Metadata, state: str) -> str:
    """The authorization code of a callback that is of this login and of this provider."""
    if not hmac.compare_digest(params.get("state", "").encode(), state.encode()):
        raise ProviderRefusedError("callback: state")
    # RFC 9207 section 2.4, against mix-up: another provider's answer ends here, errors too.
    issuer = params.get("iss")
    if issuer != metadata.issuer and (issuer is not None or metadata.answers_with_iss):
        raise ProviderRefusedError(f"callback: iss {issuer!r:.200}")
    if "error" in params:
        raise refusal("callback", params["error"])
    code = params.get("code", "")
    if not 0 < len(code) <= 8192:
        raise ProviderRefusedError("callback: no code")
    return code


def _document(answer: Answer, place: str) -> Mapping[str, object]:
    if answer.status != 200:
        raise ProviderUnavailableError(f"{place}: {answer.status}")
    return answer.body
