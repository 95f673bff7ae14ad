"""Every statement that analytics runs. Each one binds the pseudonym, or is in schema.ACROSS_PEOPLE."""

from sqlalchemy import (
    BigInteger,
    Integer,
    String,
    bindparam,
    delete,
    func,
    literal,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.sqlite import insert

from backends.analytics.schema import events, merges

PSEUDONYM = "own_pseudonym"

# An event that came before, with the same id from the same person, is a duplicate and stays as it is.
ADD_EVENTS = (
    insert(events)
    .values(
        {
            column.name: bindparam(PSEUDONYM if column.name == "pseudonym" else f"new_{column.name}")
            for column in events.c
            if column.name != "came_from"
        }
    )
    .on_conflict_do_nothing(index_elements=[events.c.pseudonym, events.c.id])
)
EVENTS = (
    select(events)
    .where(events.c.pseudonym == bindparam(PSEUDONYM), events.c.id > bindparam("after"))
    .order_by(events.c.id)
    .limit(bindparam("at_most"))
)
# What a study may have of one person in one book, in the order in which it happened.
_after = tuple_(
    bindparam("after_t", type_=BigInteger), bindparam("after_seq", type_=BigInteger), bindparam("after")
)
_order = (events.c.t, func.coalesce(events.c.seq, -1), events.c.id)
STUDY_EVENTS = (
    select(events)
    .where(
        events.c.pseudonym == bindparam(PSEUDONYM),
        events.c.book == bindparam("book"),
        events.c.level >= bindparam("level", type_=Integer),
        events.c.received >= bindparam("since", type_=BigInteger),
        events.c.received < bindparam("until", type_=BigInteger),
        events.c.staff.is_(False),
        tuple_(*_order) > _after,
    )
    .order_by(*_order)
    .limit(bindparam("at_most"))
)
REMOVE_PERSON = delete(events).where(events.c.pseudonym == bindparam(PSEUDONYM))

# -- two people become one

_LOSER = bindparam("loser", type_=String)
_theirs = events.alias("theirs")
MERGED = select(merges).where(merges.c.pseudonym == bindparam(PSEUDONYM))
ADD_MERGE = insert(merges).values(
    {
        column.name: bindparam(PSEUDONYM if column.name == "pseudonym" else f"new_{column.name}")
        for column in merges.c
    }
)
REMOVE_MERGE = delete(merges).where(merges.c.pseudonym == bindparam(PSEUDONYM))
# An event that the survivor sent too stays where it is.
GIVE = (
    update(events)
    .where(
        events.c.pseudonym == bindparam(PSEUDONYM),
        events.c.id.not_in(select(_theirs.c.id).where(_theirs.c.pseudonym == bindparam("survivor"))),
    )
    .values(
        pseudonym=bindparam("survivor"),
        came_from=events.c.pseudonym + func.coalesce(literal(" ") + events.c.came_from, ""),
    )
)
GIVE_BACK = (
    update(events)
    .where(
        events.c.pseudonym == bindparam(PSEUDONYM),
        or_(
            events.c.came_from == _LOSER,
            func.substr(events.c.came_from, 1, func.length(_LOSER) + 1) == _LOSER + " ",
        ),
    )
    .values(
        pseudonym=_LOSER,
        came_from=func.nullif(func.substr(events.c.came_from, func.length(_LOSER) + 2), ""),
    )
)
