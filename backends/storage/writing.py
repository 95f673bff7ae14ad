"""Writes, each one unit of work on a connection: all of it happens, or nothing does."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import msgspec
from sqlalchemy import Connection

from backends.problem import NotFound, TooLarge
from backends.storage import progress, statements, thinning
from backends.storage.conditions import Conditions, Judgement, judge_write
from backends.storage.items import DAY, LARGEST, Item, Key, Kind, Mode, Role, Shelf, digest
from backends.storage.outcomes import (
    Deleted,
    Gone,
    KeyReused,
    KindDiffers,
    Lost,
    Outcome,
    PreconditionRequired,
    Stored,
)
from backends.storage.reading import find_item
from backends.storage.room import Room, drop_version

REPLAYED_FOR: Final = 30 * DAY * 1000
OUTCOMES: Final[msgspec.json.Decoder[Outcome]] = msgspec.json.Decoder(Outcome)


@dataclass(frozen=True, slots=True)
class Replay:
    """An Idempotency-Key, and a hash of all that makes its request the same one."""

    key: str
    request: str

    @classmethod
    def of(cls, key: str | None, change: "Put | Delete") -> "Replay | None":
        """Of a change, however it comes: one that waited is sent again by itself or in a sync.

        Preconditions are left out: a device that tries again may know a newer revision by now.
        """
        if key is None:
            return None
        content = (change.content_type, change.body) if isinstance(change, Put) else ("", b"")
        head = "\n".join((type(change).__name__, change.key.course, change.key.id, content[0], ""))
        return cls(key, hashlib.sha256(head.encode() + content[1]).hexdigest())


@dataclass(frozen=True, slots=True)
class Put:
    key: Key
    body: bytes
    content_type: str
    kind: Kind | None  # None: as it is; of a new item: program, where both sides of a conflict are kept
    mode: Mode
    conditions: Conditions
    client_ts: int | None = None  # when the writer's device says that it was made, in milliseconds


@dataclass(frozen=True, slots=True)
class Delete:
    key: Key
    mode: Mode
    conditions: Conditions


class Writing:
    """One write to one shelf at one time."""

    def __init__(self, connection: Connection, shelf: Shelf, now: int) -> None:
        self._connection = connection
        self.shelf = shelf
        self._scope = statements.scope(shelf)
        self._now = now

    def once(self, replay: Replay | None, work: Callable[["Writing"], Outcome]) -> Outcome:
        """The work's outcome, or the first one under the same Idempotency-Key. Refusals are not kept."""
        if replay is None:
            return work(self)
        names = self._scope | {"the_key": replay.key}
        before = self._connection.execute(statements.REPLAY, names).one_or_none()
        if before is not None and before.created > self._now - REPLAYED_FOR:
            if before.request != replay.request:
                raise KeyReused
            return OUTCOMES.decode(before.outcome)
        self._connection.execute(statements.REMOVE_REPLAY, names)
        outcome = work(self)
        kept = {
            "new_request": replay.request,
            "new_outcome": msgspec.json.encode(outcome),
            "new_created": self._now,
        }
        self._connection.execute(statements.ADD_REPLAY, names | kept)
        return outcome

    def put(self, put: Put) -> Outcome:
        item = find_item(self._connection, self.shelf, put.key)
        kind = _kind(put, item)
        if len(put.body) > LARGEST[kind]:
            raise TooLarge(members={"limit": LARGEST[kind]})
        match judge_write(put.conditions, None if item is None else item.etag, put.mode):
            case Judgement.REQUIRED:
                raise PreconditionRequired
            case Judgement.FAILED if put.mode is Mode.SYNC:
                return self._meet(put, item, kind)
            case Judgement.FAILED:
                return self._lose(put, item, kind)
            case Judgement.GO:
                return self._store(put, item, kind)

    def delete(self, delete: Delete) -> Outcome:
        item = find_item(self._connection, self.shelf, delete.key)
        if delete.mode is Mode.SYNC and (item is None or not item.is_live):
            return Deleted()
        if item is None or item.revision == 0:
            raise NotFound
        if item.deleted is not None:
            raise Gone
        match judge_write(delete.conditions, item.etag, delete.mode):
            case Judgement.REQUIRED:
                raise PreconditionRequired
            case Judgement.FAILED:
                return Lost(item.etag, None)
            case Judgement.GO:
                revision = item.last_revision + 1
                room = Room(self._connection, self.shelf)
                tombstone = replace(
                    item,
                    revision=revision,
                    last_revision=revision,
                    updated=self._now,
                    deleted=self._now,
                    changed=room.change(),
                )
                self._connection.execute(statements.CHANGE_ITEM, statements.item_row(self.shelf, tombstone))
                room.settle()
                return Deleted()

    def tell(self, key: Key) -> None:
        """The item counts as changed, though it is as it was: a device that lost may have read past it."""
        room = Room(self._connection, self.shelf)
        names = statements.item_scope(self.shelf, key)
        self._connection.execute(statements.TELL, names | {"new_changed": room.change()})
        room.settle()

    def purge(self, item: Item) -> None:
        """Nothing of the item is left."""
        names = statements.item_scope(self.shelf, Key(item.course, item.id))
        count, size = self._connection.execute(statements.SIZE_OF_VERSIONS, names).one()
        self._connection.execute(statements.REMOVE_VERSIONS, names)
        self._connection.execute(statements.REMOVE_ITEM, names)
        room = Room(self._connection, self.shelf)
        room.give_back(size, count)
        room.lose_sight(item.changed)
        room.settle()

    def _meet(self, put: Put, item: Item | None, kind: Kind) -> Outcome:
        """A device wrote without knowing what is there: the kind says what becomes of both."""
        if kind is Kind.ANSWER:
            return self._store(put, item, kind)  # the last one stands, and every attempt is kept
        if kind is not Kind.PROGRESS or item is None or not item.is_live:
            return self._lose(put, item, kind)
        names = statements.item_scope(self.shelf, put.key)
        united = progress.union(
            bytes(self._connection.execute(statements.CURRENT, names).one().body), put.body
        )
        if len(united) > LARGEST[kind]:
            return self._lose(put, item, kind)
        if (digest(united), put.content_type) == (item.digest, item.content_type):
            return Stored(created=False, etag=item.etag or "", united=True)
        return msgspec.structs.replace(self._store(replace(put, body=united), item, kind), united=True)

    def _store(self, put: Put, item: Item | None, kind: Kind) -> Stored:
        revision = 1 if item is None else item.last_revision + 1
        is_attempt = put.mode is Mode.APPEND or kind is Kind.ANSWER
        base = item.revision if item is not None and item.is_live else None
        room = Room(self._connection, self.shelf)
        room.take(len(put.body))
        self._add_version(put, revision, Role.ATTEMPT if is_attempt else Role.MAIN, base)
        new = self._item(put, kind, revision, room.change())
        self._connection.execute(
            statements.ADD_ITEM if item is None else statements.CHANGE_ITEM,
            statements.item_row(self.shelf, new),
        )
        self._thin(put.key, room)
        room.settle()
        return Stored(created=item is None or not item.is_live, etag=new.etag or "")

    def _lose(self, put: Put, item: Item | None, kind: Kind) -> Outcome:
        """Keeps the body beside what is there, unless it is there already."""
        content = digest(put.body)
        if (
            item is not None
            and item.is_live
            and (content, put.content_type) == (item.digest, item.content_type)
        ):
            # RFC 9110 section 13.1.1: a change that appears to have been made already may be a success.
            # If-None-Match may not (section 13.1.2), but there is nothing to keep either.
            absent = put.conditions.none_match is not None and put.conditions.match is None
            return Lost(item.etag, None) if absent else Stored(False, item.etag or "")
        return Lost(None if item is None else item.etag, self._branch(put, item, kind))

    def _branch(self, put: Put, item: Item | None, kind: Kind) -> int:
        names = {"the_digest": digest(put.body), "the_content_type": put.content_type}
        same = self._connection.execute(
            statements.SAME_BRANCH, statements.item_scope(self.shelf, put.key) | names
        ).scalar()
        if same is not None:
            return int(same)
        revision = 1 if item is None else item.last_revision + 1
        room = Room(self._connection, self.shelf)
        room.take(len(put.body))
        changed = room.change()
        room.settle()
        self._add_version(put, revision, Role.BRANCH, put.conditions.base)
        if item is None:
            never = replace(self._item(put, kind, revision, changed), revision=0, digest="", size=0)
            self._connection.execute(statements.ADD_ITEM, statements.item_row(self.shelf, never))
        else:
            counted = statements.item_scope(self.shelf, put.key) | {"new_last_revision": revision}
            self._connection.execute(statements.COUNT_REVISION, counted)
        return revision

    def _item(self, put: Put, kind: Kind, revision: int, changed: int) -> Item:
        """The item, if this write becomes its content."""
        return Item(
            course=put.key.course,
            id=put.key.id,
            kind=kind,
            revision=revision,
            last_revision=revision,
            digest=digest(put.body),
            size=len(put.body),
            content_type=put.content_type,
            updated=self._now,
            deleted=None,
            changed=changed,
        )

    def _add_version(self, put: Put, revision: int, role: Role, base: int | None) -> None:
        new = {
            "new_revision": revision,
            "new_role": role.value,
            "new_base": base,
            "new_digest": digest(put.body),
            "new_size": len(put.body),
            "new_content_type": put.content_type,
            "new_saved": self._now,
            "new_client_ts": put.client_ts,
            "new_came_from": None,
            "new_body": put.body,
        }
        self._connection.execute(statements.ADD_VERSION, statements.item_scope(self.shelf, put.key) | new)

    def _thin(self, key: Key, room: Room) -> None:
        history = self._connection.execute(statements.HISTORY, statements.item_scope(self.shelf, key)).all()
        if len(history) > thinning.KEPT:
            row = history[thinning.victim([version.saved for version in history], self._now)]
            drop_version(self._connection, self._scope, key.course, key.id, row.revision)
            room.give_back(row.size)


def _kind(put: Put, item: Item | None) -> Kind:
    if item is None or not item.is_live:
        return put.kind or Kind.PROGRAM
    if put.kind not in {None, item.kind}:
        raise KindDiffers(f"It is of kind {item.kind}.")
    return item.kind
