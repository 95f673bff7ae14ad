"""`roles`, and `allow` and `step_up` of routes, in gateway.yaml."""

from pathlib import Path

import pytest

from gateway.roles import RoleRule
from gateway.routes import Allowed, StepUp
from tests.gateway_texts import MINIMAL, faults, make_site, parse, with_state


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Path:
    return make_site(tmp_path)


def route(more: str) -> str:
    return with_state(MINIMAL.replace("/storage/", f"/storage/, {more}"))


def roles(text: str) -> str:
    """On line 7."""
    return with_state(f"{MINIMAL}roles: {text}\n")


def test_rules_arrive_and_providers_take_along_what_they_name(site: Path) -> None:
    text = roles(
        "{teacher: [{provider: campus, claim: affiliation, has: faculty}],"
        " researcher: [{provider: campus, group: csed-lab, books: [ada-cs1]}]}"
    )
    settings = parse(text, site)
    assert settings.roles == (
        RoleRule("teacher", "campus", "affiliation", "faculty"),
        RoleRule("researcher", "campus", "groups", "csed-lab", frozenset({"ada-cs1"})),
    )
    assert settings.providers[0].asks_for == {"affiliation", "groups"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param("[]", "not-a-mapping", id="a list"),
        pytest.param("{Teacher: []}", "bad-name", id="upper case"),
        pytest.param("{teacher: []}", "no-rule", id="nobody"),
        pytest.param("{teacher: campus}", "not-a-list", id="no list"),
        pytest.param("{teacher: [{claim: a, has: b}]}", "missing-key", id="no provider"),
        pytest.param("{teacher: [{provider: x, group: a}]}", "unknown-provider", id="unknown"),
        pytest.param("{teacher: [{provider: campus}]}", "half-a-rule", id="nothing asked"),
        pytest.param("{teacher: [{provider: campus, claim: a}]}", "half-a-rule", id="no value"),
        pytest.param("{teacher: [{provider: campus, claim: a, has: b, group: c}]}", "half-a-rule", id="both"),
        pytest.param("{teacher: [{provider: campus, email: a}]}", "unknown-key", id="by e-mail"),
    ],
)
def test_rules_that_are_refused(text: str, code: str, site: Path) -> None:
    assert (7, code) in faults(roles(text), site)


def test_whom_a_route_takes(site: Path) -> None:
    text = route("allow: {roles: [teacher], providers: [campus]}, step_up: {max_age: 8h, acr: [mfa]}")
    (found,) = parse(text, site).routes.routes
    assert found.allow == Allowed(frozenset({"teacher"}), frozenset({"campus"}))
    assert found.step_up == StepUp(8 * 3600, ("mfa",))
    assert found.asks_more


def test_ways_in_that_are_no_providers(site: Path) -> None:
    (found,) = parse(route("allow: {providers: [lti, passkey, class_card]}"), site).routes.routes
    assert found.allow == Allowed(None, frozenset({"lti", "passkey", "class_card"}))
    (found,) = parse(route("allow: {in_class: true}"), site).routes.routes
    assert found.allow == Allowed(None, None, in_class=True)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        pytest.param("allow: {}", "nobody-allowed", id="nobody"),
        pytest.param("allow: {in_class: false}", "nobody-allowed", id="in a class or not"),
        pytest.param("allow: {in_class: cs1}", "not-a-boolean", id="in a class by name"),
        pytest.param("allow: {roles: []}", "nobody-allowed", id="no role"),
        pytest.param("allow: {roles: [Teacher]}", "bad-role", id="upper case"),
        pytest.param("allow: {providers: [x]}", "unknown-provider", id="unknown"),
        pytest.param("allow: {providers: [guest]}", "unknown-provider", id="whom nobody vouches for"),
        pytest.param("allow: {emails: [x]}", "unknown-key", id="by e-mail"),
        pytest.param("step_up: {}", "no-step", id="nothing"),
        pytest.param("step_up: {max_age: 1s}", "duration-out-of-range", id="too short"),
        pytest.param("sign_in: none, allow: {roles: [teacher]}", "nobody-to-ask", id="of nobody"),
        pytest.param("sign_in: optional, step_up: {max_age: 8h}", "nobody-to-ask", id="of nobody perhaps"),
    ],
)
def test_routes_that_are_refused(more: str, code: str, site: Path) -> None:
    assert (6, code) in faults(route(more), site)
