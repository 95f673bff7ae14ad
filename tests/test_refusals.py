import json

import pytest

from gateway.errors import (
    BackendBusyError,
    GatewayError,
    InvalidRequestError,
    InvalidTokenError,
    LoginRequiredError,
    MethodNotAllowedError,
    StepUpRequiredError,
    TooManyRequestsError,
    UseNonceError,
    UseNonceOnResourceError,
)
from gateway.refusals import common_headers, json_body, json_headers, reason

PUBLIC = "https://gw.example.edu"
JSON = ("Content-Type", "application/json")
NO_STORE = ("Cache-Control", "no-store")
LIMIT = '"person";r=0;t=3'
POLICY = '"person";q=9;w=10'
REALM = f'DPoP realm="{PUBLIC}", algs="ES256"'

REFUSALS = [
    pytest.param(InvalidRequestError("bytes"), (), id="plain"),
    pytest.param(BackendBusyError(retry_after=1), (("Retry-After", "1"),), id="come again"),
    pytest.param(MethodNotAllowedError(("GET", "PUT")), (("Allow", "GET, PUT"),), id="other methods"),
    pytest.param(TooManyRequestsError(retry_after=3), (("Retry-After", "3"),), id="too many"),
    pytest.param(
        TooManyRequestsError(retry_after=3, rate_limit=LIMIT, rate_limit_policy=POLICY),
        (("Retry-After", "3"), ("RateLimit", LIMIT), ("RateLimit-Policy", POLICY)),
        id="too many, and how many there may be",
    ),
    pytest.param(LoginRequiredError(), (("WWW-Authenticate", REALM),), id="sign in"),
    pytest.param(
        StepUpRequiredError(None, ()),
        (("WWW-Authenticate", f'{REALM}, error="insufficient_user_authentication"'),),
        id="prove it once more",
    ),
    pytest.param(
        StepUpRequiredError(600, ("mfa", "phr")),
        (
            (
                "WWW-Authenticate",
                f'{REALM}, error="insufficient_user_authentication", acr_values="mfa phr", max_age=600',
            ),
        ),
        id="prove it once more, by one of these, within ten minutes",
    ),
    pytest.param(
        InvalidTokenError(),
        (("WWW-Authenticate", f'Bearer realm="{PUBLIC}", error="invalid_token"'),),
        id="a personal token",
    ),
    pytest.param(UseNonceError("n1"), (("DPoP-Nonce", "n1"),), id="nonce"),
    pytest.param(
        UseNonceOnResourceError("n1"),
        (("DPoP-Nonce", "n1"), ("WWW-Authenticate", f'{REALM}, error="use_dpop_nonce"')),
        id="nonce at a resource",
    ),
]


@pytest.mark.parametrize(("refusal", "more"), REFUSALS)
def test_a_refusal_says_what_would_help(refusal: GatewayError, more: tuple[tuple[str, str], ...]) -> None:
    assert json_headers(refusal, PUBLIC) == (JSON, NO_STORE, *more)


def test_a_page_says_it_too_but_not_what_only_scripts_read() -> None:
    assert common_headers(UseNonceOnResourceError("n1")) == (NO_STORE,)


def test_the_body_has_the_code_and_nothing_of_the_log() -> None:
    refusal = InvalidRequestError("10.0.0.5 refused")
    assert json.loads(json_body(refusal, "id1")) == {
        "error": "invalid_request",
        "error_description": refusal.description,
        "request_id": "id1",
    }
    step_up = StepUpRequiredError(600, ("mfa", "phr"))
    assert json.loads(json_body(step_up, "id1")).items() >= {"max_age": 600, "acr_values": "mfa phr"}.items()
    assert json.loads(json_body(StepUpRequiredError(None, ()), "id1"))["acr_values"] is None
    assert reason(refusal) == "invalid_request: 10.0.0.5 refused"
    assert reason(InvalidRequestError()) == "invalid_request"
