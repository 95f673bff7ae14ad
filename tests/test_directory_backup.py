"""A backup of either database is restored in either, whole or not at all."""

import asyncio
import stat
from collections.abc import Callable, Generator
from operator import itemgetter
from pathlib import Path

import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner, Result

from gateway.commands.directory import app
from gateway.directory import Directory
from gateway.directory.backup import Backup, BackupRefusedError
from gateway.directory.database import Database
from gateway.directory.orders import Plan
from gateway.directory.schema import people
from gateway.revocation_rules import EndSignIn
from tests.databases import Postgres, postgres
from tests.gateway_texts import MINIMAL, make_site

KEY = b"people-key".ljust(32, b"x")
NOW = 1_800_000_000
ISSUER = "https://idp.example.edu"
BOOK = "https://book.example"


def clock() -> float:
    return NOW


@pytest.fixture(scope="module", name="server")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Postgres]:
    with postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


async def make(kind: str, server: Postgres, file: Path) -> str:
    return f"sqlite+aiosqlite:///{file}" if kind == "sqlite" else await server.make()


async def fill(url: str) -> str:
    """Of every form of column something; the id of who approved."""
    directory = await Directory.open(url, KEY, clock)
    ada = await directory.sign_in(ISSUER, "ada", "Ada \u2665", "campus")
    await directory.approve(ada.id, BOOK)
    await directory.key_ring.add_signing_key("kid", b"\x00\xff", created=NOW, begins=NOW, follows="")
    await directory.revocations.note([EndSignIn("slot.a")], NOW + 60)
    await directory.revocations.mark_origin(BOOK, NOW)
    await directory.close()
    return ada.id


async def lines_of(url: str) -> list[bytes]:
    opened = await Backup.open(url)
    lines: list[bytes] = []
    assert await opened.write(lines.append) == len(lines) - 1
    await opened.close()
    return lines


@pytest.mark.parametrize("source", ["sqlite", "postgresql"])
@pytest.mark.parametrize("target", ["sqlite", "postgresql"])
async def test_what_is_restored_is_what_was_there(
    source: str, target: str, server: Postgres, tmp_path: Path
) -> None:
    old, new = [
        await make(kind, server, tmp_path / name) for kind, name in ((source, "a.db"), (target, "b.db"))
    ]
    ada = await fill(old)
    lines = await lines_of(old)
    opened = await Backup.open(new)
    assert await opened.restore(lines) == len(lines) - 1
    await opened.close()
    assert await lines_of(new) == lines
    directory = await Directory.open(new, KEY, clock)
    assert (await directory.sign_in(ISSUER, "ada", None, "campus")).id == ada
    assert await directory.approved(ada, BOOK)
    assert [(kept.kid, kept.sealed) for kept in await directory.key_ring.signing_keys()] == [
        ("kid", b"\x00\xff")
    ]
    last = await directory.revocations.newest()
    await directory.revocations.note([EndSignIn("slot.b")], NOW + 60)
    assert [noted.act for noted in await directory.revocations.after(last)] == [EndSignIn("slot.b")]
    await directory.close()


@pytest.mark.parametrize(
    ("spoilt", "why"),
    [
        pytest.param(lambda _: [], "no backup", id="empty"),
        pytest.param(lambda lines: [b"hello", *lines[1:]], "no backup", id="no JSON"),
        pytest.param(itemgetter(slice(1, None)), "no backup", id="no first line"),
        pytest.param(
            lambda lines: [lines[0].replace(b'"00', b'"99'), *lines[1:]], "of version", id="version"
        ),
        pytest.param(lambda lines: [*lines, b"{"], "broken", id="torn off"),
        pytest.param(lambda lines: [*lines, b"[7]"], "broken", id="no row"),
        pytest.param(lambda lines: [*lines, b'["secrets", {"a": 1}]'], "no table", id="another table"),
    ],
)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_a_file_that_is_none_changes_nothing(
    kind: str, spoilt: Callable[[list[bytes]], list[bytes]], why: str, server: Postgres, tmp_path: Path
) -> None:
    old, new = await make(kind, server, tmp_path / "a.db"), await make(kind, server, tmp_path / "b.db")
    await fill(old)
    opened = await Backup.open(new)
    with pytest.raises(BackupRefusedError) as refusal:
        await opened.restore(spoilt(await lines_of(old)))
    assert why in refusal.value.detail
    await opened.close()
    assert len(await lines_of(new)) == 1, "nothing but the first line"


async def test_where_people_are_nothing_is_restored(server: Postgres, tmp_path: Path) -> None:
    url = await make("sqlite", server, tmp_path / "a.db")
    await fill(url)
    opened = await Backup.open(url)
    with pytest.raises(BackupRefusedError, match="not empty"):
        await opened.restore(await lines_of(url))
    await opened.close()


async def test_the_commands(tmp_path: Path) -> None:
    site, file = make_site(tmp_path), tmp_path / "directory.jsonl"

    async def call(act: str, name: str) -> Result:
        config = site / "gateway.yaml"
        config.write_text(f'{MINIMAL}state: state\ndirectory: {{url: "sqlite:///{tmp_path / name}"}}\n')
        return await asyncio.to_thread(
            CliRunner().invoke, app, [act, str(file), "--config", str(config)], catch_exceptions=False
        )

    await fill(f"sqlite+aiosqlite:///{tmp_path / 'old.db'}")
    made = await call("backup", "old.db")
    assert made.exit_code == 0, made.output
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = await call("backup", "old.db")
    assert (again.exit_code, "is there already" in again.output) == (1, True)
    back = await call("restore", "new.db")
    assert back.exit_code == 0, back.output
    refused = await call("restore", "new.db")
    assert (refused.exit_code, "Nothing was changed" in refused.output) == (1, True)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_nobody_waits_for_a_backup_which_is_of_one_moment(
    kind: str, server: Postgres, tmp_path: Path
) -> None:
    """Who signs in and who is deleted while it is written changes nothing in it."""
    url = await make(kind, server, tmp_path / "a.db")
    ada = await fill(url)
    before = await lines_of(url)
    directory, opened = await Directory.open(url, KEY, clock), await Backup.open(url)
    lines: list[bytes] = []
    meanwhile: list[asyncio.Task[object]] = []

    async def change() -> None:
        await directory.sign_in(ISSUER, "bob", "Bob", "campus")
        await directory.orders.delete("decision", ada, lambda _: Plan((), (), NOW))

    def put(line: bytes) -> None:
        lines.append(line)
        if len(lines) == 2:  # the moment has been
            meanwhile.append(asyncio.create_task(change()))

    await opened.write(put)
    await asyncio.gather(*meanwhile)
    assert lines == before
    database = Database(url)
    async with database.one_moment(30) as connection:
        seen = (await connection.execute(select(func.count()).select_from(people))).scalar_one()
        await directory.sign_in(ISSUER, "eve", "Eve", "campus")  # it waits for nothing
        again = (await connection.execute(select(func.count()).select_from(people))).scalar_one()
    assert (seen, again) == (1, 1)
    await database.close()
    await opened.close()
    await directory.close()
