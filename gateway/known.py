"""Who a request is made as, as the data path keeps them for some seconds.

A worker has thousands of them, none of which lies in a processor's cache when it is asked for. So what nearly
all requests need is in one object, and nothing that it names has to be looked into.
"""

import sys

import msgspec

from gateway.identity import Caller
from gateway.origins import Limits, Policy
from gateway.records import LiveBook, LiveSignIn
from gateway.token_bucket import Bucket

Header = tuple[str, str]


class Known(msgspec.Struct, eq=False):
    """A book session that was found alive, and what was made of it since.

    person_hash: what a log line says instead of the person. sign_in: that it is of; a guest's has none.
    lines: identity headers that were made for it. admitted: the policy by which it served, as far as its end.
    until: when it is to be looked at again, by the monotonic clock. ends: Unix seconds. origin: as interned.
    line_key, line_ring, line: the identity line that was said last, and by what; anew after each look.
    bucket, limits: the person's budget at the origin, and by which limits; None: it is to be found.
    """

    live: LiveBook
    caller: Caller
    person_hash: str
    lines: dict[tuple[str, str | None, str], "Line"] = msgspec.field(default_factory=dict)
    sign_in: LiveSignIn | None = None
    admitted: Policy | None = None
    until: float = float("-inf")
    ends: int = 0
    origin: str = ""
    is_guest: bool = False
    line_key: tuple[str, str | None, str] | None = None
    line_ring: object = None
    line: str = ""
    bucket: Bucket | None = None
    limits: Limits | None = None

    @property
    def person(self) -> str:
        return self.caller.person

    def __post_init__(self) -> None:
        self.ends, self.is_guest = self.live.record.ends, self.caller.is_guest
        self.origin = sys.intern(self.live.record.origin)
        above, key = self.live.parent, self.live.record.parent
        if above is not None and key is not None:
            self.sign_in = LiveSignIn(None, key, above)


class Line(msgspec.Struct, frozen=True, eq=False):
    """An identity header. made: Unix seconds. ring: the signing keys of then. text: the whole line."""

    made: float
    ring: object
    header: Header
    text: str


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
