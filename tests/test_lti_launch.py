"""What an initiation asks, and which launches are believed."""

from collections.abc import Mapping

import pytest

from gateway.errors import InvalidRequestError, ProviderRefusedError
from gateway.lti.deep_linking import Linking
from gateway.lti.launch import (
    ANONYMOUS,
    KIND,
    LONGEST,
    Initiation,
    Launch,
    UnusableLaunchError,
    read_initiation,
    verify,
)
from gateway.lti_platforms import Platform
from gateway.providers.keys import parse_jwks
from tests.lti_platform import CLAIM, INSTRUCTOR, LEARNER, LtiPlatform

VOCABULARY = "http://purl.imsglobal.org/vocab/lis/v2"
MEMBERSHIP = f"{VOCABULARY}/membership"
TARGET = "https://books.example.edu/cs1/"
ISSUER = "https://lms.example.edu"
PLATFORM = Platform(
    "moodle", "Moodle", ISSUER, "bookgate", frozenset({"1:abc", "2"}), f"{ISSUER}/auth", f"{ISSUER}/jwks", ()
)
LIAR = LtiPlatform(ISSUER)
KEYS = parse_jwks({"keys": [{**LIAR.key.as_dict(private=False), "kid": "k1"}]})


def told(claims: Mapping[str, object], nonce: str = "n") -> Launch | Linking:
    LIAR.claims = dict(claims)
    now = LIAR.honest("n", TARGET, "ada")["iat"]
    assert isinstance(now, int)
    return verify(LIAR.token("n", TARGET), KEYS, PLATFORM, nonce, now)


def launch(claims: Mapping[str, object], nonce: str = "n") -> Launch:
    found = told(claims, nonce)
    assert isinstance(found, Launch)
    return found


def test_a_message_that_wants_a_page_to_be_picked() -> None:
    own = "https://purl.imsglobal.org/spec/lti-dl/claim/deep_linking_settings"
    wanted = {"deep_link_return_url": f"{ISSUER}/back", "accept_types": ["ltiResourceLink"]}
    picking = {f"{CLAIM}message_type": "LtiDeepLinkingRequest", own: wanted}
    assert told(picking) == Linking("1:abc", f"{ISSUER}/back", None, "", in_a_tab=False)
    with pytest.raises(ProviderRefusedError):
        told({**picking, f"{CLAIM}deployment_id": "3"})


def test_who_comes_and_from_where() -> None:
    assert launch({}) == Launch("ada", "Ada", "1:abc", TARGET, False, "course-1", "CS 1, autumn")
    bare = launch({"name": None, f"{CLAIM}context": None, f"{CLAIM}deployment_id": "2"})
    assert (bare.name, bare.context, bare.title, bare.deployment) == (None, None, None, "2")
    assert launch({f"{CLAIM}context": {"id": "", "label": "CS\n 1"}}).title == "CS 1"
    assert launch({f"{CLAIM}context": {"id": ""}}).context is None


@pytest.mark.parametrize(
    ("roles", "teaches"),
    [
        pytest.param([INSTRUCTOR], True, id="instructor"),
        pytest.param(["Instructor"], True, id="the short name"),
        pytest.param(
            [INSTRUCTOR.replace("#", "/Instructor#").replace("#Instructor", "#TeachingAssistant")],
            True,
            id="assistant",
        ),
        pytest.param([LEARNER], False, id="learner"),
        pytest.param(
            ["http://purl.imsglobal.org/vocab/lis/v2/institution/person#Instructor"], False, id="elsewhere"
        ),
        pytest.param(
            ["http://purl.imsglobal.org/vocab/lis/v2/system/person#Administrator"], False, id="administrator"
        ),
        pytest.param([], False, id="nobody says"),
        pytest.param(INSTRUCTOR, False, id="no list"),
        pytest.param([7], False, id="no text"),
    ],
)
def test_who_teaches(roles: object, *, teaches: bool) -> None:
    assert launch({f"{CLAIM}roles": roles}).teaches is teaches


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"iss": "https://evil.example"}, id="another issuer"),
        pytest.param({"aud": "other"}, id="another audience"),
        pytest.param({"aud": ["bookgate", "other"]}, id="more audiences"),
        pytest.param({"nonce": "m"}, id="another nonce"),
        pytest.param({"nonce": None}, id="no nonce"),
        pytest.param({"nonce": 7}, id="a number for a nonce"),
        pytest.param({"exp": 1}, id="over"),
        pytest.param({"iat": 1}, id="made long ago"),
        pytest.param({"iat": None}, id="made nobody knows when"),
        pytest.param({f"{CLAIM}deployment_id": "3"}, id="another deployment"),
        pytest.param({f"{CLAIM}deployment_id": None}, id="no deployment"),
        pytest.param({f"{CLAIM}deployment_id": ["1:abc"]}, id="a list of deployments"),
        pytest.param({f"{CLAIM}version": "1.1"}, id="LTI 1.1"),
        pytest.param({f"{CLAIM}target_link_uri": None}, id="no target"),
        pytest.param({"sub": ""}, id="an empty subject"),
        pytest.param({"sub": "a" * 256}, id="a long subject"),
        pytest.param({"sub": 7}, id="a number for a subject"),
    ],
)
def test_launches_that_are_not_believed(claims: Mapping[str, object]) -> None:
    with pytest.raises(ProviderRefusedError):
        launch(claims)


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        pytest.param({"sub": None}, ANONYMOUS, id="anonymous"),
        pytest.param({f"{CLAIM}message_type": "LtiSubmissionReviewRequest"}, KIND, id="another"),
        pytest.param({f"{CLAIM}message_type": None}, KIND, id="no kind"),
    ],
)
def test_launches_that_nobody_can_be_signed_in_by(claims: Mapping[str, object], why: str) -> None:
    with pytest.raises(UnusableLaunchError) as caught:
        launch(claims)
    assert caught.value.why == why


def test_an_initiation() -> None:
    least = {"iss": ISSUER, "login_hint": "7", "target_link_uri": TARGET}
    assert read_initiation(least) == Initiation(ISSUER, "7", TARGET, None, None, None)
    whole = {**least, "lti_message_hint": "m", "client_id": "c", "lti_deployment_id": "d"}
    assert read_initiation(whole) == Initiation(ISSUER, "7", TARGET, "m", "c", "d")
    for name in least:
        with pytest.raises(InvalidRequestError):
            read_initiation({**least, name: ""})
    with pytest.raises(InvalidRequestError):
        read_initiation({**least, "lti_message_hint": "m" * (LONGEST + 1)})
