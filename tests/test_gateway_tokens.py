"""gateway.yaml: whose tokens are kept, what is asked of a provider for them, and who is given one."""

from pathlib import Path

import pytest

from gateway.config.settings import ProviderSettings
from tests.gateway_texts import faults, make_site, parse

TEXT = """\
version: 1
public_url: https://gw.example.edu
state: state
providers:
  campus: {preset: oidc, issuer: "https://idp.example.edu", client_id: bookgate, PROVIDER}
  other: {preset: oidc, issuer: "https://other.example", client_id: bookgate}
backends:
  grades: {urls: ["http://127.0.0.1:1"], routes: [{path: /grades/}], BACKEND}
"""


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Path:
    return make_site(tmp_path)


def text(provider: str = "label: x", backend: str = "guests: false") -> str:
    return TEXT.replace("PROVIDER", provider).replace("BACKEND", backend)


def campus(site: Path, provider: str = "label: x", backend: str = "guests: false") -> ProviderSettings:
    return parse(text(provider, backend), site).providers[0]


def test_nothing_is_asked_for_or_kept_by_default(site: Path) -> None:
    read = parse(text(), site)
    assert [(one.scopes, one.keeps_tokens, one.asks_consent) for one in read.providers] == [
        (None, False, False),
        (None, False, False),
    ]
    assert read.routes.backends["grades"].provider_token is None


def test_a_block_that_keeps_tokens(site: Path) -> None:
    block = campus(site, "scopes: [openid, offline_access, 'https://api.example/read'], tokens: refresh")
    assert block.scopes == ("openid", "offline_access", "https://api.example/read")
    assert (block.keeps_tokens, block.asks_consent) == (True, False)
    assert campus(site, "prompt: consent").asks_consent
    assert not campus(site, "prompt: none, tokens: none").keeps_tokens


def test_the_tokens_that_a_backend_asks_for_are_kept(site: Path) -> None:
    read = parse(text(backend="identity: {provider_token: campus}"), site)
    assert read.routes.backends["grades"].provider_token == "campus"
    assert [one.keeps_tokens for one in read.providers] == [True, False]
    read = parse(text(backend="identity: {provider_token: none}"), site)
    assert read.routes.backends["grades"].provider_token is None
    assert [one.keeps_tokens for one in read.providers] == [False, False]


@pytest.mark.parametrize(
    ("provider", "code"),
    [
        pytest.param("scopes: [profile]", "no-openid", id="no openid"),
        pytest.param("scopes: []", "no-openid", id="none"),
        pytest.param("scopes: [openid, 'a b']", "bad-scope", id="a blank"),
        pytest.param("scopes: [openid, 'a\\\\b']", "bad-scope", id="a backslash"),
        pytest.param("scopes: [openid, ä]", "bad-scope", id="not ASCII"),
        pytest.param("scopes: [openid, openid]", "twice", id="twice"),
        pytest.param("tokens: keep", "unknown-value", id="tokens"),
        pytest.param("prompt: login", "unknown-value", id="prompt"),
    ],
)
def test_a_provider_that_is_refused(provider: str, code: str, site: Path) -> None:
    assert faults(text(provider), site) == [(5, code)]


@pytest.mark.parametrize(
    ("backend", "code"),
    [
        pytest.param("identity: {provider_token: campos}", "unknown-provider", id="no such provider"),
        pytest.param(
            "identity: {provider_token: campus}, guests: true", "guest-without-name", id="guests have none"
        ),
        pytest.param(
            "identity: {assertion: {header: x-bookgate-provider-token}}", "reserved-header", id="assertion"
        ),
    ],
)
def test_a_backend_that_is_refused(backend: str, code: str, site: Path) -> None:
    assert faults(text(backend=backend), site) == [(8, code)]


def test_a_plain_header_cannot_have_the_tokens_name(site: Path) -> None:
    backend = "identity: {headers: {X-Bookgate-Provider-Token: campus.user}}"
    assert faults(text("claims: {user: sub}", backend), site) == [(8, "reserved-header")]
