"""Every statement that analytics runs. Each one binds the pseudonym, or is in schema.ACROSS_PEOPLE."""

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert

from backends.analytics.schema import events

PSEUDONYM = "own_pseudonym"

# An event that came before, with the same id from the same person, is a duplicate and stays as it is.
ADD_EVENTS = (
    insert(events)
    .values(
        {
            column.name: bindparam(PSEUDONYM if column.name == "pseudonym" else f"new_{column.name}")
            for column in events.c
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
REMOVE_PERSON = delete(events).where(events.c.pseudonym == bindparam(PSEUDONYM))
