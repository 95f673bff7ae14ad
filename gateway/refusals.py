"""A refusal as an answer in JSON, which is what books and scripts read; and what pages say beside it."""

from http import HTTPStatus

import orjson

from gateway.errors import (
    GatewayError,
    InvalidTokenError,
    MethodNotAllowedError,
    StepUpRequiredError,
    TooManyRequestsError,
    UseNonceError,
)

Headers = tuple[tuple[str, str], ...]


def common_headers(refusal: GatewayError) -> Headers:
    """What goes with every form of a refusal."""
    headers: Headers = (("Cache-Control", "no-store"),)
    if refusal.retry_after is not None:
        headers += (("Retry-After", str(refusal.retry_after)),)
    if isinstance(refusal, MethodNotAllowedError):
        headers += (("Allow", ", ".join(refusal.allow)),)
    if isinstance(refusal, TooManyRequestsError) and refusal.rate_limit:
        headers += (("RateLimit", refusal.rate_limit), ("RateLimit-Policy", refusal.rate_limit_policy))
    return headers


def json_headers(refusal: GatewayError, public_url: str) -> Headers:
    headers = (("Content-Type", "application/json"), *common_headers(refusal))
    if isinstance(refusal, UseNonceError):
        headers += (("DPoP-Nonce", refusal.nonce),)
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        # RFC 9110 section 11.6.1: every 401 says what would help (RFC 9449 section 7.1).
        headers += (("WWW-Authenticate", _challenge(refusal, public_url)),)
    return headers


def _challenge(refusal: GatewayError, public_url: str) -> str:
    if isinstance(refusal, InvalidTokenError):
        return f'Bearer realm="{public_url}", error="{refusal.code}"'  # RFC 6750 section 3
    told = ', error="use_dpop_nonce"' if isinstance(refusal, UseNonceError) else ""
    if isinstance(refusal, StepUpRequiredError):
        told = _step_up(refusal)
    return f'DPoP realm="{public_url}", algs="ES256"{told}'


def _step_up(refusal: StepUpRequiredError) -> str:
    """RFC 9470 section 3."""
    acr = f', acr_values="{" ".join(refusal.acr)}"' if refusal.acr else ""
    age = "" if refusal.max_age is None else f", max_age={refusal.max_age}"
    return f', error="insufficient_user_authentication"{acr}{age}'


def json_body(refusal: GatewayError, request_id: str) -> bytes:
    told: dict[str, object] = {
        "error": refusal.code,
        "error_description": refusal.description,
        "request_id": request_id,
    }
    if isinstance(refusal, StepUpRequiredError):  # what to ask of /auth/authorize
        told |= {"max_age": refusal.max_age, "acr_values": " ".join(refusal.acr) or None}
    return orjson.dumps(told)


def reason(refusal: GatewayError) -> str:
    """What the log says of it."""
    return f"{refusal.code}: {refusal.detail}" if refusal.detail else refusal.code
