"""Who a request is made as, as the data path keeps them for some seconds."""

import msgspec

from gateway.identity import Caller
from gateway.origins import Policy
from gateway.records import LiveBook, LiveSignIn

Header = tuple[str, str]


class Known(msgspec.Struct, eq=False):
    """A book session that was found alive, and what was made of it since.

    person_hash: what a log line says instead of the person. sign_in: that it is of; a guest's has none.
    lines: identity headers that were made for it. admitted: the policy by which it served, as far as its end.
    told: until when its sign-in need not be told that it is alive, Unix seconds.
    """

    live: LiveBook
    caller: Caller
    person_hash: str
    lines: dict[tuple[str, str | None, str], "Line"] = msgspec.field(default_factory=dict)
    sign_in: LiveSignIn | None = None
    admitted: Policy | None = None
    told: float = 0.0

    def __post_init__(self) -> None:
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
    book = live.record
    return Caller(
        live.key,
        book.person,
        book.name,
        book.provider,
        book.origin,
        book.auth_time,
        is_guest=book.is_guest,
    )
