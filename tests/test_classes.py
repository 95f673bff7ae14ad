"""Classes in the directory: who is in them, what a code leads to, who is left."""

from collections.abc import AsyncGenerator, Generator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from gateway.classes_rules import CLASSES, MEMBERS, BookPlace, Role
from gateway.directory import Class, Course, Directory
from gateway.errors import ClassFullError, LastTeacherError, NotFoundError
from gateway.origins import Origin
from tests.databases import Postgres, postgres

ISSUER = "https://idp.example.edu"
PLACE = BookPlace("ada-cs1", "https://books.example.edu/cs1/", Origin("https", "books.example.edu", 443))
PLATFORM = "https://lms.example.edu#1:abc"


@pytest.fixture(scope="module", name="server")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Postgres]:
    with postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"], name="url")
async def _url(request: pytest.FixtureRequest, server: Postgres, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'd.db'}"
    return await server.make()


@pytest.fixture
async def directory(url: str) -> AsyncGenerator[Directory]:
    opened = await Directory.open(url, b"k" * 32, lambda: 1_800_000_000)
    yield opened
    await opened.close()


async def person(directory: Directory, name: str | None) -> str:
    return (await directory.sign_in(ISSUER, name or "nameless", name, "campus")).id


@pytest.fixture
async def grace(directory: Directory) -> str:
    return await person(directory, "Grace")


@pytest.fixture
async def seventh(directory: Directory, grace: str) -> Class:
    return await directory.classes.make("7b", PLACE, grace)


async def test_who_makes_a_class_is_its_teacher(directory: Directory, seventh: Class, grace: str) -> None:
    assert await directory.classes.of_person(grace) == {seventh.id: ("teacher", "ada-cs1")}
    (own,) = await directory.classes.list_of(grace)
    assert (own.it, own.role, own.students) == (seventh, Role.TEACHER, 0)
    assert await directory.classes.find(seventh.id) == seventh
    assert await directory.classes.find_open(seventh.code) == seventh


async def test_the_roster(directory: Directory, seventh: Class, grace: str) -> None:
    for name in ("Zoe", "adam", None):
        await directory.classes.enrol(seventh.id, await person(directory, name), Role.STUDENT, name and None)
    await directory.classes.enrol(seventh.id, await person(directory, None), Role.STUDENT, "Kim")
    members = await directory.classes.members(seventh.id)
    assert [(one.name, one.role) for one in members] == [
        ("Grace", "teacher"), (None, "student"), ("adam", "student"), ("Zoe", "student")
    ]  # fmt: skip
    assert (await directory.classes.list_of(grace))[0].students == 3


async def test_a_name_for_who_has_none(directory: Directory, seventh: Class) -> None:
    await directory.classes.enrol(seventh.id, await person(directory, None), Role.STUDENT, "Kim")
    assert [one.name for one in await directory.classes.members(seventh.id)] == ["Grace", "Kim"]


async def test_joining_twice_changes_nothing(directory: Directory, seventh: Class, grace: str) -> None:
    await directory.classes.enrol(seventh.id, grace, Role.STUDENT)
    assert await directory.classes.role_of(seventh.id, grace) == Role.TEACHER
    ada = await person(directory, "Ada")
    for role in (Role.STUDENT, Role.TEACHER, Role.STUDENT):
        await directory.classes.enrol(seventh.id, ada, role)
    assert await directory.classes.role_of(seventh.id, ada) == Role.TEACHER


async def test_a_code_leads_nowhere_once_it_is_closed_new_or_archived(
    directory: Directory, seventh: Class
) -> None:
    classes = directory.classes
    await classes.set_open(seventh.id, is_open=False)
    assert await classes.find_open(seventh.code) is None
    await classes.set_open(seventh.id, is_open=True)
    assert await classes.find_open(seventh.code) is not None
    await classes.new_code(seventh.id)
    assert await classes.find_open(seventh.code) is None
    changed = await classes.find(seventh.id)
    assert changed is not None
    await classes.set_archived(seventh.id, archived=True)
    assert await classes.find_open(changed.code) is None


async def test_an_archived_class_counts_for_nobody(directory: Directory, seventh: Class, grace: str) -> None:
    await directory.classes.set_archived(seventh.id, archived=True)
    assert await directory.classes.of_person(grace) == {}
    (own,) = await directory.classes.list_of(grace)
    assert own.it.archived == 1_800_000_000
    await directory.classes.set_archived(seventh.id, archived=False)
    assert await directory.classes.of_person(grace) == {seventh.id: ("teacher", "ada-cs1")}


async def test_a_class_keeps_a_teacher(directory: Directory, seventh: Class, grace: str) -> None:
    classes, ada = directory.classes, await person(directory, "Ada")
    await classes.enrol(seventh.id, ada, Role.STUDENT)
    with pytest.raises(LastTeacherError):
        await classes.remove(seventh.id, grace)
    with pytest.raises(LastTeacherError):
        await classes.set_role(seventh.id, grace, Role.STUDENT)
    await classes.set_role(seventh.id, ada, Role.TEACHER)
    await classes.set_role(seventh.id, grace, Role.STUDENT)
    await classes.remove(seventh.id, grace)
    assert [one.person for one in await classes.members(seventh.id)] == [ada]


async def test_who_is_not_there_is_not_removed(directory: Directory, seventh: Class) -> None:
    with pytest.raises(NotFoundError):
        await directory.classes.remove(seventh.id, "nobody")
    with pytest.raises(NotFoundError):
        await directory.classes.set_role(seventh.id, "nobody", Role.TEACHER)
    assert await directory.classes.find("none") is None


async def test_nobody_fills_the_directory(directory: Directory, grace: str) -> None:
    for _ in range(CLASSES):
        await directory.classes.make("7b", PLACE, grace)
    with pytest.raises(ClassFullError):
        await directory.classes.make("7b", PLACE, grace)


async def test_a_class_has_an_end(directory: Directory, seventh: Class, url: str) -> None:
    late = await person(directory, "late")
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        crowd = [{"person": str(number), "class_id": seventh.id} for number in range(MEMBERS - 1)]
        await connection.execute(text("INSERT INTO people (id, created, seen) VALUES (:person, 0, 0)"), crowd)
        row = "INSERT INTO class_members VALUES (:class_id, :person, 'student', NULL, 0)"
        await connection.execute(text(row), crowd)
    await engine.dispose()
    with pytest.raises(ClassFullError):
        await directory.classes.enrol(seventh.id, late, Role.STUDENT)


async def test_a_platforms_context_is_one_class(directory: Directory, grace: str) -> None:
    classes, ada = directory.classes, await person(directory, "Ada")
    first = await classes.of_platform(Course(PLATFORM, "c1", "CS 1"), PLACE, grace, Role.TEACHER)
    assert await classes.of_platform(Course(PLATFORM, "c1", "CS 1 (2027)"), PLACE, ada, Role.STUDENT) == first
    assert await classes.of_platform(Course(PLATFORM, "c2", "CS 2"), PLACE, ada, Role.STUDENT) != first
    other = replace(PLACE, book="other")
    assert await classes.of_platform(Course(PLATFORM, "c1", "CS 1"), other, grace, Role.TEACHER) != first, (
        "a book's"
    )
    made = await classes.find(first)
    assert made is not None
    assert (made.name, made.open, made.platform) == ("CS 1 (2027)", False, PLATFORM)
    assert [one.name for one in await classes.members(first)] == ["Grace", "Ada"]
    await classes.of_platform(Course(PLATFORM, "c1", "CS 1 (2027)"), PLACE, grace, Role.STUDENT)
    assert [one.role for one in await classes.members(first)] == [Role.STUDENT, Role.STUDENT], (
        "as it says now"
    )
