import json
from collections.abc import Callable
from typing import Any

import pytest
from joserfc.jwk import ECKey
from joserfc.jws import JWSRegistry

from gateway.errors import ProviderRefusedError
from gateway.grants import LOGOUT_TOKEN_LIFE
from gateway.providers.keys import SigningKeys, parse_jwks
from gateway.providers.logout_token import EVENT, LogoutToken, verify
from gateway.providers.signed_token import LONGEST, UnknownKeyError
from tests.lying_provider import base64url, over

NOW = 1_800_000_000
ISSUER = "https://idp.example.edu"
CLIENT = "books"
KEY = ECKey.generate_key("P-256", {"kid": "first"})
OTHER = ECKey.generate_key("P-256", {"kid": "first"})
KEYS = parse_jwks({"keys": [KEY.as_dict(private=False)]})
HONEST: dict[str, Any] = {
    "iss": ISSUER,
    "aud": CLIENT,
    "iat": NOW,
    "exp": NOW + 120,
    "jti": "token-1",
    "sub": "ada",
    "sid": "session-1",
    "events": {EVENT: {}},
}
HEADER: dict[str, Any] = {"alg": "ES256", "typ": "logout+jwt", "kid": "first"}


def signed(
    claims: dict[str, Any] | bytes = HONEST, header: dict[str, Any] | None = None, key: ECKey = KEY
) -> str:
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    head = over(HEADER, header or {})
    text = f"{base64url(json.dumps(head).encode())}.{base64url(payload)}"
    return f"{text}.{base64url(JWSRegistry.algorithms['ES256'].sign(text.encode(), key))}"


def telling(**lies: object) -> str:
    """An honest token but for these claims; None: left out."""
    return signed(over(HONEST, lies))


def read(token: str, keys: SigningKeys = KEYS, now: int = NOW) -> LogoutToken:
    return verify(token, keys, ISSUER, CLIENT, now)


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        pytest.param(signed(), LogoutToken(ISSUER, "ada", "session-1", "token-1"), id="both"),
        pytest.param(telling(sub=None), LogoutToken(ISSUER, None, "session-1", "token-1"), id="sid alone"),
        pytest.param(telling(sid=None), LogoutToken(ISSUER, "ada", None, "token-1"), id="sub alone"),
        pytest.param(telling(aud=[CLIENT]), read(signed()), id="audience as a list"),
        pytest.param(telling(events={EVENT: {"x": 1}}), read(signed()), id="an event that says more"),
        pytest.param(telling(events={EVENT: {}, "urn:x": {}}), read(signed()), id="a second event"),
        pytest.param(telling(extra=[1], azp="other"), read(signed()), id="claims that are not understood"),
        pytest.param(telling(iat=NOW - 600, exp=NOW - 29), read(signed()), id="at its very end"),
        pytest.param(telling(iat=NOW + 30, exp=NOW + 9999), read(signed()), id="a clock that is ahead"),
        pytest.param(telling(iat=NOW + 0.5), read(signed()), id="times with a fraction"),
        pytest.param(telling(nbf=NOW), read(signed()), id="from now on"),
        pytest.param(signed(header={"typ": None}), read(signed()), id="no typ, as older providers"),
        pytest.param(signed(header={"typ": "JWT"}), read(signed()), id="typ JWT, as older providers"),
        pytest.param(signed(header={"typ": "LOGOUT+jwt"}), read(signed()), id="typ in another case"),
        pytest.param(signed(header={"kid": None}), read(signed()), id="no kid, one key"),
    ],
)
def test_what_a_token_says(token: str, expected: LogoutToken) -> None:
    assert read(token) == expected


@pytest.mark.parametrize(
    ("claims", "fault"),
    [
        pytest.param({"iss": None}, "iss", id="no iss"),
        pytest.param({"iss": "https://evil.example"}, "iss", id="iss of another"),
        pytest.param({"iss": ISSUER + "/"}, "iss", id="iss but for a slash"),
        pytest.param({"aud": None}, "aud", id="no aud"),
        pytest.param({"aud": "another"}, "aud", id="aud of another"),
        pytest.param({"aud": [CLIENT, "another"]}, "aud", id="a second audience"),
        pytest.param({"aud": []}, "aud", id="aud empty"),
        pytest.param({"aud": "another", "azp": CLIENT}, "aud", id="aud of another, azp ours"),
        pytest.param({"iat": None}, "times", id="no iat"),
        pytest.param({"iat": str(NOW)}, "times", id="iat a string"),
        pytest.param({"iat": True}, "times", id="iat a boolean"),
        pytest.param({"iat": NOW - 601}, "iat", id="made long ago"),
        pytest.param({"iat": NOW + 31}, "iat", id="made later"),
        pytest.param({"exp": None}, "times", id="no exp"),
        pytest.param({"exp": "tomorrow"}, "times", id="exp a word"),
        pytest.param({"exp": NOW - 30}, "exp", id="over"),
        pytest.param({"exp": 1e300}, "times", id="exp beyond time"),
        pytest.param({"exp": -1}, "times", id="exp before time"),
        pytest.param({"nbf": NOW + 31}, "nbf", id="not yet"),
        pytest.param({"nbf": "now"}, "times", id="nbf a word"),
        pytest.param({"jti": None}, "jti", id="no jti"),
        pytest.param({"jti": ""}, "jti", id="jti empty"),
        pytest.param({"jti": 7}, "jti", id="jti a number"),
        pytest.param({"jti": "a" * 256}, "jti", id="jti too long"),
        pytest.param({"sub": None, "sid": None}, "neither", id="nobody is named"),
        pytest.param({"sub": ""}, "sub", id="sub empty"),
        pytest.param({"sub": 7}, "sub", id="sub a number"),
        pytest.param({"sub": "a" * 256}, "sub", id="sub too long"),
        pytest.param({"sub": {"id": "ada"}, "sid": None}, "sub", id="sub an object"),
        pytest.param({"sid": ""}, "sid", id="sid empty"),
        pytest.param({"sid": ["session-1"]}, "sid", id="sid a list"),
        pytest.param({"sid": "a" * 256}, "sid", id="sid too long"),
        pytest.param({"events": None}, "events", id="an ID token"),
        pytest.param({"events": {}}, "events", id="no event"),
        pytest.param({"events": EVENT}, "events", id="events a string"),
        pytest.param({"events": [EVENT]}, "events", id="events a list"),
        pytest.param({"events": {EVENT: None}}, "events", id="the event is null"),
        pytest.param({"events": {EVENT: "{}"}}, "events", id="the event is a string"),
        pytest.param({"events": {EVENT: []}}, "events", id="the event is a list"),
        pytest.param({"events": {EVENT + "/": {}}}, "events", id="another event"),
        pytest.param({"events": {EVENT.replace("http:", "https:"): {}}}, "events", id="event by https"),
        pytest.param({"events": {EVENT.upper(): {}}}, "events", id="event in another case"),
        pytest.param({"nonce": "n"}, "nonce", id="a nonce"),
        pytest.param({"nonce": ""}, "nonce", id="a nonce that is empty"),
    ],
)
def test_claims_that_lie(claims: dict[str, Any], fault: str) -> None:
    with pytest.raises(ProviderRefusedError) as refusal:
        read(telling(**claims))
    assert refusal.value.detail.startswith(f"logout token: {fault}") or f": a {fault}" in refusal.value.detail


SCHOOL = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"
PLACE = "https://login.example/{tenantid}/v2.0"
OF_SCHOOL = over(HONEST, {"iss": PLACE.replace("{tenantid}", SCHOOL), "tid": SCHOOL})


def of_place(claims: dict[str, Any], issuer_of_key: str | None) -> LogoutToken:
    """A token of a place where many organisations issue."""
    entry = {**KEY.as_dict(private=False), **({} if issuer_of_key is None else {"issuer": issuer_of_key})}
    return verify(signed(claims), parse_jwks({"keys": [entry]}), PLACE, CLIENT, NOW)


@pytest.mark.parametrize("issuer_of_key", [None, PLACE, OF_SCHOOL["iss"]])
def test_an_organisation_of_many(issuer_of_key: str | None) -> None:
    assert of_place(OF_SCHOOL, issuer_of_key).issuer == OF_SCHOOL["iss"]


def test_an_organisation_that_lies() -> None:
    lies: list[tuple[dict[str, object], str]] = [
        ({"tid": None}, "tid"),
        ({"tid": SCHOOL[::-1]}, "tid"),
        ({"iss": PLACE}, "iss"),
    ]
    for lie, fault in lies:
        with pytest.raises(ProviderRefusedError, match=fault):
            of_place(over(OF_SCHOOL, lie), None)
    with pytest.raises(ProviderRefusedError, match="another issuer's"):
        of_place(OF_SCHOOL, PLACE.replace("{tenantid}", "11111111-2222-3333-4444-555555555555"))


def test_null_is_said_too() -> None:
    for name in ("sub", "sid", "nonce"):
        with pytest.raises(ProviderRefusedError):
            read(signed({**HONEST, name: None}))


@pytest.mark.parametrize(
    ("header", "fault"),
    [
        pytest.param({"typ": "at+jwt"}, "typ", id="an access token"),
        pytest.param({"typ": "secevent+jwt"}, "typ", id="another security event"),
        pytest.param({"typ": "dpop+jwt"}, "typ", id="a proof"),
        pytest.param({"typ": 5}, "typ", id="typ a number"),
        pytest.param({"alg": "none"}, "alg", id="alg none"),
        pytest.param({"alg": "HS256"}, "alg", id="alg of shared secrets"),
        pytest.param({"alg": "ES384"}, "no key", id="alg of another curve"),
        pytest.param({"alg": "RS256"}, "no key", id="alg of another kind"),
        pytest.param({"alg": None}, "alg", id="no alg"),
        pytest.param({"crit": ["exp"], "exp": 1}, "header", id="crit"),
        pytest.param({"jku": "https://evil.example/jwks"}, "header", id="jku"),
        pytest.param({"x5c": ["MIIB"]}, "header", id="x5c"),
        pytest.param({"jwk": OTHER.as_dict(private=False)}, "header", id="a key of its own"),
        pytest.param({"kid": "second"}, "no key", id="a key that is not published"),
    ],
)
def test_headers_that_lie(header: dict[str, Any], fault: str) -> None:
    with pytest.raises(ProviderRefusedError, match=f"logout token: {fault}"):
        read(signed(header=header))


def tampered() -> str:
    header, _, signature = signed().split(".")
    return ".".join((header, signed({**HONEST, "sub": "bob"}).split(".")[1], signature))


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: signed(key=OTHER), id="signed by another"),
        pytest.param(lambda: signed(header={"kid": None}, key=OTHER), id="by another, without a kid"),
        pytest.param(tampered, id="changed after it was signed"),
        pytest.param(lambda: signed(header={"alg": "none"}).rpartition(".")[0] + ".", id="not signed"),
        pytest.param(lambda: signed(b"[]"), id="a list"),
        pytest.param(lambda: signed(b'{"exp": NaN}'), id="no JSON"),
        pytest.param(lambda: signed({**HONEST, "pad": "a" * LONGEST}), id="too long"),
        pytest.param(lambda: "W10.e30.", id="header a list"),
        pytest.param(lambda: "!!!.e30.", id="header not base64"),
        pytest.param(lambda: "a.b.c.d.e", id="encrypted"),
        pytest.param(lambda: "é.e30.x", id="not ASCII"),
        pytest.param(lambda: "", id="nothing"),
    ],
)
def test_what_is_not_the_issuers(make: Callable[[], str]) -> None:
    with pytest.raises(ProviderRefusedError, match="logout token: "):
        read(make())


def test_a_key_that_is_missing_may_have_been_rotated_in() -> None:
    with pytest.raises(UnknownKeyError):
        read(signed(), parse_jwks({"keys": []}))


def test_a_token_is_remembered_for_as_long_as_it_could_be_taken() -> None:
    longest = telling(iat=NOW + 30, exp=NOW + 99_999)
    assert read(longest, now=NOW + 30 + 600).id == "token-1"
    with pytest.raises(ProviderRefusedError):
        read(longest, now=NOW + LOGOUT_TOKEN_LIFE)
