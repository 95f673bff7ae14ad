import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine

from gateway.directory import Approval, Directory, Person
from gateway.directory.ids import pairwise, person_id, pseudonym
from gateway.directory.schema import metadata
from gateway.errors import DirectoryUnavailableError

KEY = b"k" * 32
ISSUER = "https://idp.example.edu"
BOOK = "https://book.example.edu"
DAY = 86400


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "directory.db"


def url(file: Path) -> str:
    return f"sqlite+aiosqlite:///{file}"


@pytest.fixture
async def directory(file: Path, clock: Clock) -> AsyncGenerator[Directory, None]:
    opened = await Directory.open(url(file), KEY, clock)
    yield opened
    await opened.close()


def spoil(file: Path, content: bytes) -> None:
    file.write_bytes(content)


async def ada(directory: Directory, name: str | None = "Ada") -> Person:
    return await directory.sign_in(ISSUER, "ada", name, "campus")


async def test_a_person_is_the_hmac_of_issuer_and_subject(directory: Directory) -> None:
    assert await ada(directory) == Person(person_id(KEY, ISSUER, "ada"), "Ada")


async def test_a_rebuilt_directory_finds_its_people(
    directory: Directory, tmp_path: Path, clock: Clock
) -> None:
    before = await ada(directory)
    rebuilt = await Directory.open(url(tmp_path / "other.db"), KEY, clock)
    assert await ada(rebuilt) == before
    await rebuilt.close()


async def test_people_survive_a_restart(directory: Directory, file: Path, clock: Clock) -> None:
    await ada(directory)
    await directory.close()
    again = await Directory.open(url(file), KEY, clock)
    assert await ada(again, None) == Person(person_id(KEY, ISSUER, "ada"), "Ada")
    await again.close()


async def test_a_linked_identity_decides_who_the_person_is(directory: Directory, file: Path) -> None:
    first = await ada(directory)
    with sqlite3.connect(file) as raw:
        raw.execute(
            "INSERT INTO identities VALUES ('https://other.example', 'a2', ?, 'other', 0, 0)",
            (first.id,),
        )
    assert await directory.sign_in("https://other.example", "a2", None, "other") == first


@pytest.mark.parametrize(
    ("issuer", "subject"),
    [
        pytest.param("https://evil.example", "ada", id="same subject of another issuer"),
        pytest.param(ISSUER, "Ada", id="subjects are case-sensitive"),
        pytest.param(ISSUER + "a", "da", id="the border between issuer and subject counts"),
    ],
)
async def test_other_identities_are_other_people(directory: Directory, issuer: str, subject: str) -> None:
    assert (await directory.sign_in(issuer, subject, "Ada", "campus")).id != (await ada(directory)).id


async def test_an_identity_leads_to_its_person_or_to_nobody(directory: Directory, file: Path) -> None:
    assert await directory.person_of(ISSUER, "ada") is None
    person = await ada(directory)
    assert await directory.person_of(ISSUER, "ada") == person.id
    assert await directory.person_of("https://other.example", "ada") is None
    assert await directory.person_of(ISSUER, "Ada") is None
    with sqlite3.connect(file) as connection:
        connection.execute("INSERT INTO people (id, created, seen) VALUES ('linked', 0, 0)")
        connection.execute("UPDATE identities SET person = 'linked'")
    assert await directory.person_of(ISSUER, "ada") == "linked", "the row decides"


async def test_the_name_follows_the_provider_and_is_kept_when_untold(directory: Directory) -> None:
    await ada(directory)
    assert (await ada(directory, "Ada King")).name == "Ada King"
    assert (await ada(directory, None)).name == "Ada King"


async def test_many_first_sign_ins_at_once_make_one_person(directory: Directory) -> None:
    people = await asyncio.gather(*(ada(directory) for _ in range(20)))
    assert set(people) == {Person(person_id(KEY, ISSUER, "ada"), "Ada")}


async def test_a_class_signs_in_at_two_workers(file: Path, clock: Clock) -> None:
    """Whoever waits for the one writer waits their turn: nobody is told that the directory is away."""
    workers = [await Directory.open(url(file), KEY, clock) for _ in range(2)]
    found = await asyncio.gather(
        *(workers[number % 2].sign_in(ISSUER, f"reader-{number}", None, "campus") for number in range(200)),
        return_exceptions=True,
    )
    assert [one for one in found if isinstance(one, BaseException)] == []
    for worker in workers:
        await worker.close()


async def test_an_approval_counts_for_its_origin_alone(directory: Directory) -> None:
    person = (await ada(directory)).id
    assert not await directory.approved(person, BOOK)
    await directory.approve(person, BOOK)
    assert await directory.approved(person, BOOK)
    assert not await directory.approved(person, BOOK + ":8443")
    assert not await directory.approved("somebody else", BOOK)


async def test_an_approval_unused_for_180_days_lapses(directory: Directory, clock: Clock) -> None:
    person = (await ada(directory)).id
    await directory.approve(person, BOOK)
    clock.now += 180 * DAY
    assert await directory.approved(person, BOOK), "the last day still counts, and is a use"
    clock.now += 180 * DAY
    assert await directory.approved(person, BOOK)
    clock.now += 180 * DAY + 1
    assert not await directory.approved(person, BOOK)
    assert await directory.approvals(person) == []
    await directory.approve(person, BOOK)
    assert await directory.approved(person, BOOK)


async def test_use_is_noted_at_most_once_a_day(directory: Directory, clock: Clock) -> None:
    person = (await ada(directory)).id
    await directory.approve(person, BOOK)
    start = int(clock.now)
    clock.now += DAY
    await directory.approved(person, BOOK)
    assert await directory.approvals(person) == [Approval(BOOK, start, start)]
    clock.now += 1
    await directory.approved(person, BOOK)
    assert await directory.approvals(person) == [Approval(BOOK, start, start + DAY + 1)]


async def test_a_withdrawn_approval_is_gone(directory: Directory) -> None:
    person = (await ada(directory)).id
    await directory.approve(person, BOOK)
    await directory.approve(person, "https://a.example")
    await directory.withdraw(person, BOOK)
    assert not await directory.approved(person, BOOK)
    assert [approval.origin for approval in await directory.approvals(person)] == ["https://a.example"]


def test_migrations_make_the_very_schema(directory: Directory, file: Path) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    engine = create_engine(f"sqlite:///{file}")
    with engine.connect() as connection:
        assert differences(connection) == []
    engine.dispose()


async def test_several_workers_may_open_at_once(file: Path, clock: Clock) -> None:
    opened = await asyncio.gather(*(Directory.open(url(file), KEY, clock) for _ in range(3)))
    for each in opened:
        await each.close()


async def test_a_worker_waits_for_the_one_that_migrates(file: Path, clock: Clock) -> None:
    other = sqlite3.connect(file)
    other.execute("BEGIN EXCLUSIVE")
    opening = asyncio.create_task(Directory.open(url(file), KEY, clock))
    await asyncio.sleep(1.5)  # longer than a sign-in would wait for the lock
    assert not opening.done()
    other.rollback()
    other.close()
    await (await opening).close()


CALLS: list[Callable[[Directory], Awaitable[object]]] = [
    ada,
    lambda directory: directory.approve(person_id(KEY, ISSUER, "ada"), BOOK),
    lambda directory: directory.withdraw(person_id(KEY, ISSUER, "ada"), BOOK),
    lambda directory: directory.key_ring.remove_signing_key("k"),
]


@pytest.mark.parametrize("call", CALLS)
async def test_a_locked_database_is_unavailable_and_then_works_again(
    directory: Directory, file: Path, call: Callable[[Directory], Awaitable[object]]
) -> None:
    await ada(directory)
    other = sqlite3.connect(file)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(DirectoryUnavailableError) as refusal:
        await call(directory)
    assert refusal.value.retry_after == 5
    other.rollback()
    other.close()
    await call(directory)


async def test_approving_for_nobody_is_refused(directory: Directory) -> None:
    with pytest.raises(DirectoryUnavailableError):
        await directory.approve("nobody", BOOK)


async def test_no_folder_is_unavailable(tmp_path: Path, clock: Clock) -> None:
    with pytest.raises(DirectoryUnavailableError):
        await Directory.open(url(tmp_path / "missing" / "directory.db"), KEY, clock)


async def test_a_file_that_is_no_database_is_unavailable(file: Path, clock: Clock) -> None:
    spoil(file, b"This is not a database. " * 100)
    with pytest.raises(DirectoryUnavailableError):
        await Directory.open(url(file), KEY, clock)


async def test_a_database_that_breaks_under_us_is_unavailable(directory: Directory, file: Path) -> None:
    await ada(directory)
    with sqlite3.connect(file) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw.close()
    await directory.close()  # the pool opens new connections afterwards
    spoil(file, b"\x00" * 4096)
    with pytest.raises(DirectoryUnavailableError):
        await directory.approved("p", ISSUER)


async def test_a_database_of_a_newer_version_is_refused(
    directory: Directory, file: Path, clock: Clock
) -> None:
    await directory.close()
    with sqlite3.connect(file) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.close()
    with pytest.raises(DirectoryUnavailableError) as refusal:
        await Directory.open(url(file), KEY, clock)
    assert "9999" in refusal.value.detail


def test_derived_ids_tell_people_places_and_purposes_apart() -> None:
    person = person_id(KEY, ISSUER, "ada")
    derived = {
        person,
        pairwise(KEY, person, BOOK),
        pairwise(KEY, person, "https://b.example"),
        pseudonym(KEY, person, BOOK),
        pseudonym(b"r" * 32, person, BOOK),
    }
    assert len(derived) == 5
    assert all(len(each) == 22 for each in derived)


def test_ids_never_change() -> None:
    """These values are in people's data: a change of the derivation loses everybody's work."""
    assert person_id(KEY, ISSUER, "ada") == "X4TvFxxeVnMWws5Sui5m1A"
    assert pairwise(KEY, "p", BOOK) == "WRNko1OVLMeQTyjarRZyKg"
    assert pseudonym(KEY, "p", "ada-cs1") == "PrXFvbN_Y2yu656ZezSO-g"


async def test_a_name_of_ones_own_stays_whatever_the_provider_says(directory: Directory) -> None:
    person = (await ada(directory)).id
    await directory.rename(person, "Countess")
    for told in ("Ada", None):
        assert (await ada(directory, told)).name == "Countess"
    await directory.rename(person, None)
    assert (await ada(directory, None)).name == "Countess", "until something else is told"
    assert (await ada(directory)).name == "Ada"


async def test_every_answer_to_a_study_is_kept_and_the_newest_counts(
    directory: Directory, clock: Clock
) -> None:
    person, answers = (await ada(directory)).id, directory.participation
    for said in ("v1", "v1", "no", "v2"):
        await answers.answer(person, "errors", said)
        assert await answers.of_person(person) == {"errors": said}
        clock.now += 10
    rows, _ = await directory.orders.belongings_of(person)
    first = int(clock.now) - 40
    kept = [(row["answer"], row["answered"]) for row in rows["participation"]]
    assert kept == [("v1", first), ("no", first + 20), ("v2", first + 30)], "what was said twice counts once"


async def test_a_change_of_mind_within_a_second_counts(directory: Directory) -> None:
    person = (await ada(directory)).id
    for said in ("v1", "no"):
        await directory.participation.answer(person, "errors", said)
    assert await directory.participation.of_person(person) == {"errors": "no"}


async def test_where_children_are_no_name_is_kept(tmp_path: Path, clock: Clock) -> None:
    file = tmp_path / "directory.db"
    opened = await Directory.open(url(file), KEY, clock)
    ada = await opened.sign_in("https://idp.example", "ada", "Ada", "campus")
    await opened.close()
    nameless = await Directory.open(url(file), KEY, clock, keeps_names=False)
    for subject in ("ada", "eve"):
        person = await nameless.sign_in("https://idp.example", subject, "Somebody", "campus")
        assert person.name is None
        assert (person.id == ada.id) is (subject == "ada")
    await nameless.close()
    assert b"Ada" not in file.read_bytes()
    assert b"Somebody" not in file.read_bytes()
