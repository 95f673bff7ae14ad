"""The head of an answer as the reader gets it: what is kept of a backend's, and what every answer carries."""

from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

from gateway.cors import Surface, Verdict, actual_headers
from gateway.origins import Policy
from gateway.proxy.answer import Answer
from gateway.proxy.answer_head import DATE, EVENTS, TYPE, VARY

Headers = tuple[tuple[str, str], ...]

_LENGTHLESS: Final = frozenset({204, 304})  # RFC 9110 section 8.6: never, and only what a 200 would have
_DATED: Final = 1 << DATE
_TYPED: Final = 1 << TYPE | 1 << EVENTS
_MEMO: Final = 1024  # origins and what else our lines depend on
_SHORT: Final = 4096  # bytes of them that are remembered
_LINES: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}


class AnswerBytes:
    """secure: whether the public URL is HTTPS. clock: Unix seconds."""

    def __init__(self, *, secure: bool, clock: Callable[[], float]) -> None:
        self._always = "Server: bookgate\r\n"
        if secure:
            self._always += "Strict-Transport-Security: max-age=31536000\r\n"
        self._clock = clock
        self._second = -1
        self._date = b""
        self._ours: dict[tuple[object, ...], tuple[Policy | None, bytes]] = {}

    def head(
        self, made: Answer, verdict: Verdict, request_id: str, *, embed: bool, bodiless: bool, close: bool
    ) -> bytes:
        """embed: the route's. bodiless: no body comes, whatever the head says."""
        status, length = made.status, made.length
        parts = [_LINES.get(status) or f"HTTP/1.1 {status} \r\n".encode()]
        vary: tuple[str, ...] = ()
        said = 0
        for line in made.lines:
            kind = line.kind
            if kind == VARY:
                vary = (*vary, line.value)
            else:
                said |= 1 << kind
                parts.append(line.out)
        found = self._ours.get((verdict.origin, made.ours, vary, embed))
        if found is None or found[0] is not verdict.policy:
            parts.append(self._block(verdict, made.ours, vary, embed=embed))
        else:
            parts.append(found[1])
        if not said & _DATED:
            parts.append(self._date_line())
        if not said & _TYPED and not bodiless and length != 0 and not _is_typed(made.ours):
            parts.append(b"Content-Type: application/octet-stream\r\n")  # RFC 9110 section 8.3
        framing = ""
        if length is not None:
            framing = "" if status in _LENGTHLESS else f"Content-Length: {length}\r\n"
        elif not bodiless:
            framing = "Transfer-Encoding: chunked\r\n"
        closing = "Connection: close\r\n" if close else ""
        parts.append(f"{framing}{closing}X-Request-Id: {request_id}\r\n\r\n".encode())
        return b"".join(parts)

    def _block(self, verdict: Verdict, ours: Headers, vary: tuple[str, ...], *, embed: bool) -> bytes:
        """The lines that are the same for all answers of this kind to an origin."""
        said = (*ours, *actual_headers(verdict, Surface.PROXIED, vary, embed=embed))
        block = ("".join([f"{name}: {value}\r\n" for name, value in said]) + self._always).encode()
        if len(block) <= _SHORT:
            if len(self._ours) >= _MEMO:
                self._ours.clear()
            self._ours[verdict.origin, ours, vary, embed] = (verdict.policy, block)
        return block

    def _date_line(self) -> bytes:
        now = int(self._clock())
        if now != self._second:
            self._second, self._date = now, f"Date: {formatdate(now, usegmt=True)}\r\n".encode()
        return self._date


def _is_typed(ours: Headers) -> bool:
    return any(name == "Content-Type" for name, _ in ours)
