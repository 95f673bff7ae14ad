"""What the account page is made of: sections, each with what it shows and what its forms do."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

from gateway.pages.flow import Parts
from gateway.pages.language import mark
from gateway.sessions import LiveSignIn

# Why a form did nothing.
STALE = mark(
    "This page was open for a while or was used before, so nothing was done. Here it is as it is now."
)
CHANGED = mark(
    "Somebody has signed in here since this page was opened, so nothing was done. Here it is as it is now."
)


@dataclass(frozen=True, slots=True)
class Stay:
    """The account page again. done: what happened; trouble: why nothing did. Both are in words, `say`d."""

    live: LiveSignIn
    done: str | None = None
    trouble: str | None = None
    status: int = 200


@dataclass(frozen=True, slots=True)
class Gone:
    """The person is signed out in this browser."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """A form of the account page: its button was `act=NAME` or `act=NAME:WHAT`."""

    what: str
    fields: Mapping[str, str]


Fill = Callable[[web.Request, Parts, LiveSignIn], Awaitable[Mapping[str, object] | None]]
Act = Callable[[web.Request, Parts, LiveSignIn, Submitted], Awaitable[Stay | Gone | web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Section:
    """One section, drawn by `templates/account/ID.html`, which finds its values in `it`.

    title: a `mark`ed text; a `count` among the values stands beside it. fill: its values; None: there is
    nothing to show to this person. A fill that raises DirectoryUnavailableError costs the page this section
    only. acts: by the names of the buttons.
    """

    id: str
    title: str
    fill: Fill
    acts: Mapping[str, Act] = field(default_factory=dict)
