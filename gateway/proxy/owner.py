"""Who gives a call to a backend its place and its connection, and is told when it is over."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from gateway.proxy.connection import Connection
from gateway.proxy.outbox import Outbox
from gateway.routes import Timeouts

Called = TypeVar("Called", contravariant=True)  # ruff: ignore[type-name-incorrect-variance]


class Owner(Protocol[Called]):
    """The backend that is asked."""

    timeouts: Timeouts
    outbox: Outbox
    clock: Callable[[], float]
    urls: int  # how many there are to choose from

    def start(self, call: Called) -> None:
        """Choose a URL for it, and give it a connection."""

    def let_go(self, index: int, well: bool | None) -> None:  # ruff: ignore[boolean-type-hint-positional-argument]
        """This URL has a call less. well: whether it is to be trusted with more; None: nobody knows."""

    def over(self, call: Called, kept: Connection | None, well: bool | None) -> None:  # ruff: ignore[boolean-type-hint-positional-argument]
        """It is over, and its URL let go. kept: the connection, where another call may follow on it."""

    def leave_queue(self, call: Called) -> None:
        """It is over, and waits for a place no more."""

    def whole(self, call: Called) -> None:
        """It waits for a place, and its body is there."""

    def uploaded(self) -> None:
        """All of a call's body is there."""

    def leave_bulkhead(self, *, uploads: bool) -> None:
        """uploads: its body is still to come."""
