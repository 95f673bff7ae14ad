"""Every way in which a provider lies, breaks or is impersonated, over real sockets."""

import asyncio
import gzip
import time
from collections.abc import AsyncGenerator, Callable
from types import MappingProxyType

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OctKey, RSAKey
from multidict import MultiDict

from gateway.config.settings import Allow, ProviderSettings
from gateway.errors import GatewayError, ProviderRefusedError, ProviderUnavailableError
from gateway.providers import Expected, LoginRequest, ProviderIdentity, open_session
from gateway.providers.oidc import OidcProvider
from gateway.providers.transport import Transport
from tests.lying_provider import (
    CLIENT_ID,
    REDIRECT,
    SECRET,
    Json,
    LyingProvider,
    Trouble,
    answering,
    base64url,
    dribble,
    flood,
    hang,
    lying_provider,
    reset,
)

VERIFIER = "v" * 43
LOGIN = LoginRequest("state-1", "nonce-1", VERIFIER, REDIRECT)
EXPECTED = Expected("state-1", "nonce-1", VERIFIER, REDIRECT)
DEADLINE = 0.4
CONFIGURATION = "/.well-known/openid-configuration"
NOW = int(time.time())


class Clock:
    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


class Campus:
    """The provider under test and the liar that it talks to."""

    def __init__(self, liar: LyingProvider, transport: Transport, clock: Clock) -> None:
        self.liar = liar
        self.clock = clock
        self._transport = transport
        self.provider = self.configured()

    def configured(
        self, claims: dict[str, str] | None = None, allow: Allow | None = None, *, logout: bool = True
    ) -> OidcProvider:
        block = ProviderSettings(
            id="campus",
            issuer=self.liar.issuer,
            client_id=CLIENT_ID,
            client_secret=SECRET,
            label="Campus",
            claims=MappingProxyType(claims or {}),
            allow=allow or Allow(),
            logout_at_provider=logout,
        )
        return OidcProvider(block, self._transport, self.clock)

    async def sign_in(self, provider: OidcProvider | None = None) -> ProviderIdentity:
        provider = provider or self.provider
        return await provider.finish(self.liar.authorize(await provider.begin(LOGIN)), EXPECTED)


@pytest.fixture
async def campus() -> AsyncGenerator[Campus, None]:
    async with lying_provider() as liar, open_session() as session:
        yield Campus(liar, Transport(session, deadline=DEADLINE, largest=20_000), Clock())


async def refused(campus: Campus) -> str:
    """The sign-in must fail as a lie; and without the lie it would have succeeded."""
    with pytest.raises(ProviderRefusedError) as refusal:
        await campus.sign_in()
    return refusal.value.detail


async def test_an_honest_provider_signs_in(campus: Campus) -> None:
    identity = await campus.sign_in()
    assert (identity.issuer, identity.subject, identity.name, identity.email) == (
        campus.liar.issuer,
        "ada",
        "Ada",
        "ada@example.edu",
    )
    assert NOW - 70 <= identity.auth_time <= time.time()
    assert identity.id_token.count(".") == 2


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
    await refused(campus)


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
    await refused(campus)


async def test_a_long_header_with_unknown_words_is_fine(campus: Campus) -> None:
    campus.liar.header = {"urn:example": "x" * 2000}
    assert (await campus.sign_in()).subject == "ada"


def unsigned(liar: LyingProvider, claims: Json) -> str:
    signed = liar.signed(claims)
    return f"eyJhbGciOiJub25lIn0.{signed.split('.')[1]}."


def hmac_with_the_public_key(liar: LyingProvider, claims: Json) -> str:
    return liar.signed(
        claims, OctKey.import_key({"kty": "oct", "k": base64url(liar.key.as_pem(private=False))}), "HS256"
    )


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
        unsigned,
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
    await refused(campus)


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


@pytest.mark.parametrize(
    "lie",
    [
        pytest.param([("state", "another")], id="state of another login"),
        pytest.param([("state", "")], id="state empty"),
        pytest.param([("state", "é")], id="state not ASCII"),
        pytest.param([("iss", "https://other.example")], id="mix-up: iss of another provider"),
        pytest.param([("code", "")], id="code empty"),
        pytest.param([("code", "x" * 9000)], id="code huge"),
    ],
)
async def test_callbacks_that_lie(campus: Campus, lie: list[tuple[str, str]]) -> None:
    params = {**campus.liar.authorize(await campus.provider.begin(LOGIN)), **dict(lie)}
    with pytest.raises(ProviderRefusedError):
        await campus.provider.finish(params, EXPECTED)
    assert campus.liar.seen["/token"] == 0, "nothing may be sent to the token endpoint"


@pytest.mark.parametrize("name", ["code", "state", "iss", "error"])
async def test_a_parameter_that_comes_twice(campus: Campus, name: str) -> None:
    params = MultiDict(campus.liar.authorize(await campus.provider.begin(LOGIN)))
    params.add(name, params.get(name, "access_denied"))
    params.add(name, params[name])
    with pytest.raises(ProviderRefusedError):
        await campus.provider.finish(params, EXPECTED)
    assert campus.liar.seen["/token"] == 0


async def test_iss_may_be_missing_only_where_the_provider_never_promised_it(campus: Campus) -> None:
    params = campus.liar.authorize(await campus.provider.begin(LOGIN))
    del params["iss"]
    with pytest.raises(ProviderRefusedError):
        await campus.provider.finish(params, EXPECTED)
    campus.liar.metadata = {"authorization_response_iss_parameter_supported": None}
    campus.provider = campus.configured()
    assert (await campus.provider.finish(params, EXPECTED)).subject == "ada"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("access_denied", ProviderRefusedError),
        ("login_required", ProviderRefusedError),
        ("server_error", ProviderUnavailableError),
        ("temporarily_unavailable", ProviderUnavailableError),
    ],
)
async def test_errors_of_the_callback(campus: Campus, error: str, expected: type[GatewayError]) -> None:
    params = {"error": error, "state": "state-1", "iss": campus.liar.issuer}
    with pytest.raises(expected):
        await campus.provider.finish(params, EXPECTED)


async def test_userinfo_that_speaks_of_somebody_else(campus: Campus) -> None:
    for lie in ("eve", None, 7):
        campus.liar.userinfo = {"sub": lie}
        assert "userinfo" in await refused(campus)


async def test_the_signed_claims_outweigh_userinfo(campus: Campus) -> None:
    campus.liar.claims = {"name": "Signed", "email": "s@example.edu", "email_verified": False}
    identity = await campus.sign_in()
    assert (identity.name, identity.email) == ("Signed", None)


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param({"issuer": "https://evil.example"}, id="issuer of another"),
        pytest.param({"issuer": None}, id="no issuer"),
        pytest.param({"token_endpoint": None}, id="no token endpoint"),
        pytest.param({"token_endpoint": "http://evil.example/token"}, id="plain http off loopback"),
        pytest.param({"token_endpoint": "ftp://127.0.0.1/token"}, id="another scheme"),
        pytest.param({"jwks_uri": "file:///etc/passwd"}, id="a file"),
        pytest.param({"authorization_endpoint": "javascript:alert(1)"}, id="a script"),
        pytest.param({"authorization_endpoint": "https://a b/"}, id="a blank"),
        pytest.param({"authorization_endpoint": "https://idp.example@evil.example/"}, id="userinfo in it"),
        pytest.param({"userinfo_endpoint": 7}, id="a number"),
    ],
)
async def test_metadata_that_lies(campus: Campus, metadata: Json) -> None:
    campus.liar.metadata = metadata
    with pytest.raises(ProviderUnavailableError):
        await campus.provider.begin(LOGIN)


TROUBLES: list[Trouble] = [hang, dribble, flood, reset]
ANSWERS = [
    pytest.param(answering(500, {"error": "server_error"}), id="500"),
    pytest.param(answering(503, b"<html>"), id="503 with a page"),
    pytest.param(answering(200, b""), id="nothing"),
    pytest.param(answering(200, b"<html>hello"), id="a page"),
    pytest.param(answering(200, b"[]"), id="a list"),
    pytest.param(answering(200, b"[" * 15_000), id="deep"),
    pytest.param(answering(200, b'{"issuer": "\xff"}'), id="bad UTF-8"),
    pytest.param(answering(200, {}), id="empty object"),
    pytest.param(answering(302, b"", Location="/elsewhere"), id="a redirect"),
    pytest.param(
        answering(200, gzip.compress(b" " * 1_000_000), **{"Content-Encoding": "gzip"}),
        id="a bomb",
    ),
]


@pytest.mark.parametrize("path", [CONFIGURATION, "/jwks", "/token", "/userinfo"])
@pytest.mark.parametrize("trouble", [*TROUBLES, *ANSWERS])
async def test_an_endpoint_in_trouble(campus: Campus, path: str, trouble: Trouble) -> None:
    campus.liar.trouble[path] = trouble
    with pytest.raises(GatewayError) as refusal:
        async with asyncio.timeout(DEADLINE + 1):
            await campus.sign_in()
    assert isinstance(refusal.value, ProviderUnavailableError | ProviderRefusedError)
    assert isinstance(refusal.value, ProviderUnavailableError) or path == "/userinfo"
    assert campus.liar.seen["/elsewhere"] == 0, "redirects are not followed"


async def test_a_provider_that_is_down_is_not_asked_by_everybody(campus: Campus) -> None:
    campus.liar.trouble[CONFIGURATION] = answering(500)
    results = await asyncio.gather(*(campus.provider.begin(LOGIN) for _ in range(20)), return_exceptions=True)
    assert {type(result) for result in results} == {ProviderUnavailableError}
    assert campus.liar.seen[CONFIGURATION] == 1
    campus.liar.trouble.clear()
    campus.clock.ahead = 6
    assert (await campus.sign_in()).subject == "ada"


async def test_metadata_and_keys_are_fetched_once_an_hour(campus: Campus) -> None:
    for _ in range(3):
        await campus.sign_in()
    assert (campus.liar.seen[CONFIGURATION], campus.liar.seen["/jwks"]) == (1, 1)
    campus.clock.ahead = 3601
    await campus.provider.begin(LOGIN)
    assert campus.liar.seen[CONFIGURATION] == 2


async def test_nobody_listens(campus: Campus) -> None:
    campus.liar.issuer = "http://127.0.0.1:1"
    with pytest.raises(ProviderUnavailableError):
        await campus.configured().begin(LOGIN)


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (400, "invalid_grant", ProviderRefusedError),
        (401, "invalid_client", ProviderUnavailableError),
        (400, None, ProviderUnavailableError),
        (400, 7, ProviderUnavailableError),
    ],
)
async def test_errors_of_the_token_endpoint(
    campus: Campus, status: int, error: object, expected: type[GatewayError]
) -> None:
    campus.liar.trouble["/token"] = answering(status, {"error": error})
    with pytest.raises(expected):
        await campus.sign_in()


@pytest.mark.parametrize("lie", [{"access_token": None}, {"token_type": "mac"}, {"access_token": "a\r\nb"}])
async def test_without_a_usable_access_token_userinfo_is_not_asked(campus: Campus, lie: Json) -> None:
    campus.liar.token_answer = lie
    campus.liar.claims = {"at_hash": None}
    assert (await campus.sign_in()).name is None
    assert campus.liar.seen["/userinfo"] == 0


async def test_a_secret_in_the_body_where_the_provider_wants_it_there(campus: Campus) -> None:
    campus.liar.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert (await campus.sign_in()).subject == "ada"
    assert "Authorization" not in next(r for r in campus.liar.asked if r.path == "/token").headers
