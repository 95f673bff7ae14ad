"""Two people become one, and two again: the loser's events are the survivor's, and say whose they were."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from backends.analytics import statements
from backends.analytics.statements import PSEUDONYM
from backends.problem import InvalidRequest, MergedElsewhere

FARTHEST: Final = 100  # merges in a row


@dataclass(frozen=True, slots=True)
class Moved:
    """How many events are somebody else's now."""

    events: int


def home(connection: Connection, pseudonym: str) -> str:
    """Whose events this one's are by now."""
    for _ in range(FARTHEST):
        row = connection.execute(statements.MERGED, {PSEUDONYM: pseudonym}).one_or_none()
        if row is None:
            break
        pseudonym = row.survivor
    return pseudonym


def merge(connection: Connection, loser: str, survivor: str, now: int) -> Moved:
    """An event that both sent stays with each. InvalidRequest: a circle. MergedElsewhere."""
    survivor = home(connection, survivor)
    done = connection.execute(statements.MERGED, {PSEUDONYM: loser}).one_or_none()
    if done is not None:
        if home(connection, loser) != survivor:
            raise MergedElsewhere
        return Moved(done.events)
    if survivor == loser:
        raise InvalidRequest("Nobody becomes themselves.")
    two = {PSEUDONYM: loser, "survivor": survivor}
    moved = connection.execute(statements.GIVE, two).rowcount
    connection.execute(
        statements.ADD_MERGE,
        {PSEUDONYM: loser, "new_survivor": survivor, "new_merged": now, "new_events": moved},
    )
    return Moved(moved)


def unmerge(connection: Connection, loser: str, survivor: str) -> Moved:
    """What came from the loser is theirs again; nothing was merged: nothing changes."""
    done = connection.execute(statements.MERGED, {PSEUDONYM: loser}).one_or_none()
    if done is None or done.survivor != survivor:
        return Moved(0)
    moved = connection.execute(statements.GIVE_BACK, {PSEUDONYM: survivor, "loser": loser}).rowcount
    connection.execute(statements.REMOVE_MERGE, {PSEUDONYM: loser})
    return Moved(moved)
