"""What `bookgate providers` finds out and says, over real sockets."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from secrets import token_urlsafe

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from typer.testing import CliRunner, Result

from gateway.client_keys import parse_client_keys
from gateway.commands.providers import app
from gateway.provider_presets import Dialect
from gateway.providers import Finding, Trial, Verdict, open_session
from gateway.providers.transport import Page, Transport
from gateway.providers.trial import redirect_finding, seconds_apart
from tests.campus_of_liars import Campus, campus_of_liars
from tests.gateway_texts import make_site
from tests.lying_provider import Json, Trouble, answering, hang, reset
from tests.lying_service import Service, lying_service
from tests.providers_fixture import independent_provider

REDIRECT = "https://gw.example.edu/auth/callback/campus"
FINE, WRONG, UNSURE = Verdict.FINE, Verdict.WRONG, Verdict.UNSURE


def verdicts(findings: list[Finding]) -> dict[str, Verdict]:
    return {finding.step: finding.verdict for finding in findings}


# --- a whole provider


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Path:
    site = make_site(tmp_path)
    key = ec.generate_private_key(ec.SECP256R1())
    (site / "client.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return site


def write(site: Path, campus: str) -> Path:
    config = site / "gateway.yaml"
    config.write_text(f"""\
version: 1
public_url: https://gw.example.edu
state: state
providers:
  campus: {{{campus}}}
backends:
  b: {{urls: ["http://127.0.0.1:1"], routes: [{{path: /b/}}]}}
""")
    return config


async def call(config: Path, *words: str) -> Result:
    command = [*words, "--config", str(config)]
    env = {"SECRET": "independent-secret", "WRONG": "wrong"}
    return await asyncio.to_thread(CliRunner().invoke, app, command, env=env, catch_exceptions=False)


async def test_a_provider_that_is_right(site: Path) -> None:
    async with independent_provider([REDIRECT]) as provider:
        said = (
            f'preset: oidc, issuer: "{provider.issuer}", client_id: bookgate, client_secret: {{env: SECRET}}'
        )
        result = await call(write(site, said), "test", "campus")
        assert result.exit_code == 0, result.output
        assert [line.split()[0] for line in result.output.splitlines()] == ["fine"] * 4
        wrong = await call(write(site, said.replace("SECRET", "WRONG")), "test", "campus", "--json")
        assert wrong.exit_code == 1
        assert [(it["step"], it["verdict"]) for it in json.loads(wrong.output)] == [
            ("discovery", "fine"),
            ("keys", "fine"),
            ("redirect URI", "fine"),
            ("client", "wrong"),
        ]


async def test_a_redirect_uri_that_nobody_registered(site: Path) -> None:
    async with independent_provider(["https://gw.example.edu/auth/callback/other"]) as provider:
        said = (
            f'preset: oidc, issuer: "{provider.issuer}", client_id: bookgate, client_secret: {{env: SECRET}}'
        )
        result = await call(write(site, said), "test", "campus")
    assert result.exit_code == 1
    assert f"Register there, byte for byte: {REDIRECT}" in result.output


async def test_a_client_with_a_key_and_form_post(site: Path) -> None:
    said = 'preset: oidc, issuer: "ISSUER", client_id: bookgate, client_key: {file: client.pem}'
    said += ", response_mode: form_post"
    config = write(site, said.replace("ISSUER", "https://idp.example"))
    printed = await call(config, "keys", "campus")
    jwks = json.loads(printed.output)
    more = {"token_endpoint_auth_method": "private_key_jwt", "jwks": jwks}
    more["token_endpoint_auth_signing_alg"] = "ES256"
    async with independent_provider([REDIRECT], more=more) as provider:
        result = await call(write(site, said.replace("ISSUER", provider.issuer)), "test", "campus")
    assert result.exit_code == 0, result.output
    assert "answered by a form" in result.output


async def test_what_to_register(site: Path) -> None:
    said = 'preset: okta, issuer: "https://books.okta.com", client_id: x, client_key: {file: client.pem}'
    result = await call(write(site, said), "list", "--json")
    assert json.loads(result.output) == [
        {
            "provider": "campus",
            "preset": "okta",
            "issuer": "https://books.okta.com",
            "redirect_uri": REDIRECT,
            "client": "x, by private_key_jwt",
            "back_channel_logout": "https://gw.example.edu/auth/backchannel-logout/campus",
            "front_channel_logout": "https://gw.example.edu/auth/frontchannel-logout/campus",
            "client_keys": "https://gw.example.edu/auth/client-keys/campus",
        }
    ]
    shown = (
        await call(write(site, "preset: github, client_id: x, client_secret: {env: SECRET}"), "list")
    ).output
    assert "x, by a secret" in shown
    assert "back channel" not in shown


async def test_a_name_that_is_nobodys_and_keys_that_are_not_there(site: Path) -> None:
    config = write(site, "preset: github, client_id: x, client_secret: {env: SECRET}")
    for words in (("test", "campos"), ("keys", "campus")):
        result = await call(config, *words)
        assert result.exit_code == 1
        assert "campus" in result.output


# --- what may be wrong


@pytest.fixture(name="campus")
async def _campus() -> AsyncGenerator[Campus, None]:
    async with campus_of_liars() as opened:
        opened.liar.trouble["/authorize"] = answering(302, Location=f"{REDIRECT}?error=login_required")
        opened.liar.trouble["/token"] = answering(400, {"error": "invalid_grant"})
        yield opened


async def tried(campus: Campus | Service, **changed: object) -> list[Finding]:
    block = replace(campus.block, **changed)  # type: ignore[arg-type]  # the row's own fields
    async with open_session() as session:
        transport = Transport(session, deadline=0.4, largest=20_000)
        return await Trial(block, REDIRECT, transport, time.time, lambda: token_urlsafe(32)).run()


async def test_nothing_is_wrong(campus: Campus) -> None:
    found = verdicts(await tried(campus))
    assert found == dict.fromkeys(("discovery", "keys", "redirect URI", "client"), FINE)


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        pytest.param(
            {"issuer": "https://other.example"}, "calls itself 'https://other.example'", id="issuer"
        ),
        pytest.param({"token_endpoint": None}, "cannot be used", id="no token endpoint"),
    ],
)
async def test_metadata_that_is_wrong(campus: Campus, metadata: Json, words: str) -> None:
    campus.liar.metadata = metadata
    [finding] = await tried(campus)
    assert (finding.step, finding.verdict) == ("discovery", WRONG)
    assert words in finding.words


@pytest.mark.parametrize(
    ("path", "trouble", "step", "words"),
    [
        ("/.well-known/openid-configuration", answering(404, {}), "discovery", "status 404"),
        ("/.well-known/openid-configuration", hang, "discovery", "did not answer within"),
        ("/jwks", answering(200, {"keys": []}), "keys", "None of the keys"),
        ("/jwks", reset, "keys", "cannot be had"),
        ("/authorize", reset, "redirect URI", "authorize"),
        ("/token", answering(401, {"error": "invalid_client"}), "client", "does not believe who we are"),
        ("/token", answering(200, {"error": "redirect_uri_mismatch"}), "client", "not the registered one"),
        ("/token", reset, "client", "/token"),
    ],
)
async def test_an_endpoint_that_is_wrong(
    campus: Campus, path: str, trouble: Trouble, step: str, words: str
) -> None:
    campus.liar.trouble[path] = trouble
    [finding] = [it for it in await tried(campus) if it.verdict is not FINE]
    assert (finding.step, finding.verdict) == (step, WRONG)
    assert words in finding.words


async def test_an_answer_that_says_nothing(campus: Campus) -> None:
    campus.liar.trouble["/token"] = answering(418, {})
    assert verdicts(await tried(campus))["client"] is UNSURE


async def test_nobody_listens(campus: Campus) -> None:
    for issuer, words in (
        ("http://127.0.0.1:1", "nobody listens"),
        ("https://idp.invalid", "its name is not"),
    ):
        [finding] = await tried(campus, issuer=issuer)
        assert words in finding.words


async def test_a_certificate_that_nobody_believes(campus: Campus) -> None:
    [finding] = await tried(campus, issuer=campus.liar.issuer.replace("http:", "https:"))
    assert finding.verdict is WRONG


async def test_clocks_that_are_apart(campus: Campus) -> None:
    async def late(_request: web.BaseRequest) -> web.StreamResponse:
        headers = {"Location": f"{REDIRECT}?error=login_required", "Date": "Tue, 01 Jan 2030 00:00:00 GMT"}
        return web.Response(status=302, headers=headers)

    campus.liar.trouble["/authorize"] = late
    assert verdicts(await tried(campus))["clock"] is WRONG


@pytest.mark.parametrize(
    ("date", "apart"),
    [(None, None), ("soon", None), ("Thu, 01 Jan 1970 00:01:40 GMT", 90.0)],
)
def test_seconds_apart(date: str | None, apart: float | None) -> None:
    assert seconds_apart(date, 10) == apart


@pytest.mark.parametrize(
    ("page", "verdict"),
    [
        pytest.param(
            (302, f"{REDIRECT}?error=login_required", ""), FINE, id="sent back: nobody is signed in"
        ),
        pytest.param((302, f"{REDIRECT}?code=x", ""), FINE, id="sent back with a code"),
        pytest.param((302, f"{REDIRECT}?error=invalid_scope", ""), WRONG, id="sent back with another error"),
        pytest.param((302, f"{REDIRECT}#error=invalid_scope", ""), WRONG, id="the same in a fragment"),
        pytest.param((302, "https://idp.example/oauth/error?authError=x", ""), WRONG, id="a page of errors"),
        pytest.param((400, None, "redirect_uri"), WRONG, id="400"),
        pytest.param((404, None, ""), WRONG, id="404"),
        pytest.param((200, None, f"<form method=post action='{REDIRECT}'>"), FINE, id="a form"),
        pytest.param((400, None, f'<form action="{REDIRECT}">'), FINE, id="a form with an error in it"),
        pytest.param((400, None, f"<form> {REDIRECT} is not registered"), WRONG, id="a form of its own"),
        pytest.param((200, None, "Sign in"), UNSURE, id="a page"),
        pytest.param((302, "https://idp.example/login?next=x", ""), UNSURE, id="sent to sign in"),
    ],
)
def test_what_a_page_says(page: tuple[int, str | None, str], verdict: Verdict) -> None:
    status, location, text = page
    assert redirect_finding(Page(status, location, None, text), "https://idp", REDIRECT).verdict is verdict


async def test_a_plain_service() -> None:
    async with lying_service() as service:
        service.liar.trouble["/authorize"] = answering(302, Location=f"{service.liar.issuer}/login")
        service.liar.trouble["/token"] = answering(200, {"error": "bad_verification_code"})
        found = verdicts(await tried(service))
        assert found == {"user endpoint": FINE, "redirect URI": UNSURE, "client": FINE}
        service.liar.trouble["/user"] = answering(200, {"id": 7})
        assert verdicts(await tried(service))["user endpoint"] is WRONG
        service.liar.trouble["/user"] = reset
        assert verdicts(await tried(service))["user endpoint"] is WRONG


async def test_a_key_that_is_not_registered(campus: Campus, site: Path) -> None:
    campus.liar.trouble["/token"] = answering(401, {"error": "invalid_client"})
    keys = parse_client_keys((site / "client.pem").read_text())
    [finding] = [it for it in await tried(campus, client_keys=keys, dialect=Dialect()) if it.verdict is WRONG]
    assert "bookgate providers keys" in finding.remedy
