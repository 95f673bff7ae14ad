"""Tries out what a `providers:` block says, before a reader does, and says in words what is wrong with it."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum
from html import unescape
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from gateway.errors import ProviderUnavailableError
from gateway.provider_presets import Endpoints
from gateway.providers.code_flow import TokenEndpoint, authorization_url
from gateway.providers.contract import Block, LoginRequest
from gateway.providers.keys import parse_jwks
from gateway.providers.metadata import Metadata, parse_metadata, well_known
from gateway.providers.signed_token import SKEW
from gateway.providers.transport import Answer, Page, Transport, in_words

# Core section 3.1.2.6: who asks with prompt=none is sent back with one of these where nobody is signed in.
_NOBODY: Final = frozenset(
    {"login_required", "interaction_required", "account_selection_required", "consent_required"}
)
_NO_CLIENT: Final = frozenset({"invalid_client", "unauthorized_client", "incorrect_client_credentials"})
_NO_CODE: Final = frozenset({"invalid_grant", "bad_verification_code"})


class Verdict(StrEnum):
    FINE = "fine"
    WRONG = "wrong"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one step came to. remedy: what to do; empty: nothing."""

    step: str
    verdict: Verdict
    words: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """One block, asked of the provider itself. fresh: makes a random text. clock: Unix seconds."""

    block: Block
    redirect_uri: str
    transport: Transport
    clock: Callable[[], float]
    fresh: Callable[[], str]

    async def run(self) -> list[Finding]:
        """Every step that could be taken; those after one that failed may be missing."""
        endpoints = self.block.dialect.oauth2
        if endpoints is not None:
            user = await self._user_endpoint(endpoints)
            methods = ("client_secret_post",) if endpoints.secret_in_body else ("client_secret_basic",)
            page = await self._front(endpoints.authorization)
            return [user, *page, await self._client(endpoints.token, methods)]
        metadata = await self._discovery()
        if isinstance(metadata, Finding):
            return [metadata]
        found = Finding("discovery", Verdict.FINE, f"{self.block.issuer} says where its endpoints are.")
        page = await self._front(metadata.authorization_endpoint)
        client = await self._client(metadata.token_endpoint, metadata.token_auth_methods)
        return [found, await self._keys(metadata), *page, client]

    async def _discovery(self) -> Metadata | Finding:
        place = well_known(self.block.dialect.discovery or self.block.issuer)
        wrong = f"There is no metadata at {place}: "
        try:
            answer = await self.transport.get(place)
        except ProviderUnavailableError as error:
            return Finding("discovery", Verdict.WRONG, f"{wrong}{in_words(error)}.", _WAY)
        if answer.status != 200:
            remedy = "The issuer is what stands before /.well-known/openid-configuration at the provider."
            return Finding("discovery", Verdict.WRONG, f"{wrong}status {answer.status}.", remedy)
        said = answer.body.get("issuer")
        if said != self.block.issuer:
            words = f"The provider calls itself {said!r:.200}, and the block calls it {self.block.issuer!r}."
            return Finding(
                "discovery", Verdict.WRONG, words, "Write it as the provider does: every byte counts."
            )
        try:
            return parse_metadata(answer.body, self.block.issuer)
        except ProviderUnavailableError as error:
            return Finding("discovery", Verdict.WRONG, f"The metadata cannot be used: {error.detail}.")

    async def _keys(self, metadata: Metadata) -> Finding:
        try:
            answer = await self.transport.get(metadata.jwks_uri)
            usable = len(parse_jwks(answer.body).keys)
        except ProviderUnavailableError as error:
            words = f"Its keys at {metadata.jwks_uri} cannot be had: {in_words(error)}."
            return Finding("keys", Verdict.WRONG, words, _WAY)
        if not usable:
            words = f"None of the keys at {metadata.jwks_uri} is one that ID tokens may be signed with."
            return Finding(
                "keys", Verdict.WRONG, words, "RS256, PS256 or ES256 must be among its algorithms."
            )
        return Finding("keys", Verdict.FINE, f"{usable} of its keys can be used.")

    async def _user_endpoint(self, endpoints: Endpoints) -> Finding:
        """Without a token it must refuse: what it says to everybody is no identity."""
        try:
            answer = await self.transport.get(endpoints.user)
        except ProviderUnavailableError as error:
            return Finding("user endpoint", Verdict.WRONG, f"{endpoints.user}: {in_words(error)}.", _WAY)
        if answer.status in {400, 401, 403}:
            return Finding("user endpoint", Verdict.FINE, f"{endpoints.user} wants a token.")
        words = f"{endpoints.user} answers {answer.status} to somebody without a token."
        return Finding("user endpoint", Verdict.WRONG, words, "Correct `user_endpoint`.")

    async def _front(self, endpoint: str) -> list[Finding]:
        """What a browser would see that comes from us; and the provider's clock."""
        login = LoginRequest(self.fresh(), self.fresh(), self.fresh() * 2, self.redirect_uri)
        dialect = self.block.dialect
        more = {"nonce": login.nonce, "prompt": "none"} if dialect.oauth2 is None else {}
        scopes = self.block.scopes or dialect.scopes
        if dialect.form_post:
            more["response_mode"] = "form_post"
        url = authorization_url(endpoint, self.block, login, scopes, more)
        try:
            page = await self.transport.page(url)
        except ProviderUnavailableError as error:
            return [Finding("redirect URI", Verdict.WRONG, f"{endpoint}: {in_words(error)}.", _WAY)]
        return [*self._clock(page), redirect_finding(page, url, self.redirect_uri)]

    def _clock(self, page: Page) -> list[Finding]:
        apart = seconds_apart(page.date, self.clock())
        if apart is None or abs(apart) <= SKEW:
            return []
        words = (
            f"The provider's clock and ours are {abs(apart):.0f} seconds apart: its ID tokens are refused."
        )
        return [Finding("clock", Verdict.WRONG, words, "Let this machine's clock be set by NTP.")]

    async def _client(self, endpoint: str, methods: Collection[str]) -> Finding:
        """A made-up code: whoever is refused for the code alone is a client that the provider knows."""
        tokens = TokenEndpoint(self.block, self.transport, self.clock, self.fresh)
        try:
            answer = await tokens.redeem(endpoint, methods, "bookgate-trial", self.redirect_uri, "v" * 43)
        except ProviderUnavailableError as error:
            return Finding("client", Verdict.WRONG, f"{endpoint}: {in_words(error)}.", _WAY)
        return client_finding(answer, keyed=self.block.client_keys is not None)


_WAY: Final = "Look at the address, at `outbound` (proxy, ca) and at what this machine may reach."


def redirect_finding(page: Page, url: str, redirect_uri: str) -> Finding:
    """What a page says of our redirect URI: a provider sends nobody to one that it does not know."""
    step, register = "redirect URI", f"Register there, byte for byte: {redirect_uri}"
    sent_back = page.location is not None and page.location.startswith(redirect_uri)
    error = _parameters(page.location or "").get("error", "")
    if sent_back and (not error or error in _NOBODY):
        return Finding(step, Verdict.FINE, f"It is registered: {redirect_uri}")
    if sent_back:
        said = _parameters(page.location or "").get("error_description", "")
        return Finding(step, Verdict.WRONG, f"The provider sends people back: {error}. {said[:200]}".strip())
    if any(f"action={quote}{redirect_uri}{quote}" in unescape(page.text) for quote in "\"'"):
        return Finding(step, Verdict.FINE, f"It is registered, and answered by a form: {redirect_uri}")
    if page.status >= 400 or error or "error" in urlsplit(page.location or "").path:
        words = f"The provider shows an error of its own (status {page.status}) instead of asking anybody."
        return Finding(step, Verdict.WRONG, words, f"{register}; and look at `client_id`.")
    words = "The provider asks people to sign in before it says whether it knows the redirect URI."
    return Finding(step, Verdict.UNSURE, words, f"{register}. A browser shows the rest: {url}")


def client_finding(answer: Answer, *, keyed: bool) -> Finding:
    """What an answer to a made-up code says of the client."""
    error = answer.body.get("error")
    if error in _NO_CODE:
        return Finding(
            "client", Verdict.FINE, "The provider knows this client and believes that it is this one."
        )
    if error in _NO_CLIENT or answer.status == 401:
        remedy = "Look at `client_id` and `client_secret`: has the secret run out, or a line end in it?"
        if keyed:
            remedy = "Register the public keys (`bookgate providers keys`), and the method private_key_jwt."
        words = f"The provider does not believe who we are: {error!r:.100}."
        return Finding("client", Verdict.WRONG, words, remedy)
    if error == "redirect_uri_mismatch":
        return Finding("client", Verdict.WRONG, "The redirect URI is not the registered one.")
    words = f"The token endpoint answered {answer.status} {error!r:.100} to a code that does not exist."
    return Finding("client", Verdict.UNSURE, words)


def seconds_apart(date: str | None, now: float) -> float | None:
    """How far a Date header (RFC 9110 section 6.6.1) is from our clock; None: it says nothing."""
    try:
        return None if date is None else parsedate_to_datetime(date).timestamp() - now
    except ValueError:
        return None


def _parameters(location: str) -> Mapping[str, str]:
    parts = urlsplit(location)
    return dict(parse_qsl(parts.query) + parse_qsl(parts.fragment))
