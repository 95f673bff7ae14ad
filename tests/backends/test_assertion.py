import time
from pathlib import Path

import msgspec
import pytest
from joserfc.jwk import ECKey

from backends.assertion import Assertion, Reason, Verifier
from backends.jwks import parse
from backends.problem import AssertionRefused
from tests.backends.issuer import ISSUER, TYPE, Issuer, claims_of, sign
from tests.backends.services import Reader, Running

HEAD: dict[str, object] = {"alg": "ES256", "typ": TYPE, "kid": "key-1"}


class FixedKeys:
    def __init__(self, keys: dict[str, ECKey]) -> None:
        self.keys = keys

    async def find(self, kid: str) -> ECKey | None:
        return self.keys.get(kid)


class Vector(msgspec.Struct):
    name: str
    token: str
    accepted: bool


class Contract(msgspec.Struct):
    clock: int
    issuer: str
    audience: str
    jwks: msgspec.Raw
    vectors: list[Vector]


CONTRACT = msgspec.json.decode(
    (Path(__file__).parent.parent / "contracts" / "assertion.json").read_bytes(), type=Contract
)


@pytest.mark.parametrize("vector", [pytest.param(one, id=one.name) for one in CONTRACT.vectors])
async def test_agrees_with_the_published_vectors(vector: Vector) -> None:
    keys = FixedKeys(parse(bytes(CONTRACT.jwks)))
    verifier = Verifier(keys, CONTRACT.issuer, CONTRACT.audience, lambda: CONTRACT.clock)
    try:
        assertion = await verifier.verify([vector.token])
    except AssertionRefused:
        assert not vector.accepted
    else:
        assert vector.accepted
        assert assertion.sub == "person-1"


async def verify(issuer: Issuer, lines: list[str]) -> Assertion:
    return await Verifier(FixedKeys({"key-1": issuer.key}), ISSUER, "storage", time.time).verify(lines)


async def test_says_who_the_request_is_for(issuer: Issuer) -> None:
    assertion = await verify(issuer, [issuer.mint(extra={"of": "later"})])
    assert (assertion.sub, assertion.book, assertion.research_cap) == ("ada", "book-1", 1)
    assert assertion.classes[0].role == "student"


NOW = int(time.time())
TOMORROW = NOW + 86_400  # also for a run that takes long

REFUSED = [
    pytest.param(HEAD | {"typ": "JWT"}, {}, Reason.TYPE, id="typ of another token"),
    pytest.param({"alg": "ES256", "kid": "key-1"}, {}, Reason.TYPE, id="no typ"),
    pytest.param(HEAD | {"typ": "bookgate-internal+jwt"}, {}, Reason.TYPE, id="internal assertion"),
    pytest.param({"alg": "ES256", "typ": TYPE}, {}, Reason.KEY, id="no kid"),
    pytest.param(HEAD | {"kid": "key-2"}, {}, Reason.KEY, id="unknown kid"),
    pytest.param(HEAD, {"iss": "https://evil.example"}, Reason.ISSUER, id="another issuer"),
    pytest.param(HEAD, {"iss": ISSUER + "/"}, Reason.ISSUER, id="nearly our issuer"),
    pytest.param(HEAD, {"iss": None}, Reason.CLAIMS, id="no issuer"),
    pytest.param(HEAD, {"aud": "analytics"}, Reason.AUDIENCE, id="another backend"),
    pytest.param(HEAD, {"aud": ["storage"]}, Reason.CLAIMS, id="audience as a list"),
    pytest.param(HEAD, {"exp": None}, Reason.CLAIMS, id="no exp"),
    pytest.param(HEAD, {"exp": "soon"}, Reason.CLAIMS, id="exp as text"),
    pytest.param(HEAD, {"exp": NOW - 40, "iat": NOW - 100}, Reason.EXPIRED, id="expired"),
    pytest.param(HEAD, {"iat": TOMORROW, "exp": TOMORROW + 60}, Reason.NOT_YET, id="from the future"),
    pytest.param(HEAD, {"nbf": TOMORROW}, Reason.NOT_YET, id="not before later"),
    pytest.param(HEAD, {"sub": None}, Reason.CLAIMS, id="nobody"),
    pytest.param(HEAD, {"sub": ""}, Reason.CLAIMS, id="empty person"),
    pytest.param(HEAD, {"sub": "x" * 201}, Reason.CLAIMS, id="person too long"),
    pytest.param(HEAD, {"book": ""}, Reason.CLAIMS, id="empty book"),
]


@pytest.mark.parametrize(("head", "claims", "reason"), REFUSED)
async def test_refuses(
    issuer: Issuer, head: dict[str, object], claims: dict[str, object], reason: Reason
) -> None:
    with pytest.raises(AssertionRefused) as refused:
        await verify(issuer, [sign(issuer.key, head, claims_of(**claims))])
    assert refused.value.reason == reason


GOOD_HEAD = "eyJhbGciOiJFUzI1NiIsInR5cCI6ImJvb2tnYXRlLWFzc2VydGlvbitqd3QiLCJraWQiOiJrZXktMSJ9"


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        pytest.param("", Reason.MALFORMED, id="empty"),
        pytest.param("a.b", Reason.MALFORMED, id="two parts"),
        pytest.param("a.b.c.d", Reason.MALFORMED, id="four parts"),
        pytest.param("e30..e30", Reason.MALFORMED, id="detached payload"),
        pytest.param("e30.e30.", Reason.MALFORMED, id="no signature"),
        pytest.param("é.e30.e30", Reason.MALFORMED, id="not ASCII"),
        pytest.param("AAAA.e30.e30", Reason.MALFORMED, id="head is no JSON"),
        pytest.param("A.e30.e30", Reason.MALFORMED, id="head is no base64"),
        pytest.param("WyJhbGciXQ.e30.e30", Reason.MALFORMED, id="head is a list"),
        pytest.param("eyJhbGciOiJub25lIn0.e30.e30", Reason.ALGORITHM, id="alg none"),
        pytest.param("eyJhbGciOiJIUzI1NiJ9.e30.e30", Reason.ALGORITHM, id="alg HS256"),
        pytest.param(f"{GOOD_HEAD}.e30.e30", Reason.SIGNATURE, id="signature too short"),
        pytest.param(f"{GOOD_HEAD}.e30.{'A' * 86}", Reason.SIGNATURE, id="signature of zeros"),
        pytest.param("a" * 20_000, Reason.MALFORMED, id="huge"),
    ],
)
async def test_refuses_the_token(issuer: Issuer, token: str, reason: Reason) -> None:
    with pytest.raises(AssertionRefused) as refused:
        await verify(issuer, [token])
    assert refused.value.reason == reason


async def test_refuses_a_payload_that_is_no_json(issuer: Issuer) -> None:
    for payload in (b"[]", b"\xff", b"{", b"null"):
        with pytest.raises(AssertionRefused) as refused:
            await verify(issuer, [sign(issuer.key, HEAD, payload)])
        assert refused.value.reason == Reason.CLAIMS


async def test_skew_of_30_seconds_is_allowed(issuer: Issuer) -> None:
    now = int(time.time())
    await verify(issuer, [issuer.mint(iat=now - 80, exp=now - 20)])
    await verify(issuer, [issuer.mint(iat=now + 20, exp=now + 80)])


async def test_no_assertion_or_two_over_http(store: Running) -> None:
    answer = await store.nobody().get("/v1/items")
    assert (answer.status, answer.code) == (401, "assertion_missing")
    assert answer.headers["WWW-Authenticate"] == "Bookgate-Assertion"
    headers = [("X-Bookgate-Assertion", store.issuer.mint()), ("X-Bookgate-Assertion", store.issuer.mint())]
    async with store.session.get(store.url + "/v1/items", headers=headers) as response:
        assert response.status == 401
        assert (await response.json(content_type=None))["code"] == "assertion_malformed"


async def test_nothing_but_health_answers_without_one(store: Running) -> None:
    for path in (
        "/",
        "/nothing",
        "/v1/items/x",
        "/v1/me/usage",
        "/health",
        "/health/live/",
        "/health%2Flive",
    ):
        assert (await store.nobody().get(path)).status == 401
    for path in ("/health/live", "/health/ready"):
        assert (await store.nobody().get(path)).status == 200


async def test_an_assertion_for_another_backend_opens_nothing(store: Running, events: Running) -> None:
    reader = Reader(store.session, store.url, events.reader().assertion)
    answer = await reader.get("/v1/items")
    assert (answer.status, answer.code) == (401, "assertion_audience")
