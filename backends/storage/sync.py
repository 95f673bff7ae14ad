"""What a device says when it syncs: its changes, and up to where it knows the shelf."""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from backends import moment
from backends.problem import InvalidJson, InvalidParameter, InvalidRequest, Problem, TooLarge
from backends.storage import media
from backends.storage.changes import Cursor
from backends.storage.conditions import Conditions
from backends.storage.items import Key, Kind, Mode
from backends.storage.writing import Delete, Put, Replay

MOST: Final = 100  # changes of one request
LARGEST_PAGE: Final = 500
MUTATION: Final = re.compile(r"[A-Za-z0-9._~:@/+=-]{1,200}")
LATEST: Final = 2**53


class InvalidChange(InvalidRequest):
    code = "invalid_change"
    title = "A change is not of the form that a sync takes."


@dataclass(frozen=True, slots=True)
class Change:
    """One change, with the id under which its device made it."""

    mutation: str
    write: Put | Delete

    @property
    def replay(self) -> Replay | None:
        return Replay.of(self.mutation, self.write)


@dataclass(frozen=True, slots=True)
class Refused:
    """A change that cannot be made. mutation: its id, as far as it could be read."""

    mutation: str | None
    problem: Problem


@dataclass(frozen=True, slots=True)
class Request:
    cursor: Cursor | None
    limit: int
    changes: Sequence[Change | Refused]


class _Change(msgspec.Struct, forbid_unknown_fields=True):
    mutation_id: str
    id: str
    op: Literal["put", "delete"] = "put"
    course: str | None = None
    base_rev: int = 0
    kind: Kind | None = None
    content_type: str = "application/json"
    body: str | None = None
    body_base64: str | None = None
    client_ts: str | None = None


class _Request(msgspec.Struct, forbid_unknown_fields=True):
    cursor: str | None = None
    limit: int = 200
    changes: tuple[msgspec.Raw, ...] = ()


def parse(content: bytes) -> Request:
    """The request; one change that is wrong is refused by itself. InvalidJson, InvalidParameter, TooLarge."""
    try:
        said = msgspec.json.decode(content, type=_Request)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidJson("The body is an object with cursor, limit and changes.") from error
    if len(said.changes) > MOST:
        raise TooLarge("A sync has at most so many changes.", members={"limit": MOST})
    if not 1 <= said.limit <= LARGEST_PAGE:
        raise InvalidParameter(f"limit is a number from 1 to {LARGEST_PAGE}.")
    cursor = None if said.cursor is None else Cursor.parse(said.cursor)
    return Request(cursor, said.limit, [_read(bytes(raw)) for raw in said.changes])


def _read(raw: bytes) -> Change | Refused:
    mutation = None
    try:
        said = msgspec.json.decode(raw, type=_Change)
        if MUTATION.fullmatch(said.mutation_id) is None:
            raise InvalidChange("mutation_id has the form of an Idempotency-Key.")
        mutation = said.mutation_id
        write = _write(said)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return Refused(mutation, InvalidChange(str(error)))
    except Problem as refused:
        return Refused(mutation, refused)
    return Change(mutation, write)


def _write(said: _Change) -> Put | Delete:
    key = Key.parse(said.id, said.course)
    if not 0 <= said.base_rev <= LATEST:
        raise InvalidChange("base_rev is the revision that the device began from, 0 if there was none.")
    conditions = Conditions(revision=said.base_rev)
    if said.op == "delete":
        if said.body is not None or said.body_base64 is not None:
            raise InvalidChange("A deletion has no body.")
        return Delete(key, Mode.SYNC, conditions)
    content = _body(said)
    media.check_type(said.content_type, said.kind)
    media.check_body(said.content_type, content)
    made = None if said.client_ts is None else moment.parse(said.client_ts)
    if said.client_ts is not None and made is None:
        raise InvalidChange("client_ts is a time of RFC 3339 that names its zone, such as Z.")
    return Put(key, content, said.content_type, said.kind, Mode.SYNC, conditions, made)


def _body(said: _Change) -> bytes:
    match said.body, said.body_base64:
        case str(text), None:
            return text.encode()
        case None, str(encoded):
            try:
                return base64.b64decode(encoded, validate=True)
            except binascii.Error as error:
                raise InvalidChange("body_base64 is not base64.") from error
        case _:
            raise InvalidChange("A change has either body or body_base64.")
