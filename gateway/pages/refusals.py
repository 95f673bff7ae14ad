"""What people read where a refusal ends on a page: what happened, whose fault it is, what to do now."""

from collections.abc import Mapping

# Title and line by the refusal's code; the others say their description.
REFUSALS: Mapping[str, tuple[str, str]] = {
    "internal_error": ("That did not work", "The fault is on our side. Try again in a few minutes."),
    "invalid_grant": (
        "This page is not valid any more",
        (
            "It was open for more than ten minutes, was used already, or this browser sent no cookie. "
            "Close it and sign in from the book again. If it happens again, allow cookies for this address."
        ),
    ),
    "invalid_request": (
        "The book asked for something odd",
        (
            "What it sent cannot be understood here. The fault is the book's, not yours. Close this window "
            "and try again; if it happens again, tell the people who made the book."
        ),
    ),
    "not_found": (
        "There is nothing here",
        "This is where books let their readers sign in. Open your book and sign in from there.",
    ),
    "method_not_allowed": (
        "There is nothing to see here",
        "This is a step on the way of a sign-in, not a page. Open your book and sign in from there.",
    ),
    "forbidden": (
        "You were not signed in",
        (
            "Who is signed in here has changed since this page was opened, or it has no window of its own. "
            "Close this window and sign in from the book again."
        ),
    ),
    "cross_site_refused": (
        "Nothing was done",
        "Another site sent you here, and it may not. Open your book and sign in from there.",
    ),
    "too_many_requests": (
        "Too many tries",
        (
            "This browser, or others at the same address, tried too often in a short time. Wait a minute and "
            "try again."
        ),
    ),
    "directory_unavailable": (
        "Signing in does not work at the moment",
        "The fault is on our side. Try again in a few minutes. Who is signed in already can go on.",
    ),
    "sessions_unavailable": (
        "Signing in does not work at the moment",
        "The fault is on our side. Try again in a few minutes. Nobody was signed out.",
    ),
    "provider_unavailable": (
        "The sign-in service does not answer",
        "The fault is neither yours nor the book's. Try again in a few minutes.",
    ),
    "provider_refused": (
        "You were not signed in",
        "The sign-in service did not confirm who you are. Sign in from the book again.",
    ),
}
