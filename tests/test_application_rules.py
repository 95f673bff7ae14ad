"""What a request on an application's host may be."""

import pytest

from gateway.applications.rules import check_code, judge
from gateway.cors import Standing, Verdict
from gateway.errors import InvalidGrantError, OriginRefusedError
from gateway.first_party import Said
from gateway.grant_rules import challenge_of
from gateway.records import Code
from tests.policies import POLICY

OWN = "https://notebooks.example.edu"
GRANTED = Verdict(Standing.GRANTED, OWN, POLICY)


@pytest.mark.parametrize(
    ("method", "said", "expected"),
    [
        pytest.param("POST", Said((OWN,), (), ()), GRANTED, id="its own page"),
        pytest.param("GET", Said((), ("cross-site",), ("document",)), GRANTED, id="a link"),
        pytest.param("GET", Said((), ("cross-site",), ("image",)), Verdict(Standing.NONE), id="an image"),
        pytest.param("POST", Said((), ("cross-site",), ()), Verdict(Standing.NONE), id="a form elsewhere"),
    ],
)
def test_by_which_verdict_it_is_decided(method: str, said: Said, expected: Verdict) -> None:
    assert judge(method, said, OWN, POLICY) == expected


@pytest.mark.parametrize(
    "origin",
    [("https://gw.example.edu",), ("https://evil.notebooks.example.edu",), ("null",), (OWN, OWN), ("",)],
)
def test_no_other_origin_asks_anything(origin: tuple[str, ...]) -> None:
    with pytest.raises(OriginRefusedError):
        judge("GET", Said(origin, ("same-site",), ("empty",)), OWN, POLICY)


VERIFIER, BACK = "v" * 43, f"{OWN}/auth/continue"
CODE = Code("slot", "slot.parent", OWN, BACK, challenge_of(VERIFIER), None, approved=False, clicked=False)


def test_a_code_that_this_browser_asked_for_here() -> None:
    check_code(CODE, OWN, BACK, VERIFIER)


@pytest.mark.parametrize(
    ("origin", "back", "verifier"),
    [
        pytest.param("https://other.example.edu", BACK, VERIFIER, id="another origin's"),
        pytest.param(OWN, f"{OWN}/auth/arrived", VERIFIER, id="for another page"),
        pytest.param(OWN, BACK, "w" * 43, id="of another browser"),
    ],
)
def test_a_code_that_is_not_taken(origin: str, back: str, verifier: str) -> None:
    with pytest.raises(InvalidGrantError):
        check_code(CODE, origin, back, verifier)
