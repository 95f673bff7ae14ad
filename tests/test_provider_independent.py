"""A certified provider that nobody here wrote: clients that prove themselves by a key, and form_post."""

import time
from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.client_keys import ClientKeys, parse_client_keys
from gateway.config.settings import ProviderSettings
from gateway.errors import ProviderUnavailableError
from gateway.provider_presets import Dialect
from gateway.providers import build, open_session
from tests.providers_fixture import IndependentProvider, Visitor, independent_provider
from tests.test_provider_contract import EXPECTED, LOGIN, REDIRECT, block

Private = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def parsed(key: Private) -> ClientKeys:
    return parse_client_keys(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


ELLIPTIC, RSA = parsed(ec.generate_private_key(ec.SECP256R1())), parsed(rsa.generate_private_key(65537, 2048))


@pytest.fixture(name="running", params=[ELLIPTIC, RSA], ids=["ES256", "RS256"])
async def _running(
    request: pytest.FixtureRequest,
) -> AsyncGenerator[tuple[IndependentProvider, ClientKeys], None]:
    keys: ClientKeys = request.param
    client = {
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": keys.keys[0].alg,
        "jwks": keys.jwks(),
    }
    async with independent_provider([REDIRECT], more=client) as provider:
        yield provider, keys


def settings(issuer: str, keys: ClientKeys, dialect: Dialect) -> ProviderSettings:
    return replace(block(issuer, None), client_keys=keys, dialect=dialect)


@pytest.mark.parametrize("dialect", [Dialect(), Dialect(form_post=True), Dialect(aud_is_token_endpoint=True)])
async def test_a_client_with_a_key(running: tuple[IndependentProvider, ClientKeys], dialect: Dialect) -> None:
    process, keys = running
    async with open_session() as session, Visitor() as visitor:
        provider = build([settings(process.issuer, keys, dialect)], session, time.time)["campus"]
        url = await provider.begin(LOGIN)
        assert ("response_mode=form_post" in url) == dialect.form_post
        callback = await visitor.sign_in(url, "Ada", REDIRECT)
        assert (await provider.finish(callback.query, EXPECTED)).name == "Ada"


async def test_another_key_is_not_this_client(running: tuple[IndependentProvider, ClientKeys]) -> None:
    process, keys = running
    other = ELLIPTIC if keys is RSA else RSA
    async with open_session() as session, Visitor() as visitor:
        provider = build([settings(process.issuer, other, Dialect())], session, time.time)["campus"]
        callback = await visitor.sign_in(await provider.begin(LOGIN), "Ada", REDIRECT)
        with pytest.raises(ProviderUnavailableError, match="invalid_client"):
            await provider.finish(callback.query, EXPECTED)


async def test_who_they_are_is_asked_once_more_and_told() -> None:
    async with independent_provider([REDIRECT]) as process, open_session() as session, Visitor() as visitor:
        mine = block(process.issuer, process.client_secret)
        provider = build([mine], session, time.time)["campus"]
        await visitor.sign_in(await provider.begin(LOGIN), "Ada", REDIRECT)
        again = await provider.begin(replace(LOGIN, again=True, max_age=0))
        callback = await visitor.sign_in(again, "Bob", REDIRECT)
        identity = await provider.finish(callback.query, replace(EXPECTED, max_age=0))
        assert identity.name == "Bob", "they were asked, though somebody was signed in there"
        assert abs(identity.auth_time - time.time()) < 60
