"""The `providers:` of gateway.yaml: whom the sign-in page offers."""

import re
from dataclasses import replace

from gateway.config.faults import Faults
from gateway.config.gateway_readers import block, secure_url, word_of
from gateway.config.gateway_secrets import secret
from gateway.config.nodes import Block, Entry, Node, list_of, matching, named, text
from gateway.config.settings import Allow, ProviderSettings
from gateway.routes import RouteTable

_BUILT = (
    "preset",
    "issuer",
    "client_id",
    "client_secret",
    "label",
    "claims",
    "allow",
    "logout",
    "scopes",
    "tokens",
    "prompt",
)
# RFC 6749 section 3.3
_SCOPE = re.compile(r"[!#-\[\]-~]{1,200}", re.ASCII)
_NO_PROVIDERS = frozenset({"class_card", "guest", "lti", "passkey"})
_PRESETS_LATER = (
    "google",
    "microsoft",
    "apple",
    "github",
    "gitlab",
    "clever",
    "classlink",
    "cilogon",
    "shibboleth",
    "canvas",
)


def read_providers(node: Node, faults: Faults) -> tuple[ProviderSettings, ...]:
    """The providers in the file's order, which is the page's."""
    entries = named(node, faults, "providers")
    if not entries:
        faults.add(node.line, "no-providers", "Nobody could sign in.", "Name at least one provider.")
    read = (_provider(entry, faults) for entry in entries.values())
    return tuple(provider for provider in read if provider is not None)


def _provider(entry: Entry, faults: Faults) -> ProviderSettings | None:
    what = f"provider {entry.key}"
    if entry.key in _NO_PROVIDERS:
        message = f"`{entry.key}` is a way in of its own, which origins name in `sign_in`."
        faults.add(entry.line, "reserved-provider", message, "Give the provider another name.")
    keys = block(
        entry.value,
        faults,
        what,
        keys=_BUILT,
        later=("client_key",),
        required=("preset", "issuer", "client_id"),
    )
    keys.find("preset", word_of(("oidc",), _PRESETS_LATER))
    return ProviderSettings(
        id=entry.key,
        issuer=keys.get("issuer", secure_url, ""),
        client_id=keys.get("client_id", text, ""),
        client_secret=keys.find("client_secret", secret),
        label=keys.get("label", text, entry.key),
        claims=keys.get("claims", texts, {}),
        allow=keys.get("allow", _allow, Allow()),
        logout_at_provider=keys.get("logout", word_of(("here", "provider"), ()), "here") == "provider",
        scopes=_scopes(keys, faults),
        keeps_tokens=keys.get("tokens", word_of(("none", "refresh"), ()), "none") == "refresh",
        asks_consent=keys.get("prompt", word_of(("none", "consent"), ()), "none") == "consent",
    )


def kept_where_asked(
    providers: tuple[ProviderSettings, ...], routes: RouteTable
) -> tuple[ProviderSettings, ...]:
    """The providers as they are when backends have been read: whose tokens one asks for are kept."""
    asked = {backend.provider_token for backend in routes.backends.values()}
    return tuple(
        replace(provider, keeps_tokens=provider.keeps_tokens or provider.id in asked)
        for provider in providers
    )


def _scopes(keys: Block, faults: Faults) -> tuple[str, ...] | None:
    one = matching(_SCOPE, "bad-scope", "Write a scope without blanks and quotes.")
    scopes = keys.find("scopes", list_of(one))
    if scopes is not None and "openid" not in scopes:
        message = "Without `openid` a provider says nothing of who signed in."
        faults.add(keys.line_of("scopes"), "no-openid", message, "Add it.")
    return scopes


def texts(node: Node, faults: Faults, what: str) -> dict[str, str] | None:
    """A mapping of our names to any text."""
    read = {key: text(entry.value, faults, key) for key, entry in named(node, faults, what).items()}
    return {key: found for key, found in read.items() if found is not None}


def _allow(node: Node, faults: Faults, what: str) -> Allow | None:
    keys = block(node, faults, what, keys=("groups", "email_domains"))
    return Allow(
        groups=frozenset(keys.find("groups", list_of(text)) or ()),
        email_domains=frozenset(keys.find("email_domains", list_of(_domain)) or ()),
    )


def _domain(node: Node, faults: Faults, what: str) -> str | None:
    domain = text(node, faults, what)
    if domain is None or (domain.isascii() and domain == domain.lower() and "@" not in domain):
        return domain
    faults.add(node.line, "bad-domain", f"{what} cannot be `{domain}`.", "Write the domain alone.")
    return None
