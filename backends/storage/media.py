"""Which content types items may have, and how they are served."""

import re
from collections.abc import Mapping
from typing import Final

import orjson

from backends.problem import InvalidJson, UnsupportedType
from backends.storage.items import Kind

# text/html and its like are text to storage; what a browser makes of them is settled by the answer's headers.
TEXT: Final = re.compile(r"application/json|application/[a-z0-9.-]+\+json|text/[a-z0-9.+-]+")
JSON: Final = re.compile(r"application/(?:json|[a-z0-9.-]+\+json)")
ANY: Final = re.compile(r"(?:[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/?){2}(?<!/)")  # RFC 6838 section 4.2

# What a browser shows by itself and runs nothing of. SVG and PDF are documents with scripts.
HARMLESS: Final = frozenset(
    {"application/json", "text/plain", "text/csv"}
    | {f"image/{name}" for name in ("avif", "gif", "jpeg", "png", "webp")}
    | {f"audio/{name}" for name in ("mp4", "mpeg", "ogg", "wav", "webm")}
    | {f"video/{name}" for name in ("mp4", "ogg", "webm")}
)


def is_json(content_type: str) -> bool:
    return JSON.fullmatch(_bare(content_type)) is not None


def check_type(content_type: str, kind: Kind | None) -> None:
    """Whether an item may be of that type; raises UnsupportedType."""
    if len(content_type) > 200 or not content_type.isascii() or not content_type.isprintable():
        raise UnsupportedType("A content type has at most 200 printable characters.")
    bare = _bare(content_type)
    if kind is Kind.ATTACHMENT:
        if ANY.fullmatch(bare) is None or bare.count("/") != 1:
            raise UnsupportedType("An attachment says what it is, such as image/png.")
    elif TEXT.fullmatch(bare) is None:
        raise UnsupportedType("Items are JSON or text; all else is of kind attachment.")


def check_body(content_type: str, body: bytes) -> None:
    """Whether the body is what its type says; raises InvalidJson."""
    if is_json(content_type):
        try:
            orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise InvalidJson from error


def headers(content_type: str, kind: Kind) -> Mapping[str, str]:
    """With what a body is served. Of an attachment a browser runs nothing, wherever a page embeds it.

    Scripts and styles need a type of their own where sniffing is off (Fetch, "should response to request be
    blocked due to nosniff"), and a document that is saved is not opened.
    """
    bare = _bare(content_type)
    if bare in HARMLESS or (kind is not Kind.ATTACHMENT and TEXT.fullmatch(bare)):
        return {"Content-Type": content_type}
    return {"Content-Type": "application/octet-stream", "Content-Disposition": "attachment"}


def _bare(content_type: str) -> str:
    """Without parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()
