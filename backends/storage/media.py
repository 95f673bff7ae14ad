"""Which content types items may have."""

import re
from typing import Final

import orjson

from backends.problem import InvalidJson, UnsupportedType

# text/html and its like are text to storage; what a browser makes of them is settled by the answer's headers.
KEPT: Final = re.compile(r"application/json|application/[a-z0-9.-]+\+json|text/[a-z0-9.+-]+")
JSON: Final = re.compile(r"application/(?:json|[a-z0-9.-]+\+json)")


def is_json(content_type: str) -> bool:
    return JSON.fullmatch(_bare(content_type)) is not None


def check_type(content_type: str) -> None:
    """Whether an item may be of that type; raises UnsupportedType."""
    if KEPT.fullmatch(_bare(content_type)) is None:
        raise UnsupportedType("Items are JSON or text.")
    if len(content_type) > 200 or not content_type.isascii() or not content_type.isprintable():
        raise UnsupportedType("A content type has at most 200 printable characters.")


def check_body(content_type: str, body: bytes) -> None:
    """Whether the body is what its type says; raises InvalidJson."""
    if is_json(content_type):
        try:
            orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise InvalidJson from error


def _bare(content_type: str) -> str:
    """Without parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()
