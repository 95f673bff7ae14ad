"""How storage shows what it keeps: items, versions and bodies as JSON."""

import base64
from datetime import UTC, datetime
from email.utils import format_datetime

import msgspec
from aiohttp import web

from backends import moment
from backends.storage.items import Item, Version


def item(item: Item) -> dict[str, object]:
    shown: dict[str, object] = {
        "id": item.id,
        "course": item.course,
        "kind": item.kind,
        "revision": item.revision,
        "etag": item.etag,
        "size": item.size,
        "content_type": item.content_type,
        "updated": moment.spell(item.updated),
    }
    return shown if item.deleted is None else shown | {"deleted": moment.spell(item.deleted)}


def version(version: Version) -> dict[str, object]:
    return {
        "revision": version.revision,
        "etag": version.etag,
        "role": version.role,
        "base": version.base,
        "size": version.size,
        "content_type": version.content_type,
        "saved": moment.spell(version.saved),
        "client_ts": None if version.client_ts is None else moment.spell(version.client_ts),
    }


def content(body: bytes) -> dict[str, object]:
    """A body inside of JSON: as text where it is any."""
    try:
        return {"body": body.decode()}
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(body).decode()}


def answer(value: object, status: int = 200) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(value), content_type="application/json")


def http_date(milliseconds: int) -> str:
    """RFC 9110 section 5.6.7, in whatever language the machine speaks."""
    return format_datetime(datetime.fromtimestamp(milliseconds / 1000, UTC), usegmt=True)
