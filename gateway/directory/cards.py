"""Class cards: whose words are whose. Of the words only keyed hashes are kept."""

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import starmap

from sqlalchemy import ColumnElement, and_, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.card_words import FINDING
from gateway.classes_rules import MEMBERS
from gateway.directory import ids
from gateway.directory.database import Database
from gateway.directory.schema import class_cards, classes, identities
from gateway.errors import ClassFullError
from gateway.sealing import encoded

ISSUER = "urn:bookgate:card"  # of the identities that cards are


@dataclass(frozen=True, slots=True)
class Card:
    """A card as teachers see it. used: somebody came in by it. printed: Unix seconds, the last time."""

    number: int
    name: str
    used: bool
    printed: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A card that the first words find: the others are yet to prove it."""

    class_id: str
    number: int
    subject: str
    name: str
    proved_by: str


class Cards:
    """Every method raises DirectoryUnavailableError when the database cannot answer."""

    def __init__(
        self,
        database: Database,
        people_key: bytes,
        clock: Callable[[], float],
        token: Callable[[int], bytes],
    ) -> None:
        self._database = database
        self._people_key = people_key
        self._clock = clock
        self._token = token

    # -- what teachers do

    async def list_of(self, class_id: str) -> list[Card]:
        query = (
            select(class_cards.c.number, class_cards.c.name, class_cards.c.person, class_cards.c.printed)
            .where(class_cards.c.class_id == class_id)
            .order_by(class_cards.c.number)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [Card(row.number, row.name, row.person is not None, row.printed) for row in rows]

    async def make(self, class_id: str, cards: Sequence[tuple[str, Sequence[str]]]) -> list[int]:
        """New cards of these names and words; their numbers. ClassFullError: there is no room for so many."""
        now = int(self._clock())
        async with self._database.writing() as connection:
            first, there = await _numbers(connection, class_id)
            if there + len(cards) > MEMBERS:
                raise ClassFullError(f"class {class_id} has {there} cards")
            rows = [
                {
                    "class_id": class_id,
                    "number": number,
                    "subject": encoded(self._token(16)),
                    "name": name,
                    "printed": now,
                    **self._kept(words),
                }
                for number, (name, words) in enumerate(cards, first)
            ]
            await connection.execute(self._database.insert(class_cards), rows)
        return list(range(first, first + len(cards)))

    async def replace(
        self, class_id: str, number: int, words: Sequence[str]
    ) -> tuple[str, str | None] | None:
        """Other words for a card; the old ones open nothing. Its name and whose it is; None: it is gone."""
        change = (
            update(class_cards)
            .where(_card(class_id, number))
            .values(printed=int(self._clock()), **self._kept(words))
            .returning(class_cards.c.name, class_cards.c.person)
        )
        async with self._database.writing() as connection:
            row = (await connection.execute(change)).one_or_none()
        return None if row is None else (row.name, row.person)

    async def discard(self, class_id: str, number: int) -> None:
        """A card that nobody came in by."""
        unused = and_(_card(class_id, number), class_cards.c.person.is_(None))
        async with self._database.writing() as connection:
            await connection.execute(delete(class_cards).where(unused))

    # -- how people come in

    async def found(self, words: Sequence[str]) -> list[Candidate]:
        """The cards that the first words find: none, or one, by chance a second."""
        query = select(
            class_cards.c.class_id,
            class_cards.c.number,
            class_cards.c.subject,
            class_cards.c.name,
            class_cards.c.proved_by,
        ).where(class_cards.c.found_by == self._kept(words)["found_by"])
        async with self._database.reading() as connection:
            return list(starmap(Candidate, await connection.execute(query)))

    def proves(self, words: Sequence[str], candidate: Candidate) -> bool:
        """Whether these are the words of that card."""
        return hmac.compare_digest(self._kept(words)["proved_by"], candidate.proved_by)

    async def is_only_way(self, person: str) -> bool:
        """Whether they have no other identity: teachers print cards, which must open nobody's own account."""
        query = select(func.count()).where(identities.c.person == person)
        async with self._database.reading() as connection:
            return (await connection.execute(query)).scalar_one() == 1

    async def belongs_to(self, candidate: Candidate, person: str) -> bool:
        """From now on the card is this person's. False: the class has been archived."""
        mine = update(class_cards).where(_card(candidate.class_id, candidate.number)).values(person=person)
        alive = select(classes.c.archived).where(classes.c.id == candidate.class_id)
        async with self._database.writing() as connection:
            await connection.execute(mine)
            return (await connection.execute(alive)).scalar_one_or_none() is None

    def _kept(self, words: Sequence[str]) -> dict[str, str]:
        return {
            "found_by": ids.hashed_words(self._people_key, words[:FINDING]),
            "proved_by": ids.hashed_words(self._people_key, words),
        }


def _card(class_id: str, number: int) -> ColumnElement[bool]:
    return and_(class_cards.c.class_id == class_id, class_cards.c.number == number)


async def _numbers(connection: AsyncConnection, class_id: str) -> tuple[int, int]:
    """The next number of a card, and how many cards there are. Nobody else counts meanwhile."""
    await connection.execute(select(classes.c.id).where(classes.c.id == class_id).with_for_update())
    query = select(func.coalesce(func.max(class_cards.c.number), 0), func.count()).where(
        class_cards.c.class_id == class_id
    )
    last, there = (await connection.execute(query)).one()
    return last + 1, there
