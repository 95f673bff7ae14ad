"""What a script with a personal token may ask, and as whom."""

from contextlib import nullcontext
from dataclasses import replace

import pytest
from msgspec import structs

from gateway.errors import (
    ForbiddenError,
    GatewayError,
    InvalidRequestError,
    NotAllowedError,
    PayloadTooLargeError,
    PersonChangedError,
    StepUpRequiredError,
)
from gateway.identity import Caller
from gateway.origins import Policy
from gateway.personal_tokens import PersonalToken
from gateway.proxy.decide import NeedSession, Site, decide, identify_script, takes_script
from gateway.proxy.head import Head
from gateway.routes import Allowed, RouteTable, StepUp
from tests.system.data_path import ROUTES, TRUSTED
from tests.test_decide import BOOK, NONE, SITE, STORAGE, clock, head, subject

SCRIPTED = Site.of("https://gw.test", RouteTable(ROUTES, {"storage": replace(STORAGE, personal_tokens=True)}))
PERSON = ("x-bookgate-person", f"ada@{BOOK}")
TOKEN = PersonalToken("t1", "ada", "Ada", "campus", 1, frozenset({"storage"}), BOOK, "cs1", 2)


def test_a_personal_token_reaches_what_it_names_in_its_own_book() -> None:
    need = decide(head(), NONE, SCRIPTED)
    assert isinstance(need, NeedSession)
    forward = identify_script(need, TOKEN, subject, clock, TRUSTED)
    assert forward.caller == Caller("token:t1", "ada", "Ada", "campus", BOOK, 1)
    assert forward.matched == structs.replace(need.matched, book="cs1")
    assert forward.matched.origin is None
    told = decide(head("/storage/x", ("x-bookgate-book", "cs1"), PERSON), NONE, SCRIPTED)
    assert isinstance(told, NeedSession)
    assert identify_script(told, TOKEN, subject, clock, TRUSTED).caller == forward.caller


@pytest.mark.parametrize(
    ("route", "taken"),
    [
        pytest.param({"allow": Allowed(frozenset({"teacher"}), None)}, False, id="a role: it has none"),
        pytest.param({"allow": Allowed(None, frozenset({"campus"}))}, True, id="whoever made it"),
        pytest.param({"allow": Allowed(None, frozenset({"google"}))}, False, id="somebody else"),
        pytest.param({"step_up": StepUp(5, ())}, False, id="a fresh sign-in"),
    ],
)
def test_a_route_takes_a_token_as_it_takes_its_maker_without_roles(
    route: dict[str, Allowed | StepUp],
    taken: bool,  # ruff: ignore[boolean-type-hint-positional-argument]  # a column of the table
) -> None:
    need = decide(head(), NONE, SCRIPTED)
    assert isinstance(need, NeedSession)
    changed = replace(need.matched.route, **route)  # type: ignore[arg-type]  # by name
    need = NeedSession(structs.replace(need.matched, route=changed))
    with nullcontext() if taken else pytest.raises((NotAllowedError, StepUpRequiredError)):
        assert identify_script(need, TOKEN, subject, lambda: 100.0, TRUSTED).caller is not None


@pytest.mark.parametrize(
    ("asked", "site", "token", "refusal"),
    [
        pytest.param(head(), SITE, TOKEN, ForbiddenError, id="a backend that takes none"),
        pytest.param(
            head(), SCRIPTED, replace(TOKEN, backends=frozenset({"other"})), ForbiddenError, id="another's"
        ),
        pytest.param(
            head("/storage/x", ("x-bookgate-book", "cs2")), SCRIPTED, TOKEN, InvalidRequestError, id="a book"
        ),
        pytest.param(
            head("/storage/x", ("x-bookgate-person", f"ben@{BOOK}")),
            SCRIPTED,
            TOKEN,
            PersonChangedError,
            id="somebody else",
        ),
        pytest.param(
            head("/storage/x", length=100_001), SCRIPTED, TOKEN, PayloadTooLargeError, id="too long"
        ),
    ],
)
def test_what_a_personal_token_does_not_reach(
    asked: Head, site: Site, token: PersonalToken, refusal: type[GatewayError]
) -> None:
    need = decide(asked, NONE, site)
    assert isinstance(need, NeedSession)
    with pytest.raises(refusal):
        identify_script(need, token, subject, clock, TRUSTED)


@pytest.mark.parametrize(
    ("granted", "method", "taken"),
    [
        pytest.param(TRUSTED, "POST", True, id="as its book may"),
        pytest.param(None, "GET", False, id="of a book that is denied now"),
        pytest.param(replace(TRUSTED, backends=frozenset({"other"})), "GET", False, id="that calls another"),
        pytest.param(replace(TRUSTED, methods=("GET", "HEAD")), "POST", False, id="that only reads"),
    ],
)
def test_a_token_reaches_no_more_than_its_book_does_now(
    granted: Policy | None,
    method: str,
    taken: bool,  # ruff: ignore[boolean-type-hint-positional-argument]  # a column of the table
) -> None:
    need = decide(head(method=method), NONE, SCRIPTED)
    assert isinstance(need, NeedSession)
    with nullcontext() if taken else pytest.raises(ForbiddenError):
        identify_script(need, TOKEN, subject, clock, granted)


def test_a_token_of_no_book_needs_no_origin() -> None:
    need = decide(head(), NONE, SCRIPTED)
    assert isinstance(need, NeedSession)
    assert identify_script(need, replace(TOKEN, origin="", book=""), subject, clock, None).caller is not None


@pytest.mark.parametrize(
    ("policy", "taken"),
    [
        (TRUSTED, True),
        (replace(TRUSTED, sign_in=frozenset({"campus"})), True),
        (replace(TRUSTED, sign_in=frozenset({"google"})), False),
        (replace(TRUSTED, credentials=False), False),
    ],
)
def test_a_book_takes_scripts_of_those_whom_it_takes_itself(policy: Policy, *, taken: bool) -> None:
    assert takes_script(policy, TOKEN) is taken
