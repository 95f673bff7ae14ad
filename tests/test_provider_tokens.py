"""ID tokens and keys that lie, over real sockets."""

import hmac
import time
from collections.abc import AsyncGenerator, Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, RSAKey

from tests.campus_of_liars import EXPECTED, LOGIN, Campus, campus_of_liars, refused
from tests.lying_provider import (
    CLIENT_ID,
    Json,
    LyingProvider,
    base64url,
)

CONFIGURATION = "/.well-known/openid-configuration"
NOW = int(time.time())


@pytest.fixture
async def campus() -> AsyncGenerator[Campus, None]:
    async with campus_of_liars() as opened:
        yield opened


async def test_an_honest_provider_signs_in(campus: Campus) -> None:
    identity = await campus.sign_in()
    assert (identity.issuer, identity.subject, identity.name, identity.email) == (
        campus.liar.issuer,
        "ada",
        "Ada",
        "ada@example.edu",
    )
    assert NOW - 70 <= identity.auth_time <= time.time()
    assert (identity.id_token or "").count(".") == 2


async def test_a_broken_reply_is_not_believed_because_the_next_one_is_fine(campus: Campus) -> None:
    campus.liar.claims = {"nonce": "another"}
    await refused(campus)
    campus.liar.claims = {}
    assert (await campus.sign_in()).subject == "ada"


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"iss": "https://evil.example"}, id="iss of another"),
        pytest.param({"iss": None}, id="no iss"),
        pytest.param({"aud": "another client"}, id="aud of another"),
        pytest.param({"aud": "another client", "azp": CLIENT_ID}, id="aud of another, azp ours"),
        pytest.param({"aud": ["another client"], "azp": CLIENT_ID}, id="aud list of another, azp ours"),
        pytest.param({"aud": [CLIENT_ID, "another"], "azp": CLIENT_ID}, id="a second audience"),
        pytest.param({"aud": []}, id="aud empty"),
        pytest.param({"aud": None}, id="no aud"),
        pytest.param({"azp": "another client"}, id="azp of another"),
        pytest.param({"nonce": "another"}, id="nonce of another login"),
        pytest.param({"nonce": None}, id="no nonce"),
        pytest.param({"exp": NOW - 3600}, id="expired"),
        pytest.param({"exp": NOW - 60}, id="expired within authlib's leeway"),
        pytest.param({"exp": None}, id="no exp"),
        pytest.param({"exp": True}, id="exp a boolean"),
        pytest.param({"exp": "9999999999"}, id="exp a string"),
        pytest.param({"exp": 1e300}, id="exp beyond time"),
        pytest.param({"iat": NOW + 3600}, id="iat in the future"),
        pytest.param({"iat": NOW - 3600}, id="iat long ago"),
        pytest.param({"iat": None}, id="no iat"),
        pytest.param({"nbf": NOW + 3600}, id="not yet"),
        pytest.param({"auth_time": NOW + 3600}, id="auth_time in the future"),
        pytest.param({"auth_time": "yesterday"}, id="auth_time a word"),
        pytest.param({"sub": None}, id="no sub"),
        pytest.param({"sub": ""}, id="sub empty"),
        pytest.param({"sub": 7}, id="sub a number"),
        pytest.param({"sub": "a" * 256}, id="sub too long"),
        pytest.param({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, id="at_hash of another token"),
        pytest.param({"at_hash": ["x"]}, id="at_hash a list"),
        pytest.param(
            {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}}, id="a logout token"
        ),
    ],
)
async def test_claims_that_lie(campus: Campus, claims: Json) -> None:
    campus.liar.claims = claims
    assert (await refused(campus)).startswith("ID token")


@pytest.mark.parametrize(
    "header",
    [
        pytest.param({"crit": ["urn:unknown"], "urn:unknown": 1}, id="unknown crit"),
        pytest.param({"crit": ["exp"], "exp": 1}, id="crit that names a claim"),
        pytest.param({"jku": "https://evil.example/jwks"}, id="jku"),
        pytest.param({"x5u": "https://evil.example/x5c"}, id="x5u"),
        pytest.param({"x5c": ["MIIB"]}, id="x5c"),
        pytest.param({"typ": "logout+jwt"}, id="a logout token"),
        pytest.param({"typ": "at+jwt"}, id="an access token"),
        pytest.param({"kid": "unknown"}, id="unknown kid"),
        pytest.param({"kid": 5}, id="kid a number"),
    ],
)
async def test_headers_that_lie(campus: Campus, header: Json) -> None:
    campus.liar.header = header
    assert (await refused(campus)).startswith("ID token")


@pytest.mark.parametrize(
    ("sid", "expected"),
    [("sid-1", "sid-1"), (None, None), ("", None), (7, None), (["sid-1"], None), ("a" * 256, None)],
)
async def test_the_providers_own_session_is_known_by_its_sid(
    campus: Campus, sid: object, expected: str | None
) -> None:
    campus.liar.claims = {"sid": sid}
    assert (await campus.sign_in()).session == expected


async def test_a_long_header_with_unknown_words_is_fine(campus: Campus) -> None:
    campus.liar.header = {"urn:example": "x" * 2000}
    assert (await campus.sign_in()).subject == "ada"


def without_algorithm(liar: LyingProvider, claims: Json) -> str:
    return liar.unsigned(claims, "none") + "."


def hmac_with_the_public_key(liar: LyingProvider, claims: Json) -> str:
    text = liar.unsigned(claims, "HS256")
    return f"{text}.{base64url(hmac.digest(liar.key.as_pem(private=False), text.encode(), 'sha256'))}"


def embedded_key(liar: LyingProvider, claims: Json) -> str:
    evil = ECKey.generate_key("P-256")
    liar.header = {"jwk": evil.as_dict(private=False)}
    return liar.signed(claims, evil)


def stranger(liar: LyingProvider, claims: Json) -> str:
    return liar.signed(claims, ECKey.generate_key("P-256"))


def no_kid_of_a_stranger(liar: LyingProvider, claims: Json) -> str:
    liar.header = {"kid": None}
    return stranger(liar, claims)


def tampered(liar: LyingProvider, claims: Json) -> str:
    header, _, signature = liar.signed(claims).split(".")
    other = liar.signed({**claims, "sub": "admin"}).split(".")[1]
    return f"{header}.{other}.{signature}"


def es256_claimed_as_es384(liar: LyingProvider, claims: Json) -> str:
    _, payload, signature = liar.signed(claims).split(".")
    header = liar.signed(claims, ECKey.generate_key("P-384"), "ES384").split(".")[0]
    return f"{header}.{payload}.{signature}"


def payload_is_a_list(liar: LyingProvider, _claims: Json) -> str:
    return liar.signed(b"[]")


def payload_has_nan(liar: LyingProvider, _claims: Json) -> str:
    return liar.signed(b'{"exp": NaN}')


@pytest.mark.parametrize(
    "make",
    [
        without_algorithm,
        hmac_with_the_public_key,
        embedded_key,
        stranger,
        no_kid_of_a_stranger,
        tampered,
        es256_claimed_as_es384,
        payload_is_a_list,
        payload_has_nan,
        pytest.param(lambda _liar, _claims: "garbage", id="garbage"),
        pytest.param(lambda _liar, _claims: "a.b.c.d.e", id="encrypted"),
        pytest.param(lambda _liar, _claims: "!!!.e30.", id="header not base64"),
        pytest.param(lambda _liar, _claims: "W10.e30.", id="header a list"),
        pytest.param(lambda _liar, _claims: "é.e30.x", id="not ASCII"),
    ],
)
async def test_tokens_that_are_not_the_issuers(
    campus: Campus, make: Callable[[LyingProvider, Json], str]
) -> None:
    campus.liar.make_token = make
    assert (await refused(campus)).startswith("ID token")


@pytest.mark.parametrize("make", [without_algorithm, hmac_with_the_public_key])
async def test_no_key_is_looked_for_in_vain(
    campus: Campus, make: Callable[[LyingProvider, Json], str]
) -> None:
    campus.liar.make_token = make
    assert "alg" in await refused(campus)
    assert campus.liar.seen["/jwks"] == 1


async def test_a_token_of_another_kid_asks_for_the_keys_again_but_not_every_time(campus: Campus) -> None:
    await campus.sign_in()
    campus.liar.header = {"kid": "unknown"}
    for _ in range(5):
        await refused(campus)
    assert campus.liar.seen["/jwks"] == 2
    campus.clock.ahead = 11
    await refused(campus)
    assert campus.liar.seen["/jwks"] == 3


async def test_keys_may_rotate_in_the_middle_of_a_login(campus: Campus) -> None:
    await campus.sign_in()
    url = await campus.provider.begin(LOGIN)
    campus.liar.key = ECKey.generate_key("P-256", {"kid": "second"})
    assert (await campus.provider.finish(campus.liar.authorize(url), EXPECTED)).subject == "ada"


async def test_a_withdrawn_key_is_forgotten_after_an_hour(campus: Campus) -> None:
    await campus.sign_in()
    campus.liar.published = ECKey.generate_key("P-256", {"kid": "second"})
    assert (await campus.sign_in()).subject == "ada", "within the hour the key that we know still counts"
    campus.clock.ahead = 3601
    campus.liar.claims = {"iat": NOW + 3601, "exp": NOW + 4000}
    await refused(campus)


@pytest.mark.parametrize(
    ("alg", "make_key"),
    [
        ("ES384", lambda: ECKey.generate_key("P-384")),
        ("ES512", lambda: ECKey.generate_key("P-521")),
        ("RS256", lambda: RSAKey.generate_key(2048)),
        ("PS256", lambda: RSAKey.generate_key(2048)),
    ],
)
async def test_the_algorithms_that_we_take(
    campus: Campus, alg: str, make_key: Callable[[], ECKey | RSAKey]
) -> None:
    campus.liar.alg, campus.liar.key = alg, make_key()
    assert (await campus.sign_in()).subject == "ada"


async def test_a_jwks_with_strange_entries_breaks_no_login(campus: Campus) -> None:
    campus.liar.more_keys = [
        {"kty": "EC", "crv": "P-999", "x": "AA", "y": "AA", "kid": "first"},
        {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kid": "first"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "first"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "first"},
        {"kty": "RSA", "n": "é", "e": "AQAB"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "first"},
        {"kty": "unknown"},
        {},
        "a string",
        None,
    ]
    assert (await campus.sign_in()).subject == "ada"


@pytest.mark.parametrize(
    "publish",
    [
        pytest.param({"use": "enc"}, id="a key for encryption"),
        pytest.param({"alg": "ES512"}, id="a key for another algorithm"),
        pytest.param({"d": "AA"}, id="a private key"),
    ],
)
async def test_keys_that_are_not_for_this(campus: Campus, publish: dict[str, object]) -> None:
    campus.liar.published = ECKey.generate_key("P-256", {"kid": "other"})
    campus.liar.more_keys = [{**campus.liar.key.as_dict(private=False), **publish}]
    await refused(campus)


async def test_a_short_rsa_key_signs_nothing(campus: Campus) -> None:
    pem = rsa.generate_private_key(65537, 1024).private_bytes(  # ruff: ignore[weak-cryptographic-key] - too short is the point
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    with pytest.warns(SecurityWarning):
        campus.liar.key = RSAKey.import_key(pem, {"kid": "first"})
    campus.liar.alg = "RS256"
    await refused(campus)
