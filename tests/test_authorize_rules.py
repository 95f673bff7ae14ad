from collections.abc import Mapping
from dataclasses import replace

import pytest

from gateway.authorize_rules import (
    AskConsent,
    AskKeep,
    AskWho,
    Client,
    Decision,
    Deliver,
    DeliverError,
    Greet,
    Proof,
    RefusedRequestError,
    RefusePlainly,
    Request,
    Step,
    Visitor,
    asks_every_time,
    complete,
    is_top_level,
    next_step,
    parameters,
    parse_client_id,
    parse_decision,
    prove_client,
)
from gateway.errors import InvalidRequestError
from gateway.origins import Origin, Policy, Trust
from tests.policies import POLICY

BOOK = Origin("https", "book.example.edu", 443)
RETURN = "https://book.example.edu/cs1/bookgate-return.html"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
TRUSTED = POLICY
CONSENT = replace(TRUSTED, trust=Trust.CONSENT)
CLIENT = Client(BOOK, RETURN, "web_message", "s1")
GOOD = {
    "response_type": "code",
    "client_id": str(BOOK),
    "redirect_uri": RETURN,
    "response_mode": "web_message",
    "state": "s1",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


def test_parameters_by_name() -> None:
    assert parameters([("a", "1"), ("b", "2")]) == {"a": "1", "b": "2"}


@pytest.mark.parametrize("pair", [("a", "x\0y"), ("a\0", "x")])
def test_a_nul_is_refused(pair: tuple[str, str]) -> None:
    with pytest.raises(InvalidRequestError):
        parameters([pair])


def test_a_parameter_twice_is_refused() -> None:
    with pytest.raises(InvalidRequestError):
        parameters([("a", "1"), ("a", "1")])


@pytest.mark.parametrize(
    ("client_id", "origin"),
    [
        pytest.param("https://book.example.edu", BOOK, id="https"),
        pytest.param("http://localhost:8000", Origin("http", "localhost", 8000), id="loopback name"),
        pytest.param("http://127.0.0.1:81", Origin("http", "127.0.0.1", 81), id="loopback address"),
    ],
)
def test_client_ids(client_id: str, origin: Origin) -> None:
    assert parse_client_id(client_id) == origin


@pytest.mark.parametrize(
    "client_id",
    [
        "",
        "null",
        "http://book.example.edu",
        "https://book.example.edu/",
        "HTTPS://book.example.edu",
        "file://",
    ],
)
def test_client_ids_refused(client_id: str) -> None:
    with pytest.raises(InvalidRequestError):
        parse_client_id(client_id)


def test_a_client_is_proved() -> None:
    assert prove_client(GOOD, BOOK, TRUSTED) == CLIENT


def test_no_response_mode_means_fragment() -> None:
    params = {name: value for name, value in GOOD.items() if name != "response_mode"}
    assert prove_client(params, BOOK, TRUSTED) == replace(CLIENT, response_mode="fragment")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"redirect_uri": "https://evil.example/bookgate-return.html"}, id="another origin"),
        pytest.param({"redirect_uri": "https://book.example.edu/redirect?to=evil"}, id="open redirector"),
        pytest.param({"redirect_uri": ""}, id="no redirect_uri"),
        pytest.param({"response_mode": "query"}, id="query would put the code into logs"),
        pytest.param({"state": ""}, id="no state"),
        pytest.param({"state": "x" * 513}, id="long state"),
        pytest.param({"state": "a b"}, id="state with a blank"),
    ],
)
def test_clients_refused_on_a_page_of_ours(change: Mapping[str, str]) -> None:
    with pytest.raises(InvalidRequestError):
        prove_client({**GOOD, **change}, BOOK, TRUSTED)


def test_a_whole_request() -> None:
    params = {**GOOD, "dpop_jkt": CHALLENGE, "prompt": "consent"}
    assert complete(params, CLIENT) == Request(CLIENT, CHALLENGE, CHALLENGE, "consent", guest=False)


@pytest.mark.parametrize(
    ("asked", "proof"),
    [
        pytest.param({}, Proof(), id="nothing"),
        pytest.param({"max_age": "0"}, Proof(0), id="at once"),
        pytest.param({"max_age": "28800"}, Proof(28800), id="today"),
        pytest.param({"acr_values": ""}, Proof(), id="no way"),
        pytest.param({"acr_values": "urn:mfa  phr"}, Proof(None, ("urn:mfa", "phr")), id="two ways"),
    ],
)
def test_how_they_are_to_have_proved_it(asked: dict[str, str], proof: Proof) -> None:
    assert complete({**GOOD, **asked}, CLIENT).proof == proof


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param({"max_age": ""}, id="no number"),
        pytest.param({"max_age": "-1"}, id="before now"),
        pytest.param({"max_age": "8h"}, id="with a unit"),
        pytest.param({"max_age": "²"}, id="no digit"),
        pytest.param({"max_age": "1" * 10}, id="beyond time"),
        pytest.param({"acr_values": "é"}, id="not ASCII"),
        pytest.param({"acr_values": "x" * 256}, id="a long name"),
        pytest.param({"acr_values": " ".join("abcdefghijk")}, id="too many"),
    ],
)
def test_a_proof_that_cannot_be_asked_for(asked: dict[str, str]) -> None:
    with pytest.raises(RefusedRequestError) as refusal:
        complete({**GOOD, **asked}, CLIENT)
    assert refusal.value.code == "invalid_request"


@pytest.mark.parametrize(
    ("proof", "ago", "acr", "met"),
    [
        (Proof(), 10**8, None, True),
        (Proof(60), 60, None, True),
        (Proof(60), 61, "urn:mfa", False),
        (Proof(None, ("urn:mfa",)), 10**8, "urn:mfa", True),
        (Proof(None, ("urn:mfa",)), 0, None, False),
        (Proof(60, ("urn:mfa", "phr")), 60, "phr", True),
        (Proof(60, ("urn:mfa", "phr")), 60, "pwd", False),
    ],
)
def test_what_meets_it(proof: Proof, ago: int, acr: str | None, met: bool) -> None:  # ruff: ignore[boolean-type-hint-positional-argument] - a column of the table
    now = 1_800_000_000
    assert proof.met_by(now - ago, acr, now) is met


def test_what_nobody_knows_the_time_of_meets_no_age() -> None:
    assert not Proof(60).met_by(None, None, 1_800_000_000)
    assert Proof(None, ("urn:mfa",)).met_by(None, "urn:mfa", 1_800_000_000)


def test_a_request_without_key_and_prompt() -> None:
    assert complete(GOOD, CLIENT) == Request(CLIENT, CHALLENGE, None, None, guest=False)


def test_a_request_of_a_book_with_a_guest() -> None:
    assert complete({**GOOD, "guest": "1"}, CLIENT).guest


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param({"response_type": "token"}, "unsupported_response_type", id="implicit"),
        pytest.param({"code_challenge_method": "plain"}, "invalid_request", id="plain PKCE"),
        pytest.param({"code_challenge": "short"}, "invalid_request", id="challenge"),
        pytest.param({"code_challenge": ""}, "invalid_request", id="no PKCE"),
        pytest.param({"dpop_jkt": "short"}, "invalid_request", id="jkt"),
        pytest.param({"prompt": "login"}, "invalid_request", id="prompt"),
        pytest.param({"guest": "yes"}, "invalid_request", id="guest"),
    ],
)
def test_requests_whose_fault_the_book_is_told(change: Mapping[str, str], code: str) -> None:
    with pytest.raises(RefusedRequestError) as refused:
        complete({**GOOD, **change}, CLIENT)
    assert refused.value.code == code


OWN = Visitor(own_device=True, approved=False)
SHARED = Visitor(own_device=False, approved=False)
OWN_APPROVED = Visitor(own_device=True, approved=True)
SHARED_APPROVED = Visitor(own_device=False, approved=True)


@pytest.mark.parametrize(
    ("prompt", "policy", "visitor", "step"),
    [
        pytest.param(None, TRUSTED, None, AskWho(), id="nobody, trusted"),
        pytest.param(None, CONSENT, None, AskWho(), id="nobody, consent"),
        pytest.param(None, TRUSTED, OWN, Deliver(), id="own device, trusted"),
        pytest.param(None, TRUSTED, SHARED, Greet(), id="shared device, trusted"),
        pytest.param(None, CONSENT, OWN, AskConsent(), id="first time at a consent book"),
        pytest.param(None, CONSENT, OWN_APPROVED, Deliver(), id="again at a consent book"),
        pytest.param(None, CONSENT, SHARED_APPROVED, Greet(), id="again, shared device"),
        pytest.param("consent", TRUSTED, OWN, AskConsent(), id="asked for a click"),
        pytest.param("consent", CONSENT, OWN_APPROVED, AskConsent(), id="asked for a click, approved"),
        pytest.param("consent", TRUSTED, None, AskWho(), id="asked for a click, nobody"),
        pytest.param("none", TRUSTED, None, DeliverError("login_required"), id="silent, nobody"),
        pytest.param("none", CONSENT, None, RefusePlainly(), id="silent, nobody, consent"),
        pytest.param("none", CONSENT, OWN, RefusePlainly(), id="silent, never approved"),
        pytest.param("none", TRUSTED, SHARED, DeliverError("interaction_required"), id="silent, shared"),
        pytest.param("none", TRUSTED, OWN, Deliver(), id="silent, trusted"),
        pytest.param("none", CONSENT, OWN_APPROVED, Deliver(), id="silent, approved"),
        pytest.param(None, replace(TRUSTED, trust=Trust.DENIED), OWN_APPROVED, RefusePlainly(), id="denied"),
    ],
)
def test_next_step(prompt: str | None, policy: Policy, visitor: Visitor | None, step: Step) -> None:
    assert next_step(prompt, policy, visitor, guest=False) == step


@pytest.mark.parametrize(
    ("prompt", "policy", "visitor", "step"),
    [
        pytest.param(None, TRUSTED, None, AskWho(), id="nobody"),
        pytest.param(None, TRUSTED, OWN, AskKeep(), id="own device"),
        pytest.param(None, TRUSTED, SHARED, AskKeep(), id="shared device"),
        pytest.param(None, CONSENT, OWN, AskConsent(), id="both questions on one page"),
        pytest.param(None, CONSENT, OWN_APPROVED, AskKeep(), id="approved"),
        pytest.param("consent", TRUSTED, OWN, AskConsent(), id="asked for a click"),
        pytest.param("none", TRUSTED, OWN, DeliverError("interaction_required"), id="silent"),
        pytest.param("none", TRUSTED, None, DeliverError("login_required"), id="silent, nobody"),
        pytest.param("none", CONSENT, OWN, RefusePlainly(), id="silent, never approved"),
    ],
)
def test_what_becomes_of_a_guests_work_is_always_asked(
    prompt: str | None, policy: Policy, visitor: Visitor | None, step: Step
) -> None:
    assert next_step(prompt, policy, visitor, guest=True) == step


@pytest.mark.parametrize(
    ("said", "guest", "decision"),
    [
        pytest.param("deny", False, Decision(False, True, None), id="no"),
        pytest.param("deny", True, Decision(False, True, None), id="no, a guest"),
        pytest.param("allow", False, Decision(True, True, None), id="yes"),
        pytest.param("allow-keep", True, Decision(True, True, True), id="yes, and keep it"),
        pytest.param("allow-leave", True, Decision(True, True, False), id="yes, and leave it"),
        pytest.param("go", False, Decision(True, False, None), id="said before"),
        pytest.param("keep", True, Decision(True, False, True), id="said before, keep it"),
        pytest.param("leave", True, Decision(True, False, False), id="said before, leave it"),
    ],
)
def test_an_answer_is_one_of_its_page(said: str, guest: bool, decision: Decision) -> None:  # ruff: ignore[boolean-type-hint-positional-argument]
    assert parse_decision(said, guest=guest) == decision


@pytest.mark.parametrize(
    ("said", "guest"),
    [("", False), ("yes", True), ("go", True), ("allow", True), ("keep", False), ("allow-keep", False)],
)
def test_no_other_page_has_that_answer(said: str, guest: bool) -> None:  # ruff: ignore[boolean-type-hint-positional-argument]
    with pytest.raises(InvalidRequestError):
        parse_decision(said, guest=guest)


@pytest.mark.parametrize(
    ("origin", "policy", "every_time"),
    [
        pytest.param(Origin("http", "localhost", 8000), CONSENT, True, id="loopback by consent"),
        pytest.param(Origin("http", "localhost", 8000), TRUSTED, False, id="trusted loopback"),
        pytest.param(BOOK, CONSENT, False, id="a site"),
    ],
)
def test_loopback_is_asked_every_time(origin: Origin, policy: Policy, *, every_time: bool) -> None:
    assert asks_every_time(origin, policy) is every_time


@pytest.mark.parametrize(
    ("dest", "mode", "origin", "top"),
    [
        pytest.param(["document"], ["navigate"], [], True, id="navigation"),
        pytest.param([], [], [], True, id="a browser without Fetch Metadata"),
        pytest.param(["iframe"], ["navigate"], [], False, id="frame"),
        pytest.param(["empty"], ["cors"], ["https://b.example"], False, id="fetch"),
        pytest.param([], [], ["https://b.example"], False, id="fetch without Fetch Metadata"),
        pytest.param(["image"], ["no-cors"], [], False, id="image"),
    ],
)
def test_top_level(dest: list[str], mode: list[str], origin: list[str], *, top: bool) -> None:
    assert is_top_level(dest, mode, origin) is top
