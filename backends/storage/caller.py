"""What every request to storage says: whose shelf it is about, and its Idempotency-Key."""

import hashlib
import re
from typing import Final

from aiohttp import web

from backends.problem import InvalidHeader
from backends.serving import ASSERTION
from backends.storage.items import Shelf
from backends.storage.writing import Replay

IDEMPOTENCY_KEY: Final = re.compile(r'"?([A-Za-z0-9._~:@/+=-]{1,200})"?')


def shelf(request: web.Request) -> Shelf:
    """The only place where a person and a book come from."""
    assertion = request[ASSERTION]
    return Shelf(assertion.sub, assertion.book, assertion.iat)


def replay(request: web.Request, content: bytes) -> Replay | None:
    """The Idempotency-Key, bound to the path and the body; None: there is none. Raises InvalidHeader."""
    key = idempotency_key(request)
    head = f"{request.method} {request.rel_url.raw_path_qs} {request.headers.get('Content-Type', '')}\n"
    return None if key is None else Replay(key, hashlib.sha256(head.encode() + content).hexdigest())


def idempotency_key(request: web.Request) -> str | None:
    """Raises InvalidHeader."""
    lines = request.headers.getall("Idempotency-Key", [])
    if not lines:
        return None
    key = IDEMPOTENCY_KEY.fullmatch(lines[0])
    if len(lines) > 1 or key is None:
        raise InvalidHeader("Idempotency-Key is one token of at most 200 characters.")
    return key[1]
