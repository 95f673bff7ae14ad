"""gateway.yaml: the presets, what each asks ops for, and what is refused."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.config.settings import ProviderSettings
from gateway.provider_presets import PRESETS, Dialect, Endpoints
from tests.gateway_texts import faults, make_site, parse

TEXT = """\
version: 1
public_url: https://gw.example.edu
state: state
providers:
  campus: {PROVIDER}
backends:
  b: {urls: ["http://127.0.0.1:1"], routes: [{path: /b/}]}
"""
KEY = "client_key: {file: client.pem}"
SECRET = "client_secret: {env: SECRET}"
TENANT = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Path:
    site = make_site(tmp_path)
    for name, curve in (("client.pem", ec.SECP256R1()), ("p384.pem", ec.SECP384R1())):
        key = ec.generate_private_key(curve)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (site / name).write_bytes(pem)
    (site / "empty.pem").write_text("nothing")
    return site


def text(provider: str) -> str:
    return TEXT.replace("PROVIDER", f"{provider}, client_id: x")


def provider(said: str, site: Path) -> ProviderSettings:
    return parse(text(said), site).providers[0]


LINES = {
    "oidc": 'issuer: "https://idp.example.edu"',
    "oauth2": 'issuer: "https://id.example", authorization_endpoint: "https://id.example/a", '
    'token_endpoint: "https://id.example/t", user_endpoint: "https://id.example/u", subject: id',
    "google": SECRET,
    "microsoft": f"tenant: school, {SECRET}",
    "apple": f"{KEY}, team_id: TEAM123456, key_id: KEY1234567",
    "github": SECRET,
    "gitlab": SECRET,
    "orcid": SECRET,
    "keycloak": f'issuer: "https://sso.example.edu/realms/books", {SECRET}',
    "auth0": f'issuer: "https://books.eu.auth0.com/", {SECRET}',
    "okta": f'issuer: "https://books.okta.com", {KEY}',
    "cilogon": SECRET,
    "clever": SECRET,
    "classlink": SECRET,
}


def test_every_preset_is_tried_here() -> None:
    assert LINES.keys() == PRESETS.keys()


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_and_the_lines_that_it_asks_for(name: str, site: Path) -> None:
    read = provider(f"preset: {name}, {LINES[name]}", site)
    assert read.preset == name
    assert read.issuer.startswith("https://")
    assert read.label == (PRESETS[name].label or "campus")
    assert (read.client_secret is not None) == ("client_secret" in LINES[name])
    assert (read.client_keys is not None) == ("client_key" in LINES[name])


@pytest.mark.parametrize("name", PRESETS)
def test_a_line_that_is_missing_is_asked_for(name: str, site: Path) -> None:
    needs = len(PRESETS[name].needs)
    assert faults(text(f"preset: {name}"), site) == [(5, "missing-key")] * needs


@pytest.mark.parametrize(
    ("tenant", "issuer", "discovery"),
    [
        ("personal", "9188040d-6c67-4c5b-b112-36a304b66dad", None),
        ("school", "{tenantid}", "https://login.microsoftonline.com/organizations/v2.0"),
        ("any", "{tenantid}", "https://login.microsoftonline.com/common/v2.0"),
        (TENANT, TENANT, None),
    ],
)
def test_whose_accounts_microsoft_lets_in(
    tenant: str, issuer: str, discovery: str | None, site: Path
) -> None:
    read = provider(f"preset: microsoft, tenant: {tenant}, {SECRET}", site)
    assert read.issuer == f"https://login.microsoftonline.com/{issuer}/v2.0"
    assert read.dialect.discovery == discovery


def test_apple_is_told_its_own_names_of_the_key_and_the_team(site: Path) -> None:
    read = provider(f"preset: apple, {LINES['apple']}", site)
    assert read.client_keys is not None
    assert (read.client_keys.keys[0].kid, read.dialect.team) == ("KEY1234567", "TEAM123456")
    assert (read.dialect.form_post, read.dialect.secret_is_signed) == (True, True)


def test_a_service_of_plain_oauth2(site: Path) -> None:
    read = provider(f"preset: oauth2, {LINES['oauth2']}, name: full_name, secret_in: body", site)
    assert read.dialect == Dialect(
        scopes=(),
        asks_again=False,
        tells_auth_time=False,
        oauth2=Endpoints(
            "https://id.example/a",
            "https://id.example/t",
            "https://id.example/u",
            "id",
            claims=(("name", "full_name"),),
            secret_in_body=True,
        ),
    )


def test_what_may_be_written_over_a_preset(site: Path) -> None:
    own = provider(f'preset: gitlab, {SECRET}, issuer: "https://git.example.edu", label: Our GitLab', site)
    assert (own.issuer, own.label) == ("https://git.example.edu", "Our GitLab")
    assert provider(f"preset: oidc, {LINES['oidc']}, response_mode: form_post", site).dialect.form_post
    assert provider(f"preset: github, {SECRET}, scopes: ['read:user']", site).scopes == ("read:user",)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        pytest.param(f"preset: googol, {SECRET}, issuer: 'https://a.b'", "unknown-value", id="a preset"),
        pytest.param(f"preset: google, {SECRET}, issuer: 'https://a.b'", "unknown-key", id="google's issuer"),
        pytest.param(f"preset: github, {SECRET}, logout: provider", "no-logout", id="no place to leave"),
        pytest.param(f"preset: auth0, {SECRET}, issuer: 'https://a.b'", "issuer-without-slash", id="a slash"),
        pytest.param(f"preset: microsoft, {SECRET}, tenant: home", "bad-tenant", id="a word for a tenant"),
        pytest.param(
            f"preset: microsoft, {SECRET}, tenant: {TENANT.upper()}",
            "bad-tenant",
            id="a tenant in upper case",
        ),
        pytest.param(
            f"preset: oidc, {LINES['oidc']}, {KEY}, {SECRET}", "two-credentials", id="a key and a secret"
        ),
        pytest.param(
            f"preset: oidc, {LINES['oidc']}, client_key: {{file: empty.pem}}", "bad-client-key", id="no key"
        ),
        pytest.param(
            f"preset: oidc, {LINES['oidc']}, client_key: word", "secret-in-file", id="a key in the file"
        ),
        pytest.param(
            f"preset: oidc, {LINES['oidc']}, client_key: {{file: none.pem}}", "missing-file", id="no file"
        ),
        pytest.param(
            f"preset: oidc, {LINES['oidc']}, response_mode: fragment", "unknown-value", id="response mode"
        ),
        pytest.param(
            "preset: apple, client_key: {file: p384.pem}, team_id: TEAM123456, key_id: KEY1234567",
            "bad-client-key",
            id="not Apple's key",
        ),
        pytest.param(f"preset: apple, {KEY}, team_id: x, key_id: KEY1234567", "bad-name", id="team"),
        pytest.param(f"preset: apple, {KEY}, team_id: TEAM123456, key_id: x", "bad-name", id="key"),
        pytest.param(
            f"preset: oauth2, {LINES['oauth2']}".replace("subject: id", "subject: a b"),
            "bad-member",
            id="member",
        ),
        pytest.param(
            f"preset: oauth2, {LINES['oauth2']}".replace("https://id.example/u", "http://id.example/u"),
            "insecure-url",
            id="an endpoint in the clear",
        ),
    ],
)
def test_a_block_that_is_refused(said: str, code: str, site: Path) -> None:
    assert faults(text(said), site) == [(5, code)]
