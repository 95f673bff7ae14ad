"""The head of an answer as the reader gets it: what is kept of a backend's, and what every answer carries."""

from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

from gateway.proxy.answer import Answer

Headers = tuple[tuple[str, str], ...]

_NEVER_WITH_LENGTH: Final = frozenset({204})  # RFC 9110 section 8.6


class AnswerBytes:
    """secure: whether the public URL is HTTPS. clock: Unix seconds."""

    def __init__(self, *, secure: bool, clock: Callable[[], float]) -> None:
        self._always = "Server: bookgate\r\n"
        if secure:
            self._always += "Strict-Transport-Security: max-age=31536000\r\n"
        self._clock = clock
        self._second = -1
        self._date = ""

    def head(self, made: Answer, ours: Headers, request_id: str, *, bodiless: bool, close: bool) -> bytes:
        """ours: replaces all of these names. bodiless: no body comes, whatever the head says."""
        names = {name.lower() for name, _ in ours}
        found = [(name, value) for name, value in made.headers if name.lower() not in names]
        said = {name.lower() for name, _ in found}
        lines = [f"HTTP/1.1 {made.status} {_phrase(made.status)}"]
        lines += [f"{name}: {value}" for name, value in (*found, *ours)]
        if "date" not in said:
            lines.append(self._date_line())
        if "content-type" not in said and not bodiless and made.length != 0:
            lines.append("Content-Type: application/octet-stream")  # RFC 9110 section 8.3
        if made.length is not None and made.status not in _NEVER_WITH_LENGTH:
            lines.append(f"Content-Length: {made.length}")
        elif made.length is None and not bodiless:
            lines.append("Transfer-Encoding: chunked")
        if close:
            lines.append("Connection: close")
        text = "\r\n".join(lines)
        return f"{text}\r\n{self._always}X-Request-Id: {request_id}\r\n\r\n".encode()

    def _date_line(self) -> str:
        now = int(self._clock())
        if now != self._second:
            self._second, self._date = now, f"Date: {formatdate(now, usegmt=True)}"
        return self._date


def _phrase(status: int) -> str:
    return _PHRASES.get(status, "")


_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}
