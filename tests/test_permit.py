"""Whom a route takes: by role, by way in, by how freshly and how strongly they signed in."""

from dataclasses import replace

import pytest
from msgspec import structs

from gateway.errors import LoginRequiredError, NotAllowedError, SignInRequiredError, StepUpRequiredError
from gateway.identity import Caller
from gateway.proxy.decide import NeedSession, identify, may_go_on, permit
from gateway.routes import Allowed, StepUp
from tests.test_decide import ADA, GUEST, NOW, clock, matched, subject


def asking(
    allow: Allowed | None = None, step_up: StepUp | None = None, path: str = "/storage/x"
) -> NeedSession:
    found = matched(path=path)
    return NeedSession(structs.replace(found, route=replace(found.route, allow=allow, step_up=step_up)))


TEACHERS = Allowed(frozenset({"teacher", "author"}), None)
BY_CAMPUS = Allowed(None, frozenset({"campus"}))
IN_CLASS = Allowed(None, None, in_class=True)
IN_BOOK = (("c1", "student", "books.example.edu"),)
ELSEWHERE = (("c1", "student", "other"),)


@pytest.mark.parametrize(
    ("allow", "caller", "taken"),
    [
        pytest.param(TEACHERS, replace(ADA, roles=("teacher",)), True, id="a role"),
        pytest.param(TEACHERS, replace(ADA, roles=("x", "author")), True, id="one of several"),
        pytest.param(TEACHERS, replace(ADA, roles=("teacher@books.example.edu",)), True, id="of this book"),
        pytest.param(TEACHERS, replace(ADA, roles=("teacher@other",)), False, id="of another book"),
        pytest.param(TEACHERS, ADA, False, id="none"),
        pytest.param(IN_CLASS, replace(ADA, classes=IN_BOOK), True, id="in a class of this book"),
        pytest.param(IN_CLASS, replace(ADA, classes=ELSEWHERE), False, id="in a class of another book"),
        pytest.param(IN_CLASS, ADA, False, id="in no class"),
        pytest.param(BY_CAMPUS, ADA, True, id="by that provider"),
        pytest.param(BY_CAMPUS, replace(ADA, provider="google"), False, id="by another"),
        pytest.param(
            replace(BY_CAMPUS, roles=TEACHERS.roles), replace(ADA, roles=("teacher",)), True, id="both"
        ),
        pytest.param(replace(BY_CAMPUS, roles=TEACHERS.roles), ADA, False, id="only one of both"),
    ],
)
def test_a_route_takes_whom_it_allows(allow: Allowed, caller: Caller, *, taken: bool) -> None:
    need = asking(allow)
    if taken:
        assert identify(need, caller, subject, clock).caller == caller
    else:
        with pytest.raises(NotAllowedError):
            identify(need, caller, subject, clock)


@pytest.mark.parametrize(
    ("step_up", "caller", "taken"),
    [
        pytest.param(StepUp(600, ()), replace(ADA, auth_time=NOW - 600), True, id="just in time"),
        pytest.param(StepUp(600, ()), replace(ADA, auth_time=NOW - 601), False, id="too old"),
        pytest.param(StepUp(600, ()), replace(ADA, auth_time=NOW, proved=False), False, id="known still"),
        pytest.param(StepUp(None, ("mfa",)), replace(ADA, acr="mfa", proved=False), True, id="however old"),
        pytest.param(StepUp(None, ("mfa",)), replace(ADA, acr="mfa"), True, id="strong"),
        pytest.param(StepUp(None, ("mfa",)), replace(ADA, acr="pwd"), False, id="weak"),
        pytest.param(StepUp(None, ("mfa",)), ADA, False, id="nobody knows how"),
        pytest.param(
            StepUp(600, ("mfa",)), replace(ADA, auth_time=NOW, acr="pwd"), False, id="fresh but weak"
        ),
    ],
)
def test_a_route_may_ask_for_a_fresh_or_strong_sign_in(
    step_up: StepUp, caller: Caller, *, taken: bool
) -> None:
    if taken:
        assert identify(asking(None, step_up), caller, subject, clock).caller == caller
    else:
        with pytest.raises(StepUpRequiredError) as caught:
            identify(asking(None, step_up), caller, subject, clock)
        assert (caught.value.max_age, caught.value.acr) == (step_up.max_age, step_up.acr)


@pytest.mark.parametrize(
    ("allow", "step_up"),
    [(TEACHERS, None), (Allowed(None, frozenset({"guest"})), None), (None, StepUp(600, ()))],
)
def test_a_guest_is_told_to_sign_in(allow: Allowed | None, step_up: StepUp | None) -> None:
    found = asking(allow, step_up).matched
    need = NeedSession(structs.replace(found, backend=replace(found.backend, guests=True)))
    with pytest.raises(SignInRequiredError):
        identify(need, replace(GUEST, auth_time=NOW), subject, clock)


def test_who_is_nobody_signs_in_first() -> None:
    with pytest.raises(LoginRequiredError):
        permit(asking(TEACHERS).matched, None, NOW)


TEACHER = replace(ADA, roles=("teacher",), classes=(("c", "teacher", "b"),), studies=(("s", "1"),))


@pytest.mark.parametrize(
    ("caller", "goes_on"),
    [
        pytest.param(TEACHER, True, id="the same"),
        pytest.param(replace(TEACHER, roles=("teacher", "author")), True, id="more than before"),
        pytest.param(replace(TEACHER, roles=()), False, id="a role gone"),
        pytest.param(replace(TEACHER, classes=()), False, id="out of the class"),
        pytest.param(replace(TEACHER, classes=(("c", "student", "b"),)), False, id="another role there"),
        pytest.param(replace(TEACHER, studies=(("s", "no"),)), False, id="no more of a study"),
    ],
)
def test_what_is_open_ends_with_what_its_backend_was_told(caller: Caller, *, goes_on: bool) -> None:
    found = matched()
    assert may_go_on(found, found.policy, TEACHER, caller, clock) is goes_on


def test_what_is_open_ends_when_its_origin_may_call_the_backend_no_more() -> None:
    found = matched()
    assert found.policy is not None
    assert not may_go_on(found, replace(found.policy, backends=frozenset()), ADA, ADA, clock)
    assert may_go_on(found, None, ADA, ADA, clock)


def test_what_is_open_ends_when_a_sign_in_is_too_old_for_its_route() -> None:
    found = asking(step_up=StepUp(600, ())).matched
    for age, goes_on in ((600, True), (601, False)):
        caller = replace(ADA, auth_time=NOW - age)
        assert may_go_on(found, found.policy, caller, caller, clock) is goes_on
