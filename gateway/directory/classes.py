"""Classes and who is in them. A class has one book; its code lets people in while it is open."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, delete, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.classes_rules import CLASSES, MEMBERS, BookPlace, Role, make_code
from gateway.directory.database import Database
from gateway.directory.schema import class_cards, class_members, classes, identities, people
from gateway.errors import ClassFullError, LastTeacherError, NotFoundError
from gateway.sealing import encoded


@dataclass(frozen=True, slots=True)
class Class:
    """One class. Times in Unix seconds; platform: the learning platform that made it; memberships: where that
    says who is in the course.
    """

    id: str
    name: str
    book: str
    address: str
    code: str
    open: bool
    created: int
    archived: int | None
    platform: str | None
    memberships: str | None = None


@dataclass(frozen=True, slots=True)
class Course:
    """A course as its platform says it. platform: unique among platforms, with its deployment. context: its
    id there. memberships: as in the class.
    """

    platform: str
    context: str
    title: str
    memberships: str | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody in a class, as its teachers see them. card: the number of the card they came in by."""

    person: str
    role: Role
    name: str | None
    joined: int
    card: int | None


@dataclass(frozen=True, slots=True)
class OwnClass:
    """A class as one person is in it. students: how many are in it."""

    it: Class
    role: Role
    students: int


class Classes:
    """Every method raises DirectoryUnavailableError when the database cannot answer."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], float],
        token: Callable[[int], bytes],
    ) -> None:
        self._database = database
        self._clock = clock
        self._token = token

    # -- what a person is in

    async def of_person(self, person: str) -> dict[str, tuple[str, str]]:
        """Role and book by class, of the classes that are alive: what sessions know."""
        query = (
            select(classes.c.id, class_members.c.role, classes.c.book)
            .join_from(class_members, classes)
            .where(class_members.c.person == person, classes.c.archived.is_(None))
            .order_by(classes.c.id)
        )
        async with self._database.reading() as connection:
            return {row.id: (row.role, row.book) for row in await connection.execute(query)}

    async def list_of(self, person: str) -> list[OwnClass]:
        """Their classes, the youngest first, archived ones last."""
        count = (
            select(func.count())
            .where(class_members.c.class_id == classes.c.id, class_members.c.role == Role.STUDENT)
            .correlate(classes)
            .scalar_subquery()
        )
        mine = class_members.alias()
        query = (
            select(*_COLUMNS, mine.c.role, count.label("students"))
            .join(mine, mine.c.class_id == classes.c.id)
            .where(mine.c.person == person)
            .order_by(classes.c.archived.is_not(None), classes.c.created.desc(), classes.c.id)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [OwnClass(Class(*row[:-2]), Role(row.role), row.students) for row in rows]

    async def role_of(self, class_id: str, person: str) -> Role | None:
        async with self._database.reading() as connection:
            return await _role(connection, class_id, person)

    # -- one class

    async def find(self, class_id: str) -> Class | None:
        return await self._one(classes.c.id == class_id)

    async def find_open(self, code: str) -> Class | None:
        """The class that a code leads to: open and alive."""
        return await self._one(classes.c.code == code, classes.c.open.is_(True), classes.c.archived.is_(None))

    async def members(self, class_id: str) -> list[Member]:
        """Teachers first, then by name."""
        named = func.coalesce(class_members.c.name, people.c.name)
        query = (
            select(
                class_members.c.person,
                class_members.c.role,
                named.label("name"),
                class_members.c.joined,
                func.min(class_cards.c.number).label("card"),
            )
            .join_from(class_members, people, people.c.id == class_members.c.person)
            .outerjoin(class_cards, _their_card())
            .where(class_members.c.class_id == class_id)
            .group_by(
                class_members.c.person,
                class_members.c.role,
                class_members.c.name,
                people.c.name,
                class_members.c.joined,
            )
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        found = [Member(row.person, Role(row.role), row.name, row.joined, row.card) for row in rows]
        return sorted(found, key=_place_in_roster)

    async def taught_alone(self, person: str) -> list[str]:
        """Names of the classes that have nobody else to look after them."""
        others = class_members.alias()
        query = (
            select(classes.c.name)
            .join_from(class_members, classes)
            .where(
                class_members.c.person == person,
                class_members.c.role == Role.TEACHER,
                classes.c.platform.is_(None),
                classes.c.archived.is_(None),
                ~exists().where(
                    others.c.class_id == classes.c.id,
                    others.c.role == Role.TEACHER,
                    others.c.person != person,
                ),
            )
            .order_by(classes.c.name, classes.c.id)
        )
        async with self._database.reading() as connection:
            return list((await connection.execute(query)).scalars())

    async def came_from(self, one: Class) -> set[str]:
        """By which subjects of its platform people came into a class."""
        query = (
            select(identities.c.subject)
            .join_from(class_members, identities, identities.c.person == class_members.c.person)
            .where(class_members.c.class_id == one.id, identities.c.issuer == one.platform)
        )
        async with self._database.reading() as connection:
            return set((await connection.execute(query)).scalars())

    # -- what teachers do

    async def make(self, name: str, place: BookPlace, teacher: str) -> Class:
        """A new class with its first teacher. ClassFullError: they teach as many as one may."""
        now = int(self._clock())
        async with self._database.writing() as connection:
            taught = select(func.count()).where(
                class_members.c.person == teacher, class_members.c.role == Role.TEACHER
            )
            if (await connection.execute(taught)).scalar_one() >= CLASSES:
                raise ClassFullError(f"{teacher} teaches {CLASSES} classes")
            made = self._new(name, place.book, place.url, now, None)
            await self._insert(connection, made, None)
            await self._add(connection, made.id, teacher, Role.TEACHER, None)
        return made

    async def set_open(self, class_id: str, *, is_open: bool) -> None:
        await self._change(class_id, open=is_open)

    async def new_code(self, class_id: str) -> None:
        """The old link leads nowhere from now on."""
        await self._change(class_id, code=make_code(self._token), open=True)

    async def set_archived(self, class_id: str, *, archived: bool) -> None:
        """Archived, it counts for nobody any more, and nothing in it is lost."""
        await self._change(class_id, archived=int(self._clock()) if archived else None)

    async def set_role(self, class_id: str, person: str, role: Role) -> None:
        """NotFoundError: they are not in it. LastTeacherError: nobody would be left to look after it."""
        async with self._database.writing() as connection:
            await _keep_a_teacher(connection, class_id, person, role)
            await connection.execute(update(class_members).where(_one_of(class_id, person)).values(role=role))

    async def remove(self, class_id: str, person: str) -> None:
        """Out of the class, and their card is none any more; the same errors."""
        async with self._database.writing() as connection:
            await _keep_a_teacher(connection, class_id, person, None)
            await connection.execute(delete(class_members).where(_one_of(class_id, person)))
            theirs = and_(class_cards.c.class_id == class_id, class_cards.c.person == person)
            await connection.execute(delete(class_cards).where(theirs))

    # -- how people come in

    async def enrol(self, class_id: str, person: str, role: Role, name: str | None = None) -> None:
        """In the class from now on; who is in it stays what they are, but a student may become a teacher.

        name: where nobody said one. ClassFullError: there is no room.
        """
        async with self._database.writing() as connection:
            await self._add(connection, class_id, person, role, name)

    async def of_platform(self, course: Course, place: BookPlace, person: str, role: Role) -> str:
        """The class of a course in a book, made if new; `person` is in it from now on.

        A course is a class of each book that it links.
        """
        now = int(self._clock())
        async with self._database.writing() as connection:
            same = and_(
                classes.c.platform == course.platform,
                classes.c.context == course.context,
                classes.c.book == place.book,
            )
            made = self._new(course.title, place.book, place.url, now, course.platform)
            await self._insert(connection, made, course.context)
            said = {"name": course.title, "memberships": course.memberships}
            renamed = update(classes).where(same).values(said).returning(classes.c.id)
            class_id: str = (await connection.execute(renamed)).scalar_one()
            await self._add(connection, class_id, person, role, None)
            # what somebody is in a course its platform says, at each launch
            changed = update(class_members).where(_one_of(class_id, person)).values(role=role)
            await connection.execute(changed)
            return class_id

    # --

    def _new(self, name: str, book: str, address: str, now: int, platform: str | None) -> Class:
        made_there = platform is not None  # who is in it, its platform says
        code = make_code(self._token)
        return Class(encoded(self._token(16)), name, book, address, code, not made_there, now, None, platform)

    async def _insert(self, connection: AsyncConnection, made: Class, context: str | None) -> None:
        row = self._database.insert(classes).values(
            id=made.id,
            name=made.name,
            book=made.book,
            address=made.address,
            code=made.code,
            open=made.open,
            created=made.created,
            archived=None,
            platform=made.platform,
            context=context,
        )
        await connection.execute(row.on_conflict_do_nothing(index_elements=["platform", "context", "book"]))

    async def _add(
        self, connection: AsyncConnection, class_id: str, person: str, role: Role, name: str | None
    ) -> None:
        before = await _role(connection, class_id, person)
        if before is None:
            inside = select(func.count()).where(class_members.c.class_id == class_id)
            if (await connection.execute(inside)).scalar_one() >= MEMBERS:
                raise ClassFullError(f"class {class_id} has {MEMBERS} members")
            row = self._database.insert(class_members).values(
                class_id=class_id, person=person, role=role, name=name, joined=int(self._clock())
            )
            await connection.execute(row.on_conflict_do_nothing())
        elif before == Role.STUDENT and role == Role.TEACHER:
            await connection.execute(update(class_members).where(_one_of(class_id, person)).values(role=role))

    async def _change(self, class_id: str, **values: str | int | bool | None) -> None:
        async with self._database.writing() as connection:
            await connection.execute(update(classes).where(classes.c.id == class_id).values(values))

    async def _one(self, *where: ColumnElement[bool]) -> Class | None:
        async with self._database.reading() as connection:
            row = (await connection.execute(select(*_COLUMNS).where(*where))).one_or_none()
        return None if row is None else Class(*row)


async def close_without_teacher(connection: AsyncConnection) -> list[str]:
    """Nobody joins a class any more that nobody looks after; the ids of those that were open.

    Who is in it stays in it, and comes in by their card: their work is theirs. A course's teachers are its
    platform's.
    """
    teaching = exists().where(class_members.c.class_id == classes.c.id, class_members.c.role == Role.TEACHER)
    left = (classes.c.platform.is_(None), classes.c.open.is_(True), ~teaching)
    closed = update(classes).where(*left).values(open=False).returning(classes.c.id)
    return list((await connection.execute(closed)).scalars())


_COLUMNS = tuple(getattr(classes.c, name) for name in Class.__slots__)


def _place_in_roster(one: Member) -> tuple[bool, str, str]:
    return one.role != Role.TEACHER, (one.name or "").casefold(), one.person


def _one_of(class_id: str, person: str) -> ColumnElement[bool]:
    return and_(class_members.c.class_id == class_id, class_members.c.person == person)


def _their_card() -> ColumnElement[bool]:
    return and_(
        class_cards.c.class_id == class_members.c.class_id, class_cards.c.person == class_members.c.person
    )


async def _role(connection: AsyncConnection, class_id: str, person: str) -> Role | None:
    query = select(class_members.c.role).where(_one_of(class_id, person))
    found = (await connection.execute(query)).scalar_one_or_none()
    return None if found is None else Role(found)


async def _keep_a_teacher(connection: AsyncConnection, class_id: str, person: str, role: Role | None) -> None:
    # the class first, and nobody else's hand in it meanwhile: two teachers could leave at once
    await connection.execute(select(classes.c.id).where(classes.c.id == class_id).with_for_update())
    before = await _role(connection, class_id, person)
    if before is None:
        raise NotFoundError(f"nobody such in class {class_id}")
    others = select(func.count()).where(
        class_members.c.class_id == class_id,
        class_members.c.role == Role.TEACHER,
        class_members.c.person != person,
    )
    if before == Role.TEACHER != role and (await connection.execute(others)).scalar_one() == 0:
        raise LastTeacherError(f"the last teacher of class {class_id}")
