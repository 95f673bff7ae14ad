"""What launches say of services, and which tokens for them are taken."""

from urllib.parse import parse_qsl

import pytest

from gateway.errors import ProviderUnavailableError
from gateway.lti.services import (
    MEMBERS_SCOPE,
    SCORE_SCOPE,
    Services,
    ServiceToken,
    read_services,
    read_token,
    token_claims,
    token_request,
)
from gateway.lti_platforms import ServiceAccess
from tests.lti_services import AGS, NRPS

ISSUER = "https://lms.example.edu"
URL = "https://lms.example.edu/x"


def launched(memberships: object = None, endpoint: object = None) -> Services:
    claims = {f"{NRPS}claim/namesroleservice": memberships, f"{AGS}claim/endpoint": endpoint}
    return read_services(claims, ISSUER)


def test_what_a_launch_names() -> None:
    members = {"context_memberships_url": URL, "service_versions": ["1.0", "2.0"]}
    grades = {"lineitem": URL, "lineitems": URL, "scope": [SCORE_SCOPE]}
    assert launched(members, grades) == Services(URL, URL)
    assert launched({**members, "service_versions": ["1.0"]}, {**grades, "scope": []}) == Services()
    assert launched({**members, "service_versions": "2.0"}, {**grades, "scope": SCORE_SCOPE}) == Services()
    assert launched(None, ["x"]) == Services()
    assert launched(grades, members) == Services()


@pytest.mark.parametrize(
    "url", ["http://lms.example.edu/x", "ftp://x", "//x", 7, None, "https://a@b/x", "x" * 3000]
)
def test_addresses_that_may_not_be_called(url: object) -> None:
    members = {"context_memberships_url": url, "service_versions": ["2.0"]}
    assert launched(members, {"lineitem": url, "scope": [SCORE_SCOPE]}) == Services()


def test_how_a_token_is_asked_for() -> None:
    access = ServiceAccess("https://lms.example.edu/token", "https://api.example.edu")
    claims = token_claims("abc", access, "random")
    assert claims == {"iss": "abc", "sub": "abc", "aud": "https://api.example.edu", "jti": "random"}
    assert dict(parse_qsl(token_request("a.b.c", MEMBERS_SCOPE))) == {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": "a.b.c",
        "scope": MEMBERS_SCOPE,
    }


HONEST: dict[str, object] = {"access_token": "t", "token_type": "bearer", "expires_in": 60}


@pytest.mark.parametrize(
    ("said", "life"),
    [
        ({}, 60),
        ({"scope": f"a {MEMBERS_SCOPE}"}, 60),
        ({"expires_in": "60"}, 3600),
        ({"expires_in": True}, 3600),
        ({"expires_in": -5}, 0),
        ({"expires_in": 10**9}, 86400),
    ],
)
def test_tokens_that_are_taken(said: dict[str, object], life: int) -> None:
    assert read_token(200, {**HONEST, **said}, MEMBERS_SCOPE) == ServiceToken("t", life)


@pytest.mark.parametrize(
    "said",
    [
        {"access_token": None},
        {"access_token": ""},
        {"access_token": "x" * 9000},
        {"access_token": "two words"},
        {"access_token": "line\nX-Odd: 1"},
        {"access_token": "\u00fc"},
        {"token_type": "mac"},
        {"token_type": None},
        {"scope": "another"},
    ],
)
def test_tokens_that_are_none(said: dict[str, object]) -> None:
    with pytest.raises(ProviderUnavailableError):
        read_token(200, {**HONEST, **said}, MEMBERS_SCOPE)


def test_an_error_is_no_token() -> None:
    with pytest.raises(ProviderUnavailableError, match="400 'invalid_client'"):
        read_token(400, {**HONEST, "error": "invalid_client"}, MEMBERS_SCOPE)
