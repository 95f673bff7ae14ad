"""Who a request is made as, as the data path keeps them for some seconds.

A worker has thousands of them, none of which lies in a processor's cache when it is asked for. So what nearly
all requests need is in one object, and nothing that it names has to be looked into.
"""

import sys

from gateway.identity import Caller
from gateway.origins import Limits, Policy
from gateway.records import LiveBook, LiveSignIn
from gateway.token_bucket import Bucket

Header = tuple[str, str]


class Known:
    """A book session that was found alive, and what was made of it since.

    person_hash: what a log line says instead of the person. sign_in: that it is of; a guest's has none.
    lines: identity headers that were made for it. admitted: the policy by which it served, as far as its end.
    until: when it is to be looked at again, by the monotonic clock. ends: Unix seconds. origin: as interned.
    line_key, line_ring, line: the identity line that was said last, and by what; anew after each look.
    bucket, limits: the person's budget at the origin, and by which limits; None: it is to be found.
    """

    __slots__ = (
        "admitted", "bucket", "caller", "ends", "is_guest", "limits", "line", "line_key", "line_ring",
        "lines", "live", "origin", "person_hash", "sign_in", "until",
    )  # fmt: skip

    def __init__(self, live: LiveBook, caller: Caller, person_hash: str) -> None:
        self.live = live
        self.caller = caller
        self.person_hash = person_hash
        self.lines: dict[tuple[str, str | None, str], Line] = {}
        self.admitted: Policy | None = None
        self.until = float("-inf")
        self.ends = live.record.ends
        self.origin = sys.intern(live.record.origin)
        self.is_guest = caller.is_guest
        self.line_key: tuple[str, str | None, str] | None = None
        self.line_ring: object = None
        self.line = ""
        self.bucket: Bucket | None = None
        self.limits: Limits | None = None
        above, key = live.parent, live.record.parent
        self.sign_in = None if above is None or key is None else LiveSignIn(None, key, above)

    @property
    def person(self) -> str:
        return self.caller.person


class Line:  # ruff: ignore[class-as-data-structure]  # no other kind may be compiled that holds any object
    """An identity header. made: Unix seconds. ring: the signing keys of then. text: the whole line."""

    __slots__ = ("header", "made", "ring", "text")

    def __init__(self, made: float, ring: object, header: Header, text: str) -> None:
        self.made = made
        self.ring = ring
        self.header = header
        self.text = text


def caller_of(live: LiveBook) -> Caller:
    book, above = live.record, live.parent
    return Caller(
        live.key,
        book.person,
        live.name,
        book.provider,
        book.origin,
        book.auth_time,
        is_guest=book.is_guest,
        roles=() if above is None else above.roles,
        classes=() if above is None else tuple((each, *said) for each, said in sorted(above.classes.items())),
        acr=None if above is None else above.acr,
        studies=() if above is None else tuple(sorted(above.studies.items())),
        proved=above is None or above.proved,
    )
