"""An OpenID Connect provider: the code flow with PKCE, and every check that authlib leaves to us."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from authlib.common.urls import add_params_to_uri

from gateway.errors import ProviderRefusedError, ProviderUnavailableError
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
from gateway.providers.id_token import Wanted, authentication_fault, session_of, verify
from gateway.providers.keys import SigningKeys, parse_jwks
from gateway.providers.logout_token import LogoutToken
from gateway.providers.logout_token import verify as verify_logout
from gateway.providers.metadata import Metadata, parse_metadata, well_known
from gateway.providers.profile import display_name, let_in, mapped, said, told_in_form, verified_email
from gateway.providers.remembered import Remembered
from gateway.providers.signed_token import UnknownKeyError
from gateway.providers.token_answer import refreshed, signed_in
from gateway.providers.transport import Answer, Transport

T = TypeVar("T")

OFFLINE = "offline_access"  # Core section 11: with it a provider hands out refresh tokens

LONGEST_HINT = 4096  # characters of an ID token that fit into an address everywhere


class OidcProvider:
    """One `providers:` block that is an OpenID Connect issuer. fresh: makes a random text."""

    def __init__(
        self, block: Block, transport: Transport, clock: Callable[[], float], fresh: Callable[[], str]
    ) -> None:
        self._block = block
        self._transport = transport
        self._clock = clock
        self._tokens = TokenEndpoint(block, transport, clock, fresh)
        self._metadata = Remembered(self._fetch_metadata, clock)
        self._keys = Remembered(self._fetch_keys, clock)

    @property
    def issuer(self) -> str:
        return self._block.issuer

    @property
    def starts_elsewhere(self) -> bool:
        return self._block.dialect.starts_elsewhere

    async def begin(self, login: LoginRequest) -> str:
        metadata = await self._metadata.get()
        dialect = self._block.dialect
        asked = login.max_age if dialect.tells_auth_time else None
        more = {
            "nonce": login.nonce,
            "response_mode": "form_post" if dialect.form_post else None,
            "max_age": None if asked is None else str(asked),
            "acr_values": " ".join(login.acr_values) or None,
            **(dict(dialect.offline) if self._block.keeps_tokens else {}),
        }
        return authorization_url(
            metadata.authorization_endpoint, self._block, login, self._scopes(metadata), more
        )

    async def finish(self, params: Mapping[str, str], expected: Expected) -> ProviderIdentity:
        metadata = await self._metadata.get()
        given = single(params.items())
        code = code_of(given, metadata.issuer, expected, tells_issuer=metadata.answers_with_iss)
        asked = int(self._clock())
        answer = await self._tokens.redeem(
            metadata.token_endpoint,
            metadata.token_auth_methods,
            code,
            expected.redirect_uri,
            expected.verifier,
        )
        id_token, tokens = signed_in(answer, asked)
        now = int(self._clock())
        wanted = Wanted(metadata.issuer, self._block.client_id, expected.nonce, tokens.access_token, now)
        claims = await self._with_keys(lambda keys: verify(id_token, keys, wanted))
        fault = authentication_fault(claims, expected, now, told=self._block.dialect.tells_auth_time)
        if fault is not None:
            raise ProviderRefusedError(f"ID token: {fault}")
        told = await self._told(metadata, given, claims, tokens.access_token)
        let_in(told, self._block.claims, self._block.allow)
        told_at, acr = claims.get("auth_time"), claims.get("acr")
        auth_time = int(told_at) if isinstance(told_at, int | float) else None
        return ProviderIdentity(
            issuer=str(claims["iss"]),
            subject=str(claims["sub"]),
            name=display_name(told),
            email=verified_email(told),
            claims=mapped(told, self._block.claims),
            auth_time=now if auth_time is None else auth_time,
            proved=auth_time is not None or expected.max_age is not None,
            id_token=id_token,
            tokens=tokens,
            acr=acr if isinstance(acr, str) else None,
            said=said(told, self._block.asks_for),
            session=session_of(claims),
        )

    async def refresh(self, refresh_token: str, original: Original) -> TokenSet:
        metadata = await self._metadata.get()
        asked = int(self._clock())
        answer = await self._tokens.refresh(
            metadata.token_endpoint, metadata.token_auth_methods, refresh_token
        )
        tokens = refreshed(answer, asked)
        if tokens.id_token is not None:
            await self._require_same(tokens.id_token, tokens.access_token, original)
        return tokens

    async def _told(
        self,
        metadata: Metadata,
        given: Mapping[str, str],
        claims: Mapping[str, object],
        access_token: str | None,
    ) -> Mapping[str, object]:
        """What is said of the person: what is signed outweighs userinfo, and both what a form said."""
        dialect = self._block.dialect
        form = told_in_form(given.get("user")) if dialect.name_in_form else {}
        told = {**form, **await self._userinfo(metadata, access_token, str(claims["sub"])), **claims}
        if dialect.verified_as_text and told.get("email_verified") == "true":
            told["email_verified"] = True
        return told

    async def _require_same(self, id_token: str, access_token: str | None, original: Original) -> None:
        """Core section 12.2: the same issuer, audience and subject, made just now; no nonce, or the same."""
        issuer = original.issuer or self._block.issuer
        wanted = Wanted(issuer, self._block.client_id, None, access_token, int(self._clock()))
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
        place = well_known(self._block.dialect.discovery or issuer)
        return parse_metadata(_document(await self._transport.get(place), issuer), issuer)

    async def _fetch_keys(self) -> SigningKeys:
        metadata = await self._metadata.get()
        return parse_jwks(_document(await self._transport.get(metadata.jwks_uri), metadata.jwks_uri))

    def _scopes(self, metadata: Metadata) -> tuple[str, ...]:
        """As the block says; else the usual ones, and what refresh tokens take where they are kept."""
        if self._block.scopes is not None:
            return tuple(self._block.scopes)
        wanted = self._block.keeps_tokens and OFFLINE in metadata.scopes
        scopes = self._block.dialect.scopes
        return (*scopes, OFFLINE) if wanted else scopes

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


def _document(answer: Answer, place: str) -> Mapping[str, object]:
    if answer.status != 200:
        raise ProviderUnavailableError(f"{place}: {answer.status}")
    return answer.body
