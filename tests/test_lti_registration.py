"""What is read and said when a platform registers this site by itself."""

import pytest

from gateway.errors import ProviderRefusedError
from gateway.lti.registration import (
    Accepted,
    Configuration,
    is_configuration_of,
    read_answer,
    read_configuration,
    registration,
)

ISSUER = "https://lms.example.edu"
TOOL = "https://purl.imsglobal.org/spec/lti-tool-configuration"
SAID: dict[str, object] = {
    "issuer": ISSUER,
    "registration_endpoint": f"{ISSUER}/register",
    "authorization_endpoint": f"{ISSUER}/auth",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": "https://keys.example.edu/jwks",
}


@pytest.mark.parametrize(
    ("url", "may"),
    [
        pytest.param(f"{ISSUER}/mod/lti/openid-configuration.php?x=1", True, id="its own"),
        pytest.param("https://evil.example/config", False, id="another site"),
        pytest.param("https://lms.example.edu:8443/config", False, id="another port"),
        pytest.param("http://lms.example.edu/config", False, id="in the clear"),
        pytest.param("https://x@lms.example.edu/", False, id="a name in it"),
        pytest.param("", False, id="nothing"),
    ],
)
def test_only_the_site_that_was_invited_is_asked(url: str, *, may: bool) -> None:
    assert is_configuration_of(url, ISSUER) is may


def test_what_a_platform_says() -> None:
    assert read_configuration(SAID, ISSUER) == Configuration(
        f"{ISSUER}/register", f"{ISSUER}/auth", f"{ISSUER}/token", "https://keys.example.edu/jwks"
    )


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"issuer": "https://evil.example"}, id="another issuer"),
        pytest.param({"registration_endpoint": None}, id="nowhere to register"),
        pytest.param({"token_endpoint": "http://lms.example.edu/token"}, id="in the clear"),
        pytest.param({"jwks_uri": "file:///etc/passwd"}, id="a file"),
        pytest.param({"registration_endpoint": "https://10.0.0.5/register"}, id="a neighbour"),
    ],
)
def test_what_may_not_be_believed(more: dict[str, object]) -> None:
    with pytest.raises(ProviderRefusedError):
        read_configuration({**SAID, **more}, ISSUER)


def test_what_this_site_says_of_itself() -> None:
    said = registration("https://gw.example.edu", "Books", "https://gw.example.edu/auth/lti/links")
    assert said["redirect_uris"] == ["https://gw.example.edu/auth/lti/launch"]
    assert said["token_endpoint_auth_method"] == "private_key_jwt"
    tool = said[TOOL]
    assert isinstance(tool, dict)
    assert tool["domain"] == "gw.example.edu"
    assert tool["messages"][0]["type"] == "LtiDeepLinkingRequest"


@pytest.mark.parametrize(
    ("tool", "deployment"),
    [
        pytest.param({"deployment_id": "7"}, "7", id="named"),
        pytest.param({"deployment_id": 7}, "7", id="a number"),
        pytest.param({"deployment_id": True}, None, id="no number"),
        pytest.param({}, None, id="later"),
        pytest.param({"deployment_id": "7\n8"}, None, id="two"),
        pytest.param("x", None, id="nothing that is read"),
    ],
)
def test_what_was_registered(tool: object, deployment: str | None) -> None:
    assert read_answer(201, {"client_id": "c", TOOL: tool}) == Accepted("c", deployment)


@pytest.mark.parametrize(
    ("status", "client_id"),
    [
        pytest.param(400, "c", id="refused"),
        pytest.param(200, None, id="no id"),
        pytest.param(200, "", id="an empty one"),
        pytest.param(200, "c\x1b[2J", id="what a terminal obeys"),
        pytest.param(200, "c\nd", id="two lines"),
    ],
)
def test_what_registered_nothing(status: int, client_id: object) -> None:
    with pytest.raises(ProviderRefusedError):
        read_answer(status, {"client_id": client_id})
