"""Every refusal of the gateway: one family, each with a status and a stable code.

The code is for the page that reads the answer, `detail` is for our log alone.
One middleware (`middleware.py`) renders them; nothing else turns an exception into an answer.
"""

from typing import ClassVar


class GatewayError(Exception):
    """A refusal.

    detail: for the log only, may name internals.
    retry_after: seconds, sent as `Retry-After` (RFC 9110 section 10.2.3).
    close: the connection is closed after the answer (framing or identity in doubt).
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    description: ClassVar[str] = "Something went wrong on our side."

    def __init__(self, detail: str = "", *, retry_after: int | None = None, close: bool = False) -> None:
        super().__init__(detail or self.description)
        self.detail = detail
        self.retry_after = retry_after
        self.close = close


class InvalidRequestError(GatewayError):
    status = 400
    code = "invalid_request"
    description = "The request is not of the form that this address takes."


class InvalidGrantError(GatewayError):
    """RFC 6749 section 5.2: the code, ticket or refresh token is wrong, used or too old."""

    status = 400
    code = "invalid_grant"
    description = "The code, ticket or token is not valid any more. Begin the sign-in again."


class UnsupportedGrantTypeError(GatewayError):
    status = 400
    code = "unsupported_grant_type"
    description = "This grant_type is not one that the gateway takes."


class InvalidProofError(GatewayError):
    """RFC 9449 section 5: the DPoP proof is missing or wrong."""

    status = 400
    code = "invalid_dpop_proof"
    description = "The DPoP proof is missing or does not fit the request."


class UseNonceError(GatewayError):
    """RFC 9449 section 8: the client's clock is off; `nonce` goes out as `DPoP-Nonce`."""

    status = 400
    code = "use_dpop_nonce"
    description = "Send the proof again with the nonce of this answer."

    def __init__(self, nonce: str, detail: str = "") -> None:
        super().__init__(detail)
        self.nonce = nonce


class UseNonceOnResourceError(UseNonceError):
    """RFC 9449 section 9: the same at a protected resource."""

    status = 401


class CookieRequiredError(GatewayError):
    status = 400
    code = "cookie_required"
    description = "Neither the cookie nor a proof came with the request."


class InteractionRequiredError(GatewayError):
    status = 400
    code = "interaction_required"
    description = "The reader has to confirm this on a page of the gateway."


class LoginRequiredError(GatewayError):
    status = 401
    code = "login_required"
    description = "Sign in first."


class StepUpRequiredError(GatewayError):
    """RFC 9470: who asks signed in too long ago, or not strongly enough, for this route.

    max_age: seconds; None: any age. acr: one of these, or any where there is none.
    """

    status = 401
    code = "step_up_required"
    description = "This needs a fresh sign-in. Sign in again, then ask once more."

    def __init__(self, max_age: int | None, acr: tuple[str, ...], detail: str = "") -> None:
        super().__init__(detail)
        self.max_age = max_age
        self.acr = acr


class InvalidTokenError(GatewayError):
    """RFC 6750 section 3.1: a personal token that is none, has run out or was revoked."""

    status = 401
    code = "invalid_token"
    description = "The personal token is not valid, or not any more. Make a new one on your account page."


class TooManyTokensError(GatewayError):
    status = 409
    code = "too_many_tokens"
    description = "You have as many tokens as one may have. Revoke one that you need no more."


class ConsentRequiredError(GatewayError):
    status = 403
    code = "consent_required"
    description = "The reader has to sign in and agree that this book saves their work."


class NotAllowedError(GatewayError):
    """Somebody whom the route does not take; who does is the site's own affair."""

    status = 403
    code = "not_allowed"
    description = "You are signed in, but this is not open to you."


class SignInRequiredError(GatewayError):
    """A guest at a service that takes none."""

    status = 403
    code = "sign_in_required"
    description = "This needs a reader who has signed in; a guest is not enough."


class SignInAgainError(GatewayError):
    """The session has no token of its provider, and no way to one."""

    status = 403
    code = "sign_in_again"
    description = "This service needs a new sign-in. Sign out, then sign in again."


class GuestsRefusedError(GatewayError):
    status = 403
    code = "guests_refused"
    description = "Guests are not let in here. Sign in instead."


class MergeRefusedError(GatewayError):
    status = 409
    code = "merge_refused"
    description = "These two cannot become one person, or be taken apart, as things are now."


class DeletionPendingError(GatewayError):
    """What is made anew under the same id would be deleted with the rest."""

    status = 503
    code = "deletion_pending"
    description = "What you had here is still being deleted. Sign in again a little later."


class PasskeyRefusedError(GatewayError):
    """WebAuthn Level 3, sections 7.1 and 7.2: what a device said of a key must not be believed."""

    status = 400
    code = "passkey_refused"
    description = "This passkey did not confirm who you are. Nobody was signed in by it."


class TooManyPasskeysError(GatewayError):
    status = 409
    code = "too_many_passkeys"
    description = "You have as many passkeys as one may have. Remove one that you need no more."


class ClassFullError(GatewayError):
    status = 409
    code = "class_full"
    description = "There is no room for more."


class LastTeacherError(GatewayError):
    """A class without a teacher would be nobody's, and its students' work nobody could ask about."""

    status = 409
    code = "last_teacher"
    description = "A class keeps at least one teacher."


class OriginRefusedError(GatewayError):
    """The request's Origin is not granted; the reason is in the log, never in the answer."""

    status = 403
    code = "origin_refused"
    description = "This origin may not call the gateway."


class CrossSiteRefusedError(GatewayError):
    status = 403
    code = "cross_site_refused"
    description = "A request from another site must say which origin it comes from."


class ForbiddenError(GatewayError):
    status = 403
    code = "forbidden"
    description = "This is not allowed here."


class NotGradedError(GatewayError):
    """LTI: the page was opened from no link that a gradebook has a column for."""

    status = 404
    code = "not_graded"
    description = "No course grades this page, or its course takes no scores from books."


class NotFoundError(GatewayError):
    status = 404
    code = "not_found"
    description = "There is nothing at this address."


class MethodNotAllowedError(GatewayError):
    status = 405
    code = "method_not_allowed"
    description = "This address does not take that method."

    def __init__(self, allow: tuple[str, ...], detail: str = "") -> None:
        super().__init__(detail)
        self.allow = allow


class RequestTimeoutError(GatewayError):
    """RFC 9110 section 15.5.9: the body came too slowly."""

    status = 408
    code = "request_timeout"
    description = "The rest of the request did not come in time."


class PersonChangedError(GatewayError):
    status = 409
    code = "person_changed"
    description = "Somebody else is signed in now. Nothing was saved as them."


class SessionExistsError(GatewayError):
    """A guest was about to begin over a session that is alive: its work would be out of reach."""

    status = 409
    code = "session_exists"
    description = "There is a session here already."


class PayloadTooLargeError(GatewayError):
    status = 413
    code = "too_large"
    description = "The body is larger than this address takes."


class ExpectationFailedError(GatewayError):
    status = 417
    code = "expectation_failed"
    description = "The only expectation that is understood is 100-continue."


class MisdirectedError(GatewayError):
    status = 421
    code = "misdirected"
    description = "The gateway has another address than the one that was asked for."


class TooManyRequestsError(GatewayError):
    status = 429
    code = "too_many_requests"
    description = "Too many requests. Wait a little."

    def __init__(
        self,
        detail: str = "",
        *,
        retry_after: int,
        rate_limit: str = "",
        rate_limit_policy: str = "",
        close: bool = False,
    ) -> None:
        """The values of RateLimit and RateLimit-Policy; empty: there are none."""
        super().__init__(detail, retry_after=retry_after, close=close)
        self.rate_limit = rate_limit
        self.rate_limit_policy = rate_limit_policy


class TooManyGuestsError(GatewayError):
    status = 429
    code = "too_many_guests"
    description = "Too many guests began here, or too many return codes were tried. Sign in, or wait a while."


class HeadTooLargeError(GatewayError):
    status = 431
    code = "head_too_large"
    description = "The request's headers are larger than is taken here."


class BackendBrokenError(GatewayError):
    """The backend refused the connection, broke it or answered what is not HTTP."""

    status = 502
    code = "backend_unavailable"
    description = "The service behind this address did not answer properly."


class BackendBusyError(GatewayError):
    status = 503
    code = "backend_busy"
    description = "The service behind this address is busy."


class StoreUnavailableError(GatewayError):
    """Redis is away: nothing is forwarded, no cookie is touched, the connection is closed."""

    status = 503
    code = "sessions_unavailable"
    description = "Sessions cannot be read at the moment. Nobody was signed out."

    def __init__(self, detail: str = "", *, retry_after: int | None = None) -> None:
        super().__init__(detail, retry_after=retry_after, close=True)


class DirectoryUnavailableError(GatewayError):
    status = 503
    code = "directory_unavailable"
    description = "Please try again in a few minutes. Who is signed in already can go on."


class ProviderUnavailableError(GatewayError):
    """The identity provider is down, slow, or answered what is not its protocol."""

    status = 502
    code = "provider_unavailable"
    description = "The sign-in service did not answer properly."


class ProviderRefusedError(GatewayError):
    """The identity provider answered, and what it said must not be trusted or says no."""

    status = 403
    code = "provider_refused"
    description = "The sign-in service did not confirm who you are."


class TokenUnavailableError(GatewayError):
    """The provider's token has run out, and the provider does not answer."""

    status = 503
    code = "provider_token_unavailable"
    description = "The sign-in service does not answer, and this needs it. Nobody was signed out."


class BackendTimeoutError(GatewayError):
    status = 504
    code = "backend_timeout"
    description = "The service behind this address took too long."
