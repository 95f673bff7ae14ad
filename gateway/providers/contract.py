"""What a provider is to the house: a way to begin a login, to finish it, and to leave."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gateway.client_keys import ClientKeys
from gateway.errors import ProviderRefusedError
from gateway.provider_presets import Dialect
from gateway.providers.logout_token import LogoutToken


class Allow(Protocol):
    """Who may sign in (config/settings.py has the value); empty: everybody."""

    @property
    def groups(self) -> Collection[str]: ...
    @property
    def email_domains(self) -> Collection[str]: ...


class Block(Protocol):
    """One proved `providers:` block (config/settings.py has the value)."""

    @property
    def id(self) -> str: ...
    @property
    def issuer(self) -> str: ...
    @property
    def client_id(self) -> str: ...
    @property
    def client_secret(self) -> str | None: ...
    @property
    def claims(self) -> Mapping[str, str]: ...
    @property
    def allow(self) -> Allow: ...
    @property
    def logout_at_provider(self) -> bool: ...
    @property
    def scopes(self) -> Sequence[str] | None: ...
    @property
    def keeps_tokens(self) -> bool: ...
    @property
    def asks_consent(self) -> bool: ...
    @property
    def client_keys(self) -> ClientKeys | None: ...
    @property
    def dialect(self) -> Dialect: ...
    @property
    def asks_for(self) -> Collection[str]: ...


@dataclass(frozen=True, slots=True)
class LoginRequest:
    """A login that begins; state, nonce and verifier are fresh and random.

    again: they prove who they are once more, also where the provider's own session goes on. max_age: seconds
    since they last did, at most. acr_values: how, one of these (Core section 3.1.2.1).
    """

    state: str
    nonce: str
    verifier: str  # RFC 7636 section 4.1
    redirect_uri: str
    select_account: bool = False
    again: bool = False
    max_age: int | None = None
    acr_values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Expected:
    """What the transaction remembers of its beginning."""

    state: str
    nonce: str
    verifier: str
    redirect_uri: str
    max_age: int | None = None
    acr_values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TokenSet:
    """What a token endpoint handed out. Times are Unix seconds by our clock."""

    access_token: str | None  # a bearer's, fit for a header
    refresh_token: str | None
    id_token: str | None
    issued: int  # when it was asked for
    expires: int  # when the access token ends


@dataclass(frozen=True, slots=True)
class Original:
    """What the first ID token of a sign-in said: a later one must say the same (Core section 12.2)."""

    subject: str
    nonce: str
    issuer: str | None = None  # None: the block's


class SubjectChangedError(ProviderRefusedError):
    """A refresh was answered with the ID token of another subject."""


@dataclass(frozen=True, slots=True)
class ProviderIdentity:
    """Who signed in, as the provider vouches for it. A person is (issuer, subject), nothing else.

    auth_time: when they came back, where the provider does not tell. proved: whether that is when they proved
    it, as was said or as they were asked to; else the provider may have known them still. id_token: None: it
    has none.
    """

    issuer: str
    subject: str
    name: str | None
    email: str | None  # only one that the provider verified
    claims: Mapping[str, str]  # our names, as the block maps them
    auth_time: int
    id_token: str | None  # a hint for signing out, no credential
    tokens: TokenSet
    acr: str | None = None  # how they proved it (Core section 2)
    # the claims that rules name, under the provider's names
    said: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    proved: bool = True
    session: str | None = None  # the claim `sid`: by it the provider says that this session ended there


class Provider(Protocol):
    """Raises ProviderUnavailableError (try another way in) or ProviderRefusedError (not this person)."""

    @property
    def issuer(self) -> str: ...

    @property
    def starts_elsewhere(self) -> bool:
        """Whether people may come to the callback unasked, from a portal of the provider's."""

    async def begin(self, login: LoginRequest) -> str:
        """The address that the browser goes to."""

    async def finish(self, params: Mapping[str, str], expected: Expected) -> ProviderIdentity:
        """The person that the callback's parameters stand for. A MultiDict shows its duplicates."""

    async def refresh(self, refresh_token: str, original: Original) -> TokenSet:
        """New tokens for an old one (RFC 6749 section 6); no new refresh token: the old one stays good.

        Raises ProviderUnavailableError: no answer, or none that can be believed; it may have used up the old
        token all the same. ProviderRefusedError: the grant is over there. SubjectChangedError: it is now
        another person's.
        """

    async def read_logout_token(self, token: str) -> LogoutToken:
        """Whom the provider says it signed out (OpenID Connect Back-Channel Logout section 2.6)."""

    async def logout_url(self, id_token_hint: str | None, post_logout_redirect_uri: str) -> str | None:
        """Where the provider's own session ends; None: the block says `here`, or it has no such place."""


def single(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """A callback's parameters; one that comes twice is refused (RFC 6749 section 3.1)."""
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise ProviderRefusedError(f"parameter twice: {name[:40]!r}")
        found[name] = value
    return found
