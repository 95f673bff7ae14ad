"""The connection that a request came on, and what it is busy with, as they see each other."""

from collections.abc import Callable
from typing import Protocol


class Client(Protocol):
    """The connection that a request came on."""

    peer: str | None
    full: bool  # it takes nothing at the moment

    @property
    def closing(self) -> bool:
        """Whether this request is its last."""

    @property
    def undelivered(self) -> int:
        """Bytes that were written and did not arrive yet."""

    def write(self, data: bytes) -> None: ...
    def write_whole(self, answer: bytes) -> None:
        """The last of an exchange, with its head."""

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def abort(self) -> None: ...
    def reset(self) -> None:
        """The same to a client that does not read."""

    def done(self, *, keep: bool, left: int | None, hears_end: Callable[[bytes], bool] | None = None) -> None:
        """The exchange is over. left: bytes of its body that did not come; None: nobody knows.

        hears_end: told what still comes, whether that is all.
        """

    def go_on(self, work: "Work", held: bytes) -> None:
        """What was asked about is forwarded. held: what came of its body."""

    def hand_over(self, data: bytes, length: int | None) -> None:
        """The request is aiohttp's. length: of head and body; None: nobody knows."""


class Work(Protocol):
    """What a connection is busy with."""

    takes_body: bool

    def received(self, data: bytes) -> bytes:
        """Bytes of the body; what is left of them is behind it."""

    def client_gone(self) -> None: ...
    def client_full(self) -> None: ...
    def client_drained(self) -> None: ...
    def look(self, now: float) -> None:
        """Called every half second. now: in the loop's time."""
