"""Every refusal of a backend: one family, answered as problem+json (RFC 9457).

`code` is stable and for programs, `title` is the same sentence for everybody, `detail` says what was wrong
with this request. None of them ever names an internal.
"""

from collections.abc import Mapping
from typing import ClassVar

import msgspec

CONTENT_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:bookgate:problem:"

Member = str | int | None


class Problem(Exception):  # ruff: ignore[error-suffix-on-exception-name] - RFC 9457's own word
    """A refusal. `members` become extension members (RFC 9457 section 3.2), `headers` go out with it."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Something went wrong on our side."

    def __init__(
        self,
        detail: str | None = None,
        *,
        members: Mapping[str, Member] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.members = dict(members or {})
        self.headers = dict(headers or {})


class InvalidRequest(Problem):
    status = 400
    code = "invalid_request"
    title = "The request is not of the form that this address takes."


class InvalidParameter(InvalidRequest):
    code = "invalid_parameter"
    title = "A query parameter is unknown, given twice or has a value that it cannot have."


class InvalidHeader(InvalidRequest):
    code = "invalid_header"
    title = "A header does not have the form that its specification gives it."


class InvalidJson(InvalidRequest):
    code = "invalid_json"
    title = "The body says that it is JSON and is not."


class AssertionRefused(Problem):
    """The assertion is missing or wrong; `code` says how (see assertion.Reason)."""

    status = 401
    title = "The request does not carry a valid assertion of the gateway."

    def __init__(self, code: str, detail: str) -> None:
        # RFC 9110 section 15.5.2: a 401 names a challenge.
        super().__init__(detail, headers={"WWW-Authenticate": "Bookgate-Assertion"})
        self.reason = code


class NotFound(Problem):
    status = 404
    code = "not_found"
    title = "There is nothing at this address."


class MergedElsewhere(Problem):
    status = 409
    code = "merged_elsewhere"
    title = "This work became another person's before."


class PersonDeleted(Problem):
    status = 410
    code = "person_deleted"
    title = "Everything of this person was deleted here. What was sent before that comes too late."


class MethodNotAllowed(Problem):
    status = 405
    code = "method_not_allowed"
    title = "This address does not take that method."


class BodyTooSlow(Problem):
    status = 408
    code = "body_too_slow"
    title = "The body did not arrive in time."


class TooLarge(Problem):
    status = 413
    code = "too_large"
    title = "The body is larger than this address takes."


class UnsupportedType(Problem):
    status = 415
    code = "unsupported_type"
    title = "This address does not take that content type or content coding."


class TooManyRequests(Problem):
    status = 429
    code = "too_many_requests"
    title = "Too many requests. Wait a little."


class Unavailable(Problem):
    """Something that the answer needs is away; nothing was written."""

    status = 503
    code = "unavailable"
    title = "The service cannot answer at the moment. Nothing was written."


class KeysUnavailable(Unavailable):
    """No key of the gateway was ever read, so nothing can be proved (not the caller's fault)."""

    code = "keys_unavailable"
    title = "The gateway's keys could not be read yet."


class DiskFull(Problem):
    status = 507
    code = "disk_full"
    title = "The service has no room left. Nothing was written."


def document(problem: Problem, request_id: str) -> bytes:
    """The problem as RFC 9457 JSON."""
    code = problem.reason if isinstance(problem, AssertionRefused) else problem.code
    body: dict[str, Member] = {
        "type": TYPE_PREFIX + code,
        "title": problem.title,
        "status": problem.status,
        "code": code,
        "request_id": request_id,
    }
    if problem.detail is not None:
        body["detail"] = problem.detail
    return msgspec.json.encode(problem.members | body)
