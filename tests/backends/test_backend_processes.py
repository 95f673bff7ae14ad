"""The two commands as processes: starting, ending, and dying without losing what they acknowledged."""

import asyncio
import json
import random
import sqlite3
from pathlib import Path

import aiohttp
import pytest

from tests.backends.issuer import Issuer
from tests.backends.processes import Process, command
from tests.backends.services import Reader

SEED = 20261122
NAMES = ["storage", "analytics"]


@pytest.mark.parametrize("name", NAMES)
async def test_serves_until_sigterm_and_keeps_its_data(name: str, issuer: Issuer, tmp_path: Path) -> None:
    file = tmp_path / "new" / f"{name}.db"
    async with aiohttp.ClientSession() as session:
        with Process(name, file, issuer) as process:
            reader = Reader(session, process.url, issuer.mint(aud=name))
            assert (await reader.get("/health/live")).json == {"status": "live"}
            assert (await reader.get("/health/ready")).json == {"status": "ready"}
            assert (await reader.get("/v1/nothing")).code == "not_found"
            code, said = await asyncio.to_thread(process.stop)
    assert code == 0
    lines = [json.loads(line) for line in said.splitlines()]
    assert [line["event"] for line in lines[-2:]] == ["draining", "ended"]
    requests = [line for line in lines if line["event"] == "request"]
    assert requests[-1]["path"] == "/v1/nothing"
    assert (requests[-1]["status"], requests[-1]["jti"]) == (404, "jti-1")
    assert "ada" not in said  # no person in the log


async def test_listens_on_a_unix_socket(issuer: Issuer, tmp_path: Path) -> None:
    where = tmp_path / "storage.sock"
    with Process("storage", tmp_path / "storage.db", issuer, f"unix:{where}") as process:
        assert process.address == f"unix:{where}"
        async with (
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(where))) as session,
            session.get("http://storage/health/live") as response,
        ):
            assert response.status == 200
        assert (await asyncio.to_thread(process.stop))[0] == 0


async def test_a_request_in_flight_is_finished(issuer: Issuer, tmp_path: Path) -> None:
    with Process("storage", tmp_path / "storage.db", issuer) as process:
        host, _, port = process.address.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            b"PUT /v1/items/x?mode=lww HTTP/1.1\r\nHost: x\r\n"
            b"Content-Type: text/plain\r\nContent-Length: 4\r\n"
            b"X-Bookgate-Assertion: " + issuer.mint().encode() + b"\r\n\r\nab"
        )
        await writer.drain()
        await asyncio.sleep(0.3)
        ending = asyncio.create_task(asyncio.to_thread(process.stop))
        await asyncio.sleep(0.3)
        writer.write(b"cd")
        assert (await reader.readline()).startswith(b"HTTP/1.1 201")
        writer.close()
        assert (await ending)[0] == 0


async def test_ready_only_with_the_gateways_keys(issuer: Issuer, tmp_path: Path) -> None:
    away = Issuer()
    away.url = "http://127.0.0.1:1/jwks"
    with Process("storage", tmp_path / "storage.db", away) as process:
        async with aiohttp.ClientSession() as session:
            reader = Reader(session, process.url, issuer.mint())
            for path in ("/health/ready", "/v1/items"):
                answer = await reader.get(path)
                assert (answer.status, answer.code) == (503, "keys_unavailable")
            assert (await reader.get("/health/live")).status == 200


async def _write_until_it_dies(reader: Reader, person: int, kept: dict[str, bytes]) -> None:
    """Remembers only what was acknowledged."""
    for number in range(10_000):
        name, body = f"p{person}-{number % 50}", f"{person} {number}".encode()
        try:
            answer = await reader.put(f"/v1/items/{name}?mode=append", body)
        except (aiohttp.ClientError, OSError):
            return
        assert answer.status in {201, 204}
        kept[answer.etag + name] = body


@pytest.mark.parametrize("kill", range(3))
async def test_what_was_acknowledged_survives_kill_9(kill: int, issuer: Issuer, tmp_path: Path) -> None:
    after = random.Random(SEED + kill).uniform(0.2, 0.7)  # ruff: ignore[suspicious-non-cryptographic-random-usage] - when to kill
    file = tmp_path / "storage.db"
    kept: list[dict[str, bytes]] = [{} for _ in range(6)]
    async with aiohttp.ClientSession() as session:
        with Process("storage", file, issuer) as process:
            async with asyncio.TaskGroup() as group:
                for person, mine in enumerate(kept):
                    reader = Reader(session, process.url, issuer.mint(sub=f"person-{person}"))
                    group.create_task(_write_until_it_dies(reader, person, mine))
                await asyncio.sleep(after)
                async with asyncio.timeout(30):
                    # ruff: ignore[async-busy-wait]  # however slow the machine is
                    while sum(len(mine) for mine in kept) <= 50:
                        await asyncio.sleep(0.01)
                process.kill()
        with Process("storage", file, issuer) as process:
            for person, mine in enumerate(kept):
                reader = Reader(session, process.url, issuer.mint(sub=f"person-{person}"))
                await _find_all(reader, mine)
    assert sqlite3.connect(file).execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def _find_all(reader: Reader, kept: dict[str, bytes]) -> None:
    for key, body in kept.items():
        tag, _, name = key.rpartition('"')
        revision = tag.removeprefix('"').partition("-")[0]
        answer = await reader.get(f"/v1/items/{name}/versions/{revision}")
        assert (answer.status, answer.body, answer.etag) == (200, body, tag + '"')


@pytest.mark.parametrize("name", NAMES)
def test_migrate_makes_the_file_and_is_harmless_again(name: str, tmp_path: Path) -> None:
    file = tmp_path / "data" / "file.db"
    for _ in range(2):
        done = command(name, "migrate", "--database", str(file))
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert file.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["run"], "Missing option", id="nothing said"),
        pytest.param(["migrate", "--database", "postgresql://x/y"], "no SQLite file", id="another engine"),
        pytest.param(["migrate", "--database", ":memory:"], "no SQLite file", id="memory"),
        pytest.param(["run", "--database", "x", "--issuer", "gw"], "public_url", id="issuer is no URL"),
        pytest.param(
            ["run", "--database", "x", "--issuer", "https://gw/"], "slash", id="issuer with a slash"
        ),
        pytest.param(
            ["run", "--database", "x", "--issuer", "https://gw", "--listen", "8001"], "HOST:PORT", id="listen"
        ),
        pytest.param(
            ["run", "--database", "x", "--issuer", "https://gw", "--listen", "::1:8001"],
            "HOST:PORT",
            id="IPv6",
        ),
        pytest.param(
            ["run", "--database", "x", "--issuer", "https://gw", "--jwks", "/keys"],
            "http",
            id="JWKS is no URL",
        ),
    ],
)
def test_wrong_flags_are_said_in_one_sentence(arguments: list[str], words: str) -> None:
    done = command("storage", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "file.db"
    file.write_text("not a database, and longer than a header of one hundred bytes" * 10)
    done = command("storage", "migrate", "--database", str(file))
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert file.read_text().startswith("not a database")


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file.db"
    assert command("storage", "migrate", "--database", str(file)).returncode == 0
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 's9999'")
    connection.close()
    done = command("storage", "migrate", "--database", str(file))
    assert done.returncode == 2
    assert "newer version" in done.stderr
