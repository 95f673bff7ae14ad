"""Identity providers as data: what ops need not write, and where each differs from the standard.

The facts are those of the providers' own documents, named in docs/ops/providers.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

Pairs = tuple[tuple[str, str], ...]

SCOPES: Final = ("openid", "profile", "email")

TENANT: Final = "{tenantid}"  # in an issuer: any organisation's id stands there, and the token says which
# Where personal accounts live (learn.microsoft.com, "ID token claims reference": `tid`).
_PERSONAL: Final = "9188040d-6c67-4c5b-b112-36a304b66dad"
_ENTRA: Final = "https://login.microsoftonline.com/"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Plain OAuth 2.0 (RFC 6749): no discovery, no ID token; its user endpoint says who somebody is.

    subject: the member that names a person for ever. claims: our name -> its member, where they differ.
    emails: lists addresses, each with `verified` and `primary`; None: no address is known to be verified.
    """

    authorization: str
    token: str
    user: str
    subject: str
    claims: Pairs = ()
    emails: str | None = None
    emails_scope: str | None = None  # asked for only where an address is needed
    secret_in_body: bool = False  # RFC 6749 section 2.3.1: else in the header


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a provider is spoken to. The defaults are the standard's."""

    scopes: tuple[str, ...] = SCOPES
    form_post: bool = False  # OAuth 2.0 Form Post Response Mode
    discovery: str | None = None  # where the metadata begins, if not at the issuer
    offline: Pairs = ()  # parameters that ask for refresh tokens
    aud_is_token_endpoint: bool = False  # of an assertion; else the issuer (RFC 7523 section 3)
    secret_is_signed: bool = False  # and its issuer is `team`
    team: str = ""
    name_in_form: bool = False  # the callback has `user`, once in a life
    verified_as_text: bool = False  # email_verified may be "true"
    picks_account: bool = True  # knows prompt=select_account
    asks_again: bool = True  # knows prompt=login
    tells_auth_time: bool = True  # where it was asked for by max_age (Core section 3.1.2.1)
    starts_elsewhere: bool = False  # its portal sends people to the redirect URI unasked
    oauth2: Endpoints | None = None


@dataclass(frozen=True, slots=True)
class Preset:
    """issuer: None: ops name theirs. needs: keys of the block beside `preset` and `client_id`."""

    issuer: str | None
    label: str | None = None  # None: the block's id
    dialect: Dialect = Dialect()
    needs: tuple[str, ...] = ("client_secret",)
    takes: tuple[str, ...] = ()
    ends_with_slash: bool = False


_GITHUB = Endpoints(
    authorization="https://github.com/login/oauth/authorize",
    token="https://github.com/login/oauth/access_token",  # ruff: ignore[hardcoded-password-func-arg] - an address
    user="https://api.github.com/user",
    subject="id",  # the login can be given away; the number cannot
    claims=(("preferred_username", "login"),),
    emails="https://api.github.com/user/emails",
    emails_scope="user:email",
    secret_in_body=True,
)

# A school's portal: it asks nobody twice, and has one account a person.
_PORTAL: Final = Dialect(picks_account=False, asks_again=False, tells_auth_time=False, starts_elsewhere=True)

PRESETS: Final[Mapping[str, Preset]] = MappingProxyType(
    {
        "oidc": Preset(None, needs=("issuer",), takes=("client_secret", "client_key", "response_mode")),
        "oauth2": Preset(
            None,
            needs=("issuer", "authorization_endpoint", "token_endpoint", "user_endpoint", "subject"),
            takes=("client_secret", "secret_in", "name"),
        ),
        "google": Preset(
            "https://accounts.google.com",
            "Google",
            Dialect(offline=(("access_type", "offline"),), asks_again=False, tells_auth_time=False),
        ),
        "microsoft": Preset(
            None, "Microsoft", Dialect(tells_auth_time=False), needs=("tenant", "client_secret")
        ),
        "apple": Preset(
            "https://appleid.apple.com",
            "Apple",
            Dialect(
                scopes=("openid", "name", "email"),
                form_post=True,  # the only mode in which it tells name and address
                secret_is_signed=True,
                name_in_form=True,
                verified_as_text=True,
                picks_account=False,
                asks_again=False,
                tells_auth_time=False,
            ),
            needs=("client_key", "team_id", "key_id"),
        ),
        "github": Preset(
            "https://github.com/login/oauth",
            "GitHub",
            Dialect(scopes=(), oauth2=_GITHUB, asks_again=False, tells_auth_time=False),
        ),
        "gitlab": Preset("https://gitlab.com", "GitLab", takes=("issuer",)),
        "orcid": Preset(
            "https://orcid.org", "ORCID", Dialect(scopes=("openid",), picks_account=False), takes=("issuer",)
        ),
        "keycloak": Preset(None, needs=("issuer",), takes=("client_secret", "client_key", "response_mode")),
        "auth0": Preset(None, needs=("issuer",), takes=("client_secret", "client_key"), ends_with_slash=True),
        "okta": Preset(
            None,
            dialect=Dialect(aud_is_token_endpoint=True),
            needs=("issuer",),
            takes=("client_secret", "client_key"),
        ),
        "cilogon": Preset(
            "https://cilogon.org",
            "University (CILogon)",
            Dialect(scopes=(*SCOPES, "org.cilogon.userinfo")),
            takes=("issuer",),
        ),
        "clever": Preset("https://clever.com", "Clever", _PORTAL),
        "classlink": Preset("https://launchpad.classlink.com", "ClassLink", _PORTAL),
    }
)


def microsoft(tenant: str) -> tuple[str, str | None]:
    """The issuer, and where its metadata begins. tenant: personal | school | any | an organisation's id."""
    match tenant:
        case "personal":
            return f"{_ENTRA}{_PERSONAL}/v2.0", None
        case "school":
            return f"{_ENTRA}{TENANT}/v2.0", f"{_ENTRA}organizations/v2.0"
        case "any":
            return f"{_ENTRA}{TENANT}/v2.0", f"{_ENTRA}common/v2.0"
        case _:
            return f"{_ENTRA}{tenant}/v2.0", None
