"""What of two conversations must be the same, and what may differ: said here and nowhere else.

May differ: the value of `Date`; a request id that the client did not choose; of an assertion its signature,
its id and its times (two gateways sign two); the backend's own port; how an answer is cut into chunks; the
order of an answer's headers among different names, and the case of their names (RFC 9110 section 5.1); the
reason phrase, which nobody reads (RFC 9112 section 4). How a request is refused that is no HTTP, by aiohttp's
parser or by ours: only that it is, and that the connection ends. (aiohttp's forgets what it understood before
that in the same read: such a talk is held again byte by byte, and there the two must agree.) Whether it ended
already or will, after an answer that says so. Nothing else: what a backend receives is compared in order and
case too.
"""

import json
import re
from base64 import urlsafe_b64decode
from dataclasses import dataclass, replace
from operator import itemgetter

from tests.data_path.referee import Message
from tests.data_path.talk import Heard

_ID = re.compile(rb"[0-9a-f]{24}")
_TOKEN = re.compile(rb"[\w-]+\.([\w-]+)\.[\w-]+")
NO_HTTP = Message(b"400, and the connection ends", (), b"", complete=True)
_OF_A_SIGNING = ("iat", "exp", "jti", "nbf")


@dataclass(frozen=True)
class Seen:
    """One conversation, from both ends."""

    heard: Heard
    received: tuple[Message, ...]
    faults: tuple[str, ...]


def comparable(seen: Seen, port: int) -> Seen:
    """The same without what may differ. port: of the backend."""
    answers = tuple(_answer(one, port) for one in seen.heard.answers)
    heard = replace(seen.heard, answers=answers, closed=seen.heard.closed or _ends(answers))
    return replace(seen, heard=heard, received=tuple(_request(one, port) for one in seen.received))


def _ends(answers: tuple[Message, ...]) -> bool:
    return bool(answers) and (answers[-1] == NO_HTTP or b"connection: close" in answers[-1].fields)


def _answer(message: Message, port: int) -> Message:
    if message.first[9:12] == b"400" and (message.first[:8] != b"HTTP/1.1" or message.values(b"connection")):
        return NO_HTTP
    fields = sorted(
        ((*_split(field),) for field in message.fields),
        key=itemgetter(0),  # stable: lines of one name stay in their order
    )
    lines = tuple(name + b": " + _value(name, value, port) for name, value in fields)
    return Message(
        b" ".join(message.first.split(b" ")[:2]), lines, _body(message.body, port), message.complete
    )


def _request(message: Message, port: int) -> Message:
    lines = tuple(
        name + b": " + _value(name.lower(), value, port) for name, value in map(_parts, message.fields)
    )
    return Message(message.first, lines, message.body, message.complete)


def _parts(field: bytes) -> tuple[bytes, bytes]:
    name, _, value = field.partition(b":")
    return name, value.strip(b" \t")


def _split(field: bytes) -> tuple[bytes, bytes]:
    name, value = _parts(field)
    return name.lower(), value


def _value(low: bytes, value: bytes, port: int) -> bytes:
    if low == b"date":
        return b"now"
    if low == b"x-request-id" and _ID.fullmatch(value):
        return b"made"
    if low == b"traceparent" and value.endswith(b"-00"):
        return b"made"
    if low in {b"x-bookgate-assertion", b"authorization"}:
        return _TOKEN.sub(_claims, value)
    return value.replace(b":%d" % port, b":port")


def _claims(found: re.Match[bytes]) -> bytes:
    payload = found[1]
    claims = json.loads(urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))
    return json.dumps({key: claims[key] for key in sorted(claims) if key not in _OF_A_SIGNING}).encode()


def _body(body: bytes, port: int) -> bytes:
    """A refusal names its request's id."""
    return re.sub(rb'"request_id":"[0-9a-f]{24}"', b'"request_id":"made"', body)
