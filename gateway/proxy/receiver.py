"""Whom a backend's answer is for."""

import asyncio
from typing import Protocol

from gateway.errors import GatewayError
from gateway.proxy.answer_head import AnswerHead
from gateway.routes import Address


class Receiver(Protocol):
    """Whom an answer is for. None of this is called from within `Upstream.call`, or after `cancel`.

    The last call is the one with `ended`, or `answer_failed`, or `switched`.
    """

    def answer_head(self, head: AnswerHead, data: bytes, ended: bool) -> None:  # ruff: ignore[boolean-type-hint-positional-argument]
        """data: of the body, what came along with the head; without chunked framing. ended: that is all."""

    def answer_data(self, data: bytes, ended: bool) -> None:  # ruff: ignore[boolean-type-hint-positional-argument]
        """More of the body; empty only where it ended."""

    def answer_failed(self, error: GatewayError) -> None:
        """There is no answer, or no rest of it."""

    def upload_paused(self) -> None:
        """Send no more: the backend does not read."""

    def upload_resumed(self) -> None: ...

    def switched(self, head: AnswerHead, transport: asyncio.Transport, rest: bytes) -> None:
        """101 to a call with `switches`: the connection is the receiver's. rest: what came after the head."""


class Nobody:
    """For whom the answer to a call is that is over."""

    def answer_head(self, head: AnswerHead, data: bytes, ended: bool) -> None: ...  # ruff: ignore[boolean-type-hint-positional-argument]
    def answer_data(self, data: bytes, ended: bool) -> None: ...  # ruff: ignore[boolean-type-hint-positional-argument]
    def answer_failed(self, error: GatewayError) -> None: ...
    def upload_paused(self) -> None: ...
    def upload_resumed(self) -> None: ...
    def switched(self, head: AnswerHead, transport: asyncio.Transport, rest: bytes) -> None: ...


def no_head(_: Address) -> bytes:
    """Of nobody's request."""
    return b""
