import pytest

from gateway.errors import ForbiddenError
from gateway.identity import (
    Caller,
    ClaimValue,
    Identity,
    Internal,
    assertion_header,
    claims,
    header_value,
    internal_claims,
    plain_headers,
)
from gateway.routes import AssertionRule, Purpose

ADA = Caller("slot.key", "person-1", "Ada", "campus", "https://books.example.edu", 100)


def said(rule: AssertionRule, caller: Caller = ADA) -> dict[str, ClaimValue]:
    who = Identity(caller, "subject-1", "ada-cs1")
    return claims(who, rule, issuer="https://gw", audience="storage", cap=2, now=500, jti="j")


def test_claims_are_exactly_those_of_the_contract() -> None:
    assert said(AssertionRule()) == {
        "iss": "https://gw",
        "aud": "storage",
        "sub": "subject-1",
        "book": "ada-cs1",
        "origin": "https://books.example.edu",
        "classes": [],
        "roles": [],
        "auth_level": "user",
        "auth_time": 100,
        "research_cap": 2,
        "iat": 500,
        "exp": 560,
        "jti": "j",
    }


def test_a_guest_is_called_one() -> None:
    guest = Caller("slot.key", "person-1", None, "guest", "https://books.example.edu", 100, is_guest=True)
    assert said(AssertionRule(), guest)["auth_level"] == "guest"


def test_the_claims_of_a_merge_say_all_of_it() -> None:
    merge = Internal(Purpose.MERGE, "ada-cs1", "ada", "guest")
    assert internal_claims(merge, issuer="https://gw", audience="storage", now=500, jti="j") == {
        "iss": "https://gw",
        "aud": "storage",
        "purpose": "merge",
        "sub": "ada",
        "from": "guest",
        "book": "ada-cs1",
        "iat": 500,
        "exp": 560,
        "jti": "j",
    }


def test_what_is_asked_of_one_person_names_nobody_else() -> None:
    said = internal_claims(
        Internal(Purpose.DELETE, "ada-cs1", "ada"), issuer="i", audience="a", now=500, jti="j"
    )
    assert (said["purpose"], said["sub"], "from" in said) == ("delete", "ada", False)


def test_the_name_goes_only_where_it_is_asked_for_and_known() -> None:
    rule = AssertionRule(claims=("name",))
    nameless = Caller("slot.key", "person-1", None, "campus", "https://books.example.edu", 100)
    assert said(rule)["name"] == "Ada"
    assert "name" not in said(rule, nameless)


def test_assertion_header_with_and_without_a_scheme() -> None:
    assert assertion_header(AssertionRule(), "t") == ("X-Bookgate-Assertion", "t")
    bearer = AssertionRule(header="Authorization", scheme="Bearer")
    assert assertion_header(bearer, "t") == ("Authorization", "Bearer t")


def test_plain_headers_carry_the_claims_of_the_session_s_provider() -> None:
    wanted = {"X-Forwarded-User": "campus.username", "X-Forwarded-Groups": "campus.groups"}
    known = {"username": "ada", "groups": "staff, students"}
    expected = (("X-Forwarded-User", "ada"), ("X-Forwarded-Groups", "staff, students"))
    assert plain_headers(wanted, "campus", known) == expected
    assert plain_headers({}, "google", {}) == ()


@pytest.mark.parametrize(
    ("provider", "known"),
    [
        pytest.param("google", {"username": "ada"}, id="another provider's person"),
        pytest.param("campus", {}, id="no such claim"),
        pytest.param("campus", {"username": ""}, id="empty claim"),
    ],
)
def test_who_has_no_such_name_is_refused(provider: str, known: dict[str, str]) -> None:
    with pytest.raises(ForbiddenError):
        plain_headers({"X-Forwarded-User": "campus.username"}, provider, known)


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        pytest.param("ada", "ada", id="plain"),
        pytest.param("Ada L. 100%", "Ada L. 100%", id="printable"),
        pytest.param("Ada Lövelace", "Ada%20L%C3%B6velace", id="not ASCII"),
        pytest.param("ada\r\nX-Role: staff", "ada%0D%0AX-Role%3A%20staff", id="a line of its own"),
        pytest.param(" ada", "%20ada", id="blank that a parser would trim"),
    ],
)
def test_header_values_are_printable(value: str, sent: str) -> None:
    assert header_value(value) == sent
