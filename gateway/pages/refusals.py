"""What people read where a refusal ends on a page: what happened, whose fault it is, what to do now."""

from collections.abc import Mapping

from gateway.pages.language import mark

DID_NOT_WORK = mark("That did not work")

# Title and line by the refusal's code; the others say their description.
REFUSALS: Mapping[str, tuple[str, str]] = {
    "internal_error": (
        DID_NOT_WORK,
        mark("The fault is on our side. Try again in a few minutes."),
    ),
    "invalid_grant": (
        mark("This page is not valid any more"),
        mark(
            "It was open for more than ten minutes, was used already, or this browser sent no "
            "cookie. Close it and sign in from the book again. If it happens again, allow cookies "
            "for this address."
        ),
    ),
    "invalid_request": (
        mark("The book asked for something odd"),
        mark(
            "What it sent cannot be understood here. The fault is the book's, not yours. Close this "
            "window and try again; if it happens again, tell the people who made the book."
        ),
    ),
    "not_found": (
        mark("There is nothing here"),
        mark("This is where books let their readers sign in. Open your book and sign in from there."),
    ),
    "method_not_allowed": (
        mark("There is nothing to see here"),
        mark("This is a step on the way of a sign-in, not a page. Open your book and sign in from there."),
    ),
    "forbidden": (
        mark("You were not signed in"),
        mark(
            "Who is signed in here has changed since this page was opened, or it has no window of "
            "its own. Close this window and sign in from the book again."
        ),
    ),
    "cross_site_refused": (
        mark("Nothing was done"),
        mark("Another site sent you here, and it may not. Open your book and sign in from there."),
    ),
    "too_many_requests": (
        mark("Too many tries"),
        mark(
            "This browser, or others at the same address, tried too often in a short time. Wait a "
            "minute and try again."
        ),
    ),
    "directory_unavailable": (
        mark("Signing in does not work at the moment"),
        mark("The fault is on our side. Try again in a few minutes. Who is signed in already can go on."),
    ),
    "sessions_unavailable": (
        mark("Signing in does not work at the moment"),
        mark("The fault is on our side. Try again in a few minutes. Nobody was signed out."),
    ),
    "provider_unavailable": (
        mark("The sign-in service does not answer"),
        mark("The fault is neither yours nor the book's. Try again in a few minutes."),
    ),
    "provider_refused": (
        mark("You were not signed in"),
        mark("The sign-in service did not confirm who you are. Sign in from the book again."),
    ),
    "login_required": (
        mark("Sign in first"),
        mark("This is open only to people who have signed in."),
    ),
    "step_up_required": (
        mark("Sign in once more"),
        mark("This needs a fresh sign-in. Sign out, sign in again, then open it once more."),
    ),
    "sign_in_again": (
        mark("Sign in once more"),
        mark("This needs a fresh sign-in. Sign out, sign in again, then open it once more."),
    ),
    "not_allowed": (
        mark("This is not open to you"),
        mark("You are signed in, but the people who run this have not opened it to you."),
    ),
    "origin_refused": (
        mark("This book is not connected here"),
        mark("The people who run this service have not allowed the book that sent you."),
    ),
    "merge_refused": (
        mark("These accounts stay two"),
        mark("They cannot become one, or be taken apart, as things are now. Nothing was changed."),
    ),
    "deletion_pending": (
        mark("Your data are still being deleted"),
        mark("You asked for that, and it is not done everywhere yet. Sign in again a little later."),
    ),
    "passkey_refused": (
        mark("You were not signed in"),
        mark("This passkey did not confirm who you are. Try again, or sign in another way."),
    ),
    "too_many_passkeys": (
        mark("You have too many passkeys"),
        mark("Remove one on your account page that you need no more, then make the new one."),
    ),
    "too_many_tokens": (
        mark("You have too many tokens"),
        mark("Revoke one on your account page that you need no more, then make the new one."),
    ),
    "class_full": (
        mark("There is no room for more"),
        mark("The class, or the list, has as many as it may have."),
    ),
    "last_teacher": (
        mark("A class keeps at least one teacher"),
        mark("Make somebody else a teacher first."),
    ),
    "request_timeout": (
        mark("That took too long"),
        mark("What was sent did not come whole in time. Try again."),
    ),
    "too_large": (
        mark("That was too large"),
        mark("More was sent than is taken here."),
    ),
    "head_too_large": (
        mark("That was too large"),
        mark(
            "Your browser sent more with its request than is taken here. Delete the cookies of "
            "this address, then try again."
        ),
    ),
    "misdirected": (
        mark("There is nothing here"),
        mark("This service has another address than the one that was asked for."),
    ),
    "backend_unavailable": (
        mark("The service does not answer"),
        mark("The fault is not yours. Try again in a few minutes."),
    ),
    "backend_busy": (
        mark("The service is busy"),
        mark("Many people use it at the moment. Try again in a minute."),
    ),
    "backend_timeout": (
        mark("The service does not answer"),
        mark("The fault is not yours. Try again in a few minutes."),
    ),
    "provider_token_unavailable": (
        mark("The sign-in service does not answer"),
        mark("This needs it. Try again in a few minutes. Nobody was signed out."),
    ),
}
