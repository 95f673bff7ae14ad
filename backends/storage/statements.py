"""Every statement that storage runs, built once. Each one binds the person, or is in schema.ACROSS_PEOPLE.

Bound names: `own_person` and `own_book` come from the assertion and from nowhere else.
"""

from sqlalchemy import (
    ColumnElement,
    Table,
    and_,
    bindparam,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from backends.storage.items import Item, Key, Kind, Role, Shelf
from backends.storage.schema import items, merges, replays, shelves, versions


def scope(shelf: Shelf) -> dict[str, object]:
    """The parameters that every statement here needs."""
    return {"own_person": shelf.person, "own_book": shelf.book}


def item_scope(shelf: Shelf, key: Key) -> dict[str, object]:
    """The same for those about one item."""
    return scope(shelf) | {"the_course": key.course, "the_item": key.id}


def item_row(shelf: Shelf, item: Item) -> dict[str, object]:
    """An item as ADD_ITEM and CHANGE_ITEM write it."""
    new = {
        "new_kind": item.kind.value,
        "new_revision": item.revision,
        "new_last_revision": item.last_revision,
        "new_digest": item.digest,
        "new_size": item.size,
        "new_content_type": item.content_type,
        "new_updated": item.updated,
        "new_deleted": item.deleted,
        "new_changed": item.changed,
    }
    return item_scope(shelf, Key(item.course, item.id)) | new


def _own(table: Table) -> ColumnElement[bool]:
    return and_(table.c.person == bindparam("own_person"), table.c.book == bindparam("own_book"))


def _the_item() -> ColumnElement[bool]:
    return and_(_own(items), items.c.course == bindparam("the_course"), items.c.id == bindparam("the_item"))


def _its_versions() -> ColumnElement[bool]:
    return and_(
        _own(versions),
        versions.c.course == bindparam("the_course"),
        versions.c.item == bindparam("the_item"),
    )


def _new(table: Table, **names: str) -> dict[str, ColumnElement[object]]:
    """Values of an insert: the scope, and one parameter a column (named as the column unless said)."""
    own = {"person": "own_person", "book": "own_book"}
    return {
        column.name: bindparam((own | names).get(column.name, f"new_{column.name}")) for column in table.c
    }


ITEM = select(items).where(_the_item())
CURRENT = (
    select(items, versions.c.body)
    .select_from(items)
    .outerjoin(
        versions,
        and_(
            _own(versions),
            versions.c.course == items.c.course,
            versions.c.item == items.c.id,
            versions.c.revision == items.c.revision,
        ),
    )
    .where(_the_item())
)
# Tombstones are listed only to those who ask what changed since a time.
LIST = (
    select(items)
    .where(
        _own(items),
        items.c.course == bindparam("the_course"),
        items.c.id > bindparam("after"),
        items.c.id >= bindparam("prefix"),
        items.c.id < bindparam("prefix_end"),
        or_(literal(1) == bindparam("any_kind"), items.c.kind == bindparam("kind")),
        items.c.updated >= bindparam("since"),
        items.c.revision > 0,
        or_(literal(1) == bindparam("with_deleted"), items.c.deleted.is_(None)),
    )
    .order_by(items.c.id)
    .limit(bindparam("at_most"))
)
# What changed on a shelf, in that order, tombstones too.
CHANGES = (
    select(items)
    .where(_own(items), items.c.changed > bindparam("after"), items.c.revision > 0)
    .order_by(items.c.changed)
    .limit(bindparam("at_most"))
)
# Every item of a course whose id begins with a prefix, with its content.
CONTENTS = (
    select(items.c.id, items.c.updated, versions.c.body)
    .select_from(items)
    .join(
        versions,
        and_(
            _own(versions),
            versions.c.course == items.c.course,
            versions.c.item == items.c.id,
            versions.c.revision == items.c.revision,
        ),
    )
    .where(
        _own(items),
        items.c.course == bindparam("the_course"),
        items.c.id >= bindparam("prefix"),
        items.c.id < bindparam("prefix_end"),
        items.c.deleted.is_(None),
    )
    .order_by(items.c.id)
    .limit(bindparam("at_most"))
)
# The course in which an item of this id was written last, for those who do not know it.
LATEST_COURSE = (
    select(items.c.course)
    .where(_own(items), items.c.id == bindparam("the_item"), items.c.deleted.is_(None))
    .order_by(items.c.updated.desc())
    .limit(1)
)
ADD_ITEM = insert(items).values(_new(items, course="the_course", id="the_item"))
CHANGE_ITEM = (
    update(items)
    .where(_the_item())
    .values(
        kind=bindparam("new_kind"),
        revision=bindparam("new_revision"),
        last_revision=bindparam("new_last_revision"),
        digest=bindparam("new_digest"),
        size=bindparam("new_size"),
        content_type=bindparam("new_content_type"),
        updated=bindparam("new_updated"),
        deleted=bindparam("new_deleted"),
        changed=bindparam("new_changed"),
    )
)
COUNT_REVISION = update(items).where(_the_item()).values(last_revision=bindparam("new_last_revision"))
TELL = update(items).where(_the_item()).values(changed=bindparam("new_changed"))
REMOVE_ITEM = delete(items).where(_the_item())

_WITHOUT_BODY = [column for column in versions.c if column.name != "body"]
ADD_VERSION = insert(versions).values(_new(versions, course="the_course", item="the_item"))
VERSION = select(versions).where(_its_versions(), versions.c.revision == bindparam("the_revision"))
VERSIONS = (
    select(*_WITHOUT_BODY)
    .where(_its_versions(), versions.c.revision < bindparam("before"))
    .order_by(versions.c.revision.desc())
    .limit(bindparam("at_most"))
)
BODIES = (
    select(versions.c.saved, versions.c.body)
    .where(_its_versions())
    .order_by(versions.c.saved.desc(), versions.c.revision.desc())
    .limit(bindparam("at_most"))
)
ATTEMPTS = (
    select(*_WITHOUT_BODY)
    .where(
        _own(versions),
        versions.c.course == bindparam("the_course"),
        or_(literal(1) == bindparam("any_item"), versions.c.item == bindparam("the_item")),
        or_(
            versions.c.item > bindparam("after_item"),
            and_(
                versions.c.item == bindparam("after_item"), versions.c.revision > bindparam("after_revision")
            ),
        ),
        versions.c.role == Role.ATTEMPT.value,
        versions.c.saved >= bindparam("since"),
    )
    .order_by(versions.c.item, versions.c.revision)
    .limit(bindparam("at_most"))
)
SAME_BRANCH = select(versions.c.revision).where(
    _its_versions(),
    versions.c.role == Role.BRANCH.value,
    versions.c.digest == bindparam("the_digest"),
    versions.c.content_type == bindparam("the_content_type"),
)
HISTORY = (
    select(versions.c.revision, versions.c.size, versions.c.saved)
    .where(_its_versions(), versions.c.role == Role.MAIN.value)
    .order_by(versions.c.revision)
)
# What can go first when a shelf is full: contents that were replaced by newer ones.
SUPERSEDED = (
    select(versions.c.course, versions.c.item, versions.c.revision, versions.c.size)
    .join(
        items,
        and_(_own(items), items.c.course == versions.c.course, items.c.id == versions.c.item),
    )
    .where(
        _own(versions),
        versions.c.role == Role.MAIN.value,
        or_(versions.c.revision != items.c.revision, items.c.deleted.is_not(None)),
    )
    .order_by(versions.c.saved)
    .limit(bindparam("at_most"))
)
REMOVE_VERSION = delete(versions).where(_its_versions(), versions.c.revision == bindparam("the_revision"))
SIZE_OF_VERSIONS = select(func.count(), func.coalesce(func.sum(versions.c.size), 0)).where(_its_versions())
REMOVE_VERSIONS = delete(versions).where(_its_versions())

SHELF = select(shelves).where(_own(shelves))
ADD_SHELF = insert(shelves).values(_new(shelves))
CHANGE_SHELF = (
    update(shelves)
    .where(_own(shelves))
    .values(
        bytes=bindparam("new_bytes"),
        versions=bindparam("new_versions"),
        sequence=bindparam("new_sequence"),
        horizon=bindparam("new_horizon"),
    )
)
COUNT_ITEMS = (
    select(func.count())
    .select_from(items)
    .where(_own(items), items.c.revision > 0, items.c.deleted.is_(None))
)

REPLAY = select(replays.c.request, replays.c.outcome, replays.c.created).where(
    _own(replays), replays.c.key == bindparam("the_key")
)
ADD_REPLAY = insert(replays).values(_new(replays, key="the_key"))
REMOVE_REPLAY = delete(replays).where(_own(replays), replays.c.key == bindparam("the_key"))

# -- what a teacher sees of one student

ANSWERS = (
    select(items.c.course, items.c.id, items.c.updated, versions.c.body)
    .select_from(items)
    .join(
        versions,
        and_(
            _own(versions),
            versions.c.course == items.c.course,
            versions.c.item == items.c.id,
            versions.c.revision == items.c.revision,
        ),
    )
    .where(_own(items), items.c.kind == Kind.ANSWER.value, items.c.deleted.is_(None))
)
PROGRAMS = select(items.c.course, items.c.id, items.c.updated).where(
    _own(items),
    items.c.kind.in_([Kind.PROGRAM.value, Kind.NOTEBOOK.value]),
    items.c.revision > 0,
    items.c.deleted.is_(None),
)
# How often each item was saved: what lost a conflict was saved too.
ATTEMPTED = (
    select(versions.c.course, versions.c.item, func.count().label("attempts"))
    .where(_own(versions))
    .group_by(versions.c.course, versions.c.item)
)

# -- two people become one

MERGED = select(merges).where(_own(merges))
ADD_MERGE = insert(merges).values(_new(merges))
ALL_ITEMS = select(items).where(_own(items)).order_by(items.c.course, items.c.id)
ALL_VERSIONS = select(versions).where(_its_versions()).order_by(versions.c.revision)
ALL_REPLAYS = select(replays).where(_own(replays))
SET_ROLE = (
    update(versions)
    .where(_its_versions(), versions.c.revision == bindparam("the_revision"))
    .values(role=bindparam("new_role"))
)
LOSERS_OF = select(merges.c.person).where(
    merges.c.survivor == bindparam("own_person"), merges.c.book == bindparam("own_book")
)
KEPT_LOSERS = (
    select(merges.c.person, merges.c.book)
    .where(merges.c.emptied.is_(None), merges.c.merged < bindparam("before"))
    .limit(bindparam("at_most"))
)
EMPTY_ITEMS = delete(items).where(_own(items))
EMPTY_VERSIONS = delete(versions).where(_own(versions))
EMPTY_REPLAYS = delete(replays).where(_own(replays))
EMPTY_SHELF = delete(shelves).where(_own(shelves))
REMOVE_MERGE = delete(merges).where(_own(merges))
SET_EMPTIED = update(merges).where(_own(merges)).values(emptied=bindparam("new_emptied"))

# -- a book is called something else

READERS = (
    select(shelves.c.person)
    .where(shelves.c.book == bindparam("the_book"), shelves.c.person > bindparam("after"))
    .order_by(shelves.c.person)
    .limit(bindparam("at_most"))
)
MERGED_IN = (
    select(merges.c.person)
    .where(merges.c.book == bindparam("the_book"), merges.c.person > bindparam("after"))
    .order_by(merges.c.person)
    .limit(bindparam("at_most"))
)
RENAME_ITEMS = update(items).where(_own(items)).values(book=bindparam("new_book"))
RENAME_VERSIONS = update(versions).where(_own(versions)).values(book=bindparam("new_book"))
RENAME_REPLAYS = update(replays).where(_own(replays)).values(book=bindparam("new_book"))
RENAME_SHELF = update(shelves).where(_own(shelves)).values(book=bindparam("new_book"))
RENAME_MERGE = update(merges).where(_own(merges)).values(book=bindparam("new_book"))

EXPIRED_TOMBSTONES = (
    select(items.c.person, items.c.book, items.c.course, items.c.id)
    .where(items.c.deleted < bindparam("before"))
    .limit(bindparam("at_most"))
)
FORGET_REPLAYS = delete(replays).where(replays.c.created < bindparam("before"))
