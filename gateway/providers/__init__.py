"""Identity providers: one contract, and the ways to keep it.

contract.py      what the rest of the house calls, and the values that travel
issuers.py       whether an issuer is the one that a block names
addresses.py     which addresses a provider may have
transport.py     the one place that speaks to providers: deadlines and size limits
metadata.py      discovery: what a provider says about itself, proved
keys.py          a provider's signing keys, those that we take
signed_token.py  whether an issuer signed a token
client_authentication.py  how a token endpoint is shown which client asks
code_flow.py     the authorization code flow, the same for every kind
token_answer.py  what a token endpoint answered
id_token.py      whether an ID token may be believed
logout_token.py  whether a logout token may be believed
profile.py       what is told about a person, as our words; who is let in
remembered.py    documents kept for an hour and not asked for too often
oidc.py          a provider that is an OpenID Connect issuer
oauth2.py        a provider that is a plain OAuth 2.0 service
trial.py         what a block says, tried out before a reader does
registry.py      the `providers:` blocks as providers
"""

from gateway.providers.contract import (
    Expected,
    LoginRequest,
    Original,
    Provider,
    ProviderIdentity,
    SubjectChangedError,
    TokenSet,
    single,
)
from gateway.providers.issuers import is_issuer, is_shared
from gateway.providers.logout_token import LogoutToken
from gateway.providers.registry import build
from gateway.providers.transport import open_session
from gateway.providers.trial import Finding, Trial, Verdict

__all__ = [
    "Expected",
    "Finding",
    "LoginRequest",
    "LogoutToken",
    "Original",
    "Provider",
    "ProviderIdentity",
    "SubjectChangedError",
    "TokenSet",
    "Trial",
    "Verdict",
    "build",
    "is_issuer",
    "is_shared",
    "open_session",
    "single",
]
