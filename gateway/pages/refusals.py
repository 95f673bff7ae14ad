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
}
