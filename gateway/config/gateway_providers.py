"""The `providers:` of gateway.yaml: whom the sign-in page offers."""

import re
from dataclasses import replace

from gateway.client_keys import ClientKeyError, ClientKeys, parse_client_keys
from gateway.config.faults import Faults
from gateway.config.gateway_readers import block, secure_url, word_of
from gateway.config.gateway_secrets import is_missing, secret
from gateway.config.nodes import Block, Entry, MappingNode, Node, ScalarNode, list_of, matching, named, text
from gateway.config.settings import Allow, ProviderSettings
from gateway.provider_presets import PRESETS, Dialect, Endpoints, Preset, microsoft
from gateway.routes import RouteTable

_ANY = ("label", "claims", "allow", "logout", "scopes", "tokens", "prompt")
# RFC 6749 section 3.3
_SCOPE = re.compile(r"[!#-\[\]-~]{1,200}", re.ASCII)
_TENANT = re.compile(r"personal|school|any|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_APPLE_NAME = re.compile(r"[A-Z0-9]{10}", re.ASCII)
_MEMBER = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_NO_PROVIDERS = frozenset({"class_card", "guest", "lti", "passkey"})


def read_providers(node: Node, faults: Faults) -> tuple[ProviderSettings, ...]:
    """The providers in the file's order, which is the page's."""
    entries = named(node, faults, "providers")
    if not entries:
        faults.add(node.line, "no-providers", "Nobody could sign in.", "Name at least one provider.")
    read = (_provider(entry, faults) for entry in entries.values())
    return tuple(provider for provider in read if provider is not None)


def _provider(entry: Entry, faults: Faults) -> ProviderSettings | None:
    if entry.key in _NO_PROVIDERS:
        message = f"`{entry.key}` is a way in of its own, which origins name in `sign_in`."
        faults.add(entry.line, "reserved-provider", message, "Give the provider another name.")
    name, preset = _preset(entry.value)
    keys = block(
        entry.value,
        faults,
        f"provider {entry.key}",
        keys=("preset", "client_id", *_ANY, *preset.needs, *preset.takes),
        required=("preset", "client_id", *preset.needs),
    )
    keys.find("preset", word_of(PRESETS, ()))
    issuer, dialect = _place(keys, preset, faults)
    client_keys = keys.find("client_key", _client_keys)
    if "client_key" in keys and "client_secret" in keys:
        message = "A client proves itself by a secret or by a key."
        faults.add(keys.line_of("client_key"), "two-credentials", message, "Remove one of the two.")
    return ProviderSettings(
        id=entry.key,
        issuer=issuer,
        client_id=keys.get("client_id", text, ""),
        client_secret=keys.find("client_secret", secret),
        label=keys.get("label", text, preset.label or entry.key),
        claims=keys.get("claims", texts, {}),
        allow=keys.get("allow", _allow, Allow()),
        logout_at_provider=_logout(keys, dialect, faults) == "provider",
        scopes=_scopes(keys, dialect, faults),
        keeps_tokens=keys.get("tokens", word_of(("none", "refresh"), ()), "none") == "refresh",
        asks_consent=keys.get("prompt", word_of(("none", "consent"), ()), "none") == "consent",
        preset=name,
        client_keys=_named(client_keys, keys, faults),
        dialect=dialect,
    )


def _preset(node: Node) -> tuple[str, Preset]:
    """The preset that a block names; one that nobody knows is told of where it is read."""
    for entry in node.entries if isinstance(node, MappingNode) else ():
        if entry.key == "preset" and isinstance(entry.value, ScalarNode) and entry.value.text in PRESETS:
            return entry.value.text, PRESETS[entry.value.text]
    return "oidc", PRESETS["oidc"]


# --- where the provider is, and how it is spoken to


def _place(keys: Block, preset: Preset, faults: Faults) -> tuple[str, Dialect]:
    issuer = keys.get("issuer", secure_url, preset.issuer or "")
    if preset.ends_with_slash and issuer and not issuer.endswith("/"):
        message = f"The issuer of this provider ends in a slash: `{issuer}/`."
        faults.add(keys.line_of("issuer"), "issuer-without-slash", message, "Add it: not a byte may differ.")
    dialect = preset.dialect
    if "tenant" in preset.needs:
        remedy = "Write personal, school, any, or the organisation's id in lower case."
        issuer, discovery = microsoft(keys.get("tenant", matching(_TENANT, "bad-tenant", remedy), "personal"))
        return issuer, replace(dialect, discovery=discovery)
    if "user_endpoint" in preset.needs:
        return issuer, Dialect(scopes=(), oauth2=_endpoints(keys), asks_again=False, tells_auth_time=False)
    if "team_id" in preset.needs:
        remedy = "Write the ten letters and digits that the provider's console shows."
        return issuer, replace(
            dialect, team=keys.get("team_id", matching(_APPLE_NAME, "bad-name", remedy), "")
        )
    if keys.get("response_mode", word_of(("query", "form_post"), ()), "query") == "form_post":
        dialect = replace(dialect, form_post=True)
    return issuer, dialect


def _endpoints(keys: Block) -> Endpoints:
    member = matching(_MEMBER, "bad-member", "Write the name of one member of the user endpoint's answer.")
    name = keys.find("name", member)
    return Endpoints(
        authorization=keys.get("authorization_endpoint", secure_url, ""),
        token=keys.get("token_endpoint", secure_url, ""),
        user=keys.get("user_endpoint", secure_url, ""),
        subject=keys.get("subject", member, ""),
        secret_in_body=keys.get("secret_in", word_of(("header", "body"), ()), "header") == "body",
        claims=() if name is None else (("name", name),),
    )


def _client_keys(node: Node, faults: Faults, what: str) -> ClientKeys | None:
    if is_missing(node):
        return None
    pem = secret(node, faults, what)
    if pem is None:
        return None
    try:
        return parse_client_keys(pem)
    except ClientKeyError as error:
        remedy = "Make one: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256."
        faults.add(node.line, "bad-client-key", f"{what}: {error}.", remedy)
        return None


def _named(client_keys: ClientKeys | None, keys: Block, faults: Faults) -> ClientKeys | None:
    """The keys under the name that the provider's console gave the first one, where it gave any."""
    remedy = "Write the ten letters and digits that the provider's console shows."
    key_id = keys.find("key_id", matching(_APPLE_NAME, "bad-name", remedy))
    if client_keys is None or key_id is None:
        return client_keys
    if client_keys.keys[0].alg != "ES256":
        message = "client_key is not the key that this provider hands out."
        faults.add(
            keys.line_of("client_key"), "bad-client-key", message, "Use the file AuthKey_….p8 as it is."
        )
    return client_keys.named(key_id)


def _logout(keys: Block, dialect: Dialect, faults: Faults) -> str:
    where = keys.get("logout", word_of(("here", "provider"), ()), "here")
    if where == "provider" and dialect.oauth2 is not None:
        message = "Nobody can be signed out there: plain OAuth 2.0 has no place for it."
        faults.add(keys.line_of("logout"), "no-logout", message, "Write `logout: here`, or remove it.")
    return where


def kept_where_asked(
    providers: tuple[ProviderSettings, ...], routes: RouteTable
) -> tuple[ProviderSettings, ...]:
    """The providers as they are when backends have been read: whose tokens one asks for are kept."""
    asked = {backend.provider_token for backend in routes.backends.values()}
    return tuple(
        replace(provider, keeps_tokens=provider.keeps_tokens or provider.id in asked)
        for provider in providers
    )


# --- what is asked for, and who is let in


def _scopes(keys: Block, dialect: Dialect, faults: Faults) -> tuple[str, ...] | None:
    one = matching(_SCOPE, "bad-scope", "Write a scope without blanks and quotes.")
    scopes = keys.find("scopes", list_of(one))
    if scopes is not None and "openid" not in scopes and dialect.oauth2 is None:
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
