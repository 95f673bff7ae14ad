"""What a platform asks for when a teacher picks a page, and what it is answered."""

import pytest

from gateway.errors import ProviderRefusedError
from gateway.lti.deep_linking import Linking, answer, read_linking, site_of
from gateway.lti_platforms import Platform

CLAIM = "https://purl.imsglobal.org/spec/lti/claim/"
OWN = "https://purl.imsglobal.org/spec/lti-dl/claim/"
BACK = "https://lms.example.edu/back?x=1"
PLATFORM = Platform(
    "moodle", "Moodle", "https://lms.example.edu", "us", frozenset({"1"}), "https://a", "https://k", ()
)
ASKED: dict[str, object] = {"deep_link_return_url": BACK, "accept_types": ["link", "ltiResourceLink"]}


def read(**more: object) -> Linking:
    return read_linking({f"{OWN}deep_linking_settings": {**ASKED, **more}}, "1")


def test_what_is_asked() -> None:
    assert read() == Linking("1", BACK, None, "", in_a_tab=False)
    documents = ["iframe", "window", 7]
    assert read(data="d", title=" A \n page ", accept_presentation_document_targets=documents) == Linking(
        "1", BACK, "d", "A page", in_a_tab=True
    )
    assert len(read(title="x" * 500).title) == 120
    assert not read(title=7).title


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"deep_link_return_url": None}, id="nowhere to answer"),
        pytest.param({"deep_link_return_url": "http://lms.example.edu/"}, id="not by https"),
        pytest.param({"deep_link_return_url": "javascript:alert(1)"}, id="a script"),
        pytest.param({"deep_link_return_url": "https://a.example;script-src *"}, id="another directive"),
        pytest.param({"deep_link_return_url": "https://a@b.example/"}, id="with a name"),
        pytest.param({"deep_link_return_url": f"https://a.example/{'x' * 9000}"}, id="too long"),
        pytest.param({"accept_types": ["link"]}, id="no links of this kind"),
        pytest.param({"accept_types": "ltiResourceLink"}, id="no list"),
        pytest.param({"data": 7}, id="data that is no text"),
        pytest.param({"data": "x" * 9000}, id="too much data"),
    ],
)
def test_what_cannot_be_answered(more: dict[str, object]) -> None:
    with pytest.raises(ProviderRefusedError):
        read(**more)


def test_settings_that_are_none() -> None:
    with pytest.raises(ProviderRefusedError):
        read_linking({f"{OWN}deep_linking_settings": "x"}, "1")


@pytest.mark.parametrize(
    ("address", "site"),
    [
        pytest.param(BACK, "https://lms.example.edu", id="https"),
        pytest.param("https://lms.example.edu:8443", "https://lms.example.edu:8443", id="a port"),
        pytest.param("http://127.0.0.1:8000/x", "http://127.0.0.1:8000", id="this machine"),
        pytest.param("http://localhost?x", "http://localhost", id="by name"),
        pytest.param("https://lms.example.edu/a b", None, id="a blank"),
        pytest.param("https://lms.example.edu/\n", None, id="a line"),
    ],
)
def test_where_a_form_may_go(address: str, site: str | None) -> None:
    assert site_of(address) == site


@pytest.mark.parametrize("in_a_tab", [True, False])
@pytest.mark.parametrize("data", ["opaque", None])
def test_the_answer(data: str | None, *, in_a_tab: bool) -> None:
    page = "https://books.example.edu/1.html"
    window = {"window": {"targetName": "_blank"}} if in_a_tab else {}
    said = dict(answer(Linking("1", BACK, data, "", in_a_tab), PLATFORM, page, "One", "n"))
    assert said.pop(f"{OWN}data", None) == data
    assert said == {
        "iss": "us",
        "aud": "https://lms.example.edu",
        "nonce": "n",
        f"{CLAIM}deployment_id": "1",
        f"{CLAIM}message_type": "LtiDeepLinkingResponse",
        f"{CLAIM}version": "1.3.0",
        f"{OWN}content_items": [{"type": "ltiResourceLink", "url": page, "title": "One", **window}],
    }
