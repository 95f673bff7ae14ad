import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
import redis as redis_library

from gateway.development.book import DEFAULT_GATEWAY, find_file
from gateway.development.ports import Ports, choose, is_free
from gateway.development.supervisor import OURS, DevelopmentError, Plan, write_files
from tests.dev_process import running, until_gone

PAGE = f'<!doctype html><title>Book</title><script type=module src="{DEFAULT_GATEWAY}/bookgate.js"></script>'


@pytest.fixture(name="book")
def _book(tmp_path: Path) -> Path:
    folder = tmp_path / "book"
    (folder / "chapter").mkdir(parents=True)
    (folder / "index.html").write_text(PAGE)
    (folder / "chapter" / "index.html").write_text(PAGE)
    (folder / ".secret").write_text("no")
    return folder


async def fetch(url: str, **headers: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
        return response.status, await response.text()


async def test_everything_serves_ends_and_keeps_its_data(book: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    with running(book, state) as started:
        assert re.fullmatch(r"http://localhost:\d+", started.book)
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", started.gateway)
        status, page = await fetch(started.book + "/chapter/")
        assert (status, started.gateway + "/bookgate.js" in page) == (200, True)
        status, about = await fetch(started.gateway + "/.well-known/bookgate", Origin=started.book)
        assert (status, '"status":"consent"' in about) == (200, True)
        status, refused = await fetch(started.gateway + "/storage/v1/items", Origin=started.book)
        assert (status, "consent_required" in refused) == (403, True)
        client = redis_library.Redis.from_url(f"unix://{state}/redis/redis.sock")
        client.set("kept", "yes")
        client.close()
        assert started.children()
        assert started.end(signal.SIGINT) == 0
        assert started.process.stdout is not None
        assert not started.process.stdout.read(), "one line and no more"
        assert until_gone(started) == []
    keys = {path.name: path.read_bytes() for path in (state / "keys").iterdir()}

    with running(book, state) as again:
        client = redis_library.Redis.from_url(f"unix://{state}/redis/redis.sock")
        assert client.get("kept") == b"yes"
        client.close()
        assert {path.name: path.read_bytes() for path in (state / "keys").iterdir()} == keys
        again.process.kill()
        again.process.wait(10)
        assert until_gone(again) == [], "children never outlive the parent"


def test_a_part_that_dies_ends_all_with_its_last_words(book: Path, tmp_path: Path) -> None:
    with running(book, tmp_path / "state") as started:
        storage = next(
            pid
            for pid in started.children()
            if b"backends.storage" in Path(f"/proc/{pid}/cmdline").read_bytes()
            and b"leash" not in Path(f"/proc/{pid}/cmdline").read_bytes()
        )
        os.kill(storage, signal.SIGKILL)
        assert started.process.wait(20) == 1
        assert started.process.stderr is not None
        assert "The storage has ended" in started.process.stderr.read()
        assert until_gone(started) == []


def test_ports_that_are_taken_are_replaced_and_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        assert not is_free(port)
        chosen, sentences = choose(Ports(gateway=port, private=0, provider=0, storage=0, analytics=0, book=0))
    assert chosen.gateway != port
    assert sentences == [f"Port {port} is taken: the gateway takes {chosen.gateway}."]
    numbers = [chosen.gateway, chosen.private, chosen.provider, chosen.storage, chosen.analytics, chosen.book]
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        pytest.param("/", "index.html", id="root"),
        pytest.param("/chapter", "chapter/index.html", id="folder"),
        pytest.param("/chapter/index.html", "chapter/index.html", id="file"),
        pytest.param("/nothing", None, id="missing"),
        pytest.param("/.secret", None, id="hidden"),
        pytest.param("/chapter/../../outside", None, id="upwards"),
        pytest.param("/away", None, id="a link out of the book"),
        pytest.param("/a\0b", None, id="zero byte"),
    ],
)
def test_the_book_server_stays_in_the_book(path: str, found: str | None, book: Path) -> None:
    (book.parent / "outside").write_text("no")
    (book / "away").symlink_to(book.parent / "outside")
    assert find_file(book, path) == (None if found is None else book / found)


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gateway", "dev", "--book", str(tmp_path / "none")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False, timeout=30)
    assert (done.returncode, "--book DIR" in done.stderr) == (1, True)


def test_the_leash_ends_its_command_when_the_holder_is_gone() -> None:
    sleeper = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
    leash = subprocess.Popen(
        [sys.executable, "-m", "gateway.server.leash", *sleeper],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert leash.stdin is not None
    assert leash.stdout is not None
    assert leash.stdout.readline() == b"up\n"
    began = time.monotonic()
    leash.stdin.close()
    assert leash.wait(10) == 128 + signal.SIGTERM
    assert time.monotonic() - began < 5
    leash.stdout.close()


def test_the_leash_passes_on_the_status() -> None:
    command = [sys.executable, "-m", "gateway.server.leash", sys.executable, "-c", "raise SystemExit(7)"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as leash:
        assert leash.wait(20) == 7


def test_gateway_yaml_is_written_anew_until_somebody_takes_it_over(book: Path, tmp_path: Path) -> None:
    plan = Plan(book, tmp_path / "state", Ports())
    write_files(plan)
    written = plan.config.read_text()
    assert written.startswith(OURS)
    plan.config.write_text(written + "# mine\n")
    write_files(plan)
    assert plan.config.read_text() == written
    mine = written.removeprefix(OURS) + "# mine\n"
    plan.config.write_text(mine)
    write_files(plan)
    assert plan.config.read_text() == mine
    with pytest.raises(
        DevelopmentError, match=r"not name http://127\.0\.0\.1:8081, 127\.0\.0\.1:8081, where"
    ):
        write_files(replace(plan, ports=Ports(gateway=8081)))


async def test_over_tls_everything_serves_with_a_certificate_that_can_be_trusted(
    book: Path, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    with running(book, state, {}, "--tls") as started:
        assert re.fullmatch(r"https://localhost:\d+", started.book)
        assert re.fullmatch(r"https://127\.0\.0\.1:\d+", started.gateway)
        trust = ssl.create_default_context(cafile=state / "tls" / "authority.pem")
        connector = aiohttp.TCPConnector(ssl=trust)
        async with aiohttp.ClientSession(connector=connector) as session:
            async with session.get(started.book) as response:
                assert started.gateway + "/bookgate.js" in await response.text()
            asked = {"Origin": started.book}
            async with session.get(started.gateway + "/.well-known/bookgate", headers=asked) as response:
                about = await response.json()
        assert (about["status"], about["listed"]) == ("consent", True)
        assert about["backends"] == ["analytics", "storage"]
        assert started.end(signal.SIGINT) == 0
        assert started.process.stderr is not None
        assert str(state / "tls" / "authority.pem") in started.process.stderr.read()
