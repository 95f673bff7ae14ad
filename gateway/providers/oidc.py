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
from gateway.providers.contract import Block, Expected, LoginRequest, ProviderIdentity, single
from gateway.providers.id_token import Wanted, session_of, verify
from gateway.providers.keys import SigningKeys, parse_jwks
from gateway.providers.logout_token import LogoutToken
from gateway.providers.logout_token import verify as verify_logout
from gateway.providers.metadata import Metadata, parse_metadata, well_known
from gateway.providers.profile import display_name, let_in, mapped, verified_email
from gateway.providers.remembered import Remembered
from gateway.providers.signed_token import UnknownKeyError
from gateway.providers.transport import Answer, Transport

T = TypeVar("T")

SCOPE = "openid profile email"

# RFC 6749 sections 4.1.2.1 and 5.2: the provider's trouble or our registration, not the person's fault.
_TROUBLE = frozenset(
    {
        "server_error",
        "temporarily_unavailable",
        "invalid_client",
        "unauthorized_client",
        "unsupported_grant_type",
    }
)


class OidcProvider:
    """One `providers:` block that is an OpenID Connect issuer."""

    def __init__(self, block: Block, transport: Transport, clock: Callable[[], float]) -> None:
        self._block = block
        self._transport = transport
        self._clock = clock
        self._metadata = Remembered(self._fetch_metadata, clock)
        self._keys = Remembered(self._fetch_keys, clock)

    async def begin(self, login: LoginRequest) -> str:
        metadata = await self._metadata.get()
        url: str = prepare_grant_uri(
            metadata.authorization_endpoint,
            self._block.client_id,
            "code",
            redirect_uri=login.redirect_uri,
            scope=SCOPE,
            state=login.state,
            nonce=login.nonce,
            code_challenge=create_s256_code_challenge(login.verifier),
            code_challenge_method="S256",
            prompt="select_account" if login.select_account else None,
        )
        return url

    async def finish(self, params: Mapping[str, str], expected: Expected) -> ProviderIdentity:
        metadata = await self._metadata.get()
        code = _code(single(params.items()), metadata, expected.state)
        tokens = _tokens(await self._redeem(metadata, code, expected))
        id_token, access_token = tokens
        now = int(self._clock())
        wanted = Wanted(metadata.issuer, self._block.client_id, expected.nonce, access_token, now)
        claims = await self._with_keys(lambda keys: verify(id_token, keys, wanted))
        told = {**await self._userinfo(metadata, access_token, str(claims["sub"])), **claims}
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
            session=session_of(claims),
        )

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
        if id_token_hint is not None:
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
        uri, headers, body = self._client_auth(metadata).prepare(
            "POST", metadata.token_endpoint, {"Content-Type": "application/x-www-form-urlencoded"}, body
        )
        return await self._transport.post(uri, headers, body)

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
        raise _refusal("callback", params["error"])
    code = params.get("code", "")
    if not 0 < len(code) <= 8192:
        raise ProviderRefusedError("callback: no code")
    return code


def _tokens(answer: Answer) -> tuple[str, str | None]:
    """The ID token and the access token of a token response."""
    if answer.status != 200:
        raise _refusal(f"token endpoint: {answer.status}", answer.body.get("error"))
    id_token, access_token = answer.body.get("id_token"), answer.body.get("access_token")
    if not isinstance(id_token, str):
        raise ProviderUnavailableError("token endpoint: no ID token")
    bearer = str(answer.body.get("token_type")).lower() == "bearer"
    if not isinstance(access_token, str) or not bearer or not access_token.isprintable():
        return id_token, None
    return id_token, access_token


def _document(answer: Answer, place: str) -> Mapping[str, object]:
    if answer.status != 200:
        raise ProviderUnavailableError(f"{place}: {answer.status}")
    return answer.body


def _refusal(place: str, error: object) -> ProviderRefusedError | ProviderUnavailableError:
    said = f"{place}: {error!r:.100}"
    if not isinstance(error, str) or error in _TROUBLE:
        return ProviderUnavailableError(said)
    return ProviderRefusedError(said)
