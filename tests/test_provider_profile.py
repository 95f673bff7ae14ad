import pytest

from gateway.config.settings import Allow
from gateway.errors import ProviderRefusedError
from gateway.providers.addresses import acceptable
from gateway.providers.profile import display_name, let_in, mapped, said, verified_email

ADA = {"email": "ada@example.edu", "email_verified": True, "isMemberOf": ["staff", "lab"]}
NAMES = {"username": "uid", "groups": "isMemberOf"}


@pytest.mark.parametrize(
    ("told", "name"),
    [
        pytest.param({"name": "Ada Lovelace"}, "Ada Lovelace", id="whole"),
        pytest.param({"name": "  Ada\n\t Lovelace\x00 "}, "Ada Lovelace", id="one line"),
        pytest.param({"name": "\u202eAda"}, "Ada", id="no direction tricks"),
        pytest.param({"given_name": "Ada", "family_name": "Lovelace"}, "Ada Lovelace", id="in parts"),
        pytest.param({"given_name": "Ada"}, "Ada", id="a part"),
        pytest.param({"preferred_username": "ada1"}, "ada1", id="username"),
        pytest.param({"name": 7}, None, id="a number"),
        pytest.param({"name": " "}, None, id="blank"),
        pytest.param({}, None, id="nothing"),
        pytest.param({"name": "x" * 500}, "x" * 120, id="too long"),
    ],
)
def test_display_name(told: dict[str, object], name: str | None) -> None:
    assert display_name(told) == name


@pytest.mark.parametrize(
    ("email", "verified", "expected"),
    [
        ("ada@example.edu", True, "ada@example.edu"),
        ("ada@example.edu", "true", None),
        ("ada@example.edu", 1, None),
        ("ada@example.edu", None, None),
        ("ada@evil@example.edu", True, None),
        ("ada", True, None),
        ("a\n@example.edu", True, None),
        (7, True, None),
    ],
)
def test_only_a_verified_email_counts(email: object, verified: object, expected: str | None) -> None:
    assert verified_email({"email": email, "email_verified": verified}) == expected


def test_claims_come_under_our_names() -> None:
    told = {"uid": "ada1", "isMemberOf": ["staff", "lab"], "huge": "x" * 5000, "other": 1}
    names = {**NAMES, "huge": "huge", "absent": "absent"}
    assert mapped(told, names) == {"username": "ada1", "groups": '["staff","lab"]'}


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        pytest.param("faculty", ("faculty",), id="one"),
        pytest.param(["faculty", "member", "faculty"], ("faculty", "member"), id="several"),
        pytest.param(["faculty", 7, None, ["x"], ""], ("faculty",), id="what is no text says nothing"),
        pytest.param([f"{n}" for n in range(900)], tuple(f"{n}" for n in range(500)), id="too many"),
        pytest.param("x" * 5000, None, id="too long"),
        pytest.param(True, None, id="a boolean"),
        pytest.param({"faculty": True}, None, id="an object"),
        pytest.param([], None, id="none"),
        pytest.param(None, None, id="nothing"),
    ],
)
def test_what_rules_may_ask_for(value: object, texts: tuple[str, ...] | None) -> None:
    assert said({"affiliation": value, "other": "x"}, ["affiliation"]) == (
        {} if texts is None else {"affiliation": texts}
    )


@pytest.mark.parametrize(
    ("told", "allow"),
    [
        pytest.param({}, Allow(), id="everybody"),
        pytest.param(ADA, Allow(groups=frozenset({"lab"})), id="in a group"),
        pytest.param({"isMemberOf": "lab"}, Allow(groups=frozenset({"lab"})), id="a single group"),
        pytest.param(ADA, Allow(email_domains=frozenset({"example.edu"})), id="of a domain"),
        pytest.param(
            {**ADA, "email": "ada@EXAMPLE.edu"}, Allow(email_domains=frozenset({"example.edu"})), id="case"
        ),
    ],
)
def test_let_in(told: dict[str, object], allow: Allow) -> None:
    let_in(told, NAMES, allow)


@pytest.mark.parametrize(
    ("told", "allow"),
    [
        pytest.param(ADA, Allow(groups=frozenset({"operators"})), id="in other groups"),
        pytest.param({}, Allow(groups=frozenset({"lab"})), id="in no group"),
        pytest.param({"isMemberOf": [["lab"]]}, Allow(groups=frozenset({"lab"})), id="a nested list"),
        pytest.param({"groups": ["lab"]}, Allow(groups=frozenset({"lab"})), id="another claim"),
        pytest.param(ADA, Allow(email_domains=frozenset({"other.edu"})), id="of another domain"),
        pytest.param(
            {**ADA, "email": "a@sub.example.edu"},
            Allow(email_domains=frozenset({"example.edu"})),
            id="of a subdomain",
        ),
        pytest.param(
            {**ADA, "email_verified": False},
            Allow(email_domains=frozenset({"example.edu"})),
            id="unverified",
        ),
        pytest.param(
            ADA, Allow(frozenset({"other"}), frozenset({"example.edu"})), id="one of two conditions"
        ),
    ],
)
def test_not_let_in(told: dict[str, object], allow: Allow) -> None:
    with pytest.raises(ProviderRefusedError):
        let_in(told, NAMES, allow)


@pytest.mark.parametrize(
    ("url", "issuer", "fine"),
    [
        ("https://idp.example/token", "https://idp.example", True),
        ("https://keys.example/jwks", "https://idp.example", True),
        ("http://idp.example/token", "https://idp.example", False),
        ("http://127.0.0.1:9000/token", "https://idp.example", False),
        ("http://127.0.0.1:9000/token", "http://127.0.0.1:9000", True),
        ("http://[::1]:9000/token", "http://localhost:9000", True),
        ("http://127.0.0.1.evil.example/token", "http://127.0.0.1:9000", False),
        ("https://idp.example/token#x", "https://idp.example", False),
        ("https://user@idp.example/token", "https://idp.example", False),
        ("https://idp.example\\@evil.example", "https://idp.example", False),
        ("https://idp.example:99999/", "https://idp.example", False),
        ("https://[idp/", "https://idp.example", False),
        ("https:///token", "https://idp.example", False),
        ("https://idp.example/\n", "https://idp.example", False),
        ("https://idp.example/", "not an address", False),
        ("//idp.example/token", "https://idp.example", False),
        (None, "https://idp.example", False),
    ],
)
def test_addresses(url: object, issuer: str, fine: bool) -> None:  # ruff: ignore[boolean-type-hint-positional-argument] - a column of the table
    assert acceptable(url, issuer) is fine
