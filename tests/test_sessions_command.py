import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.__main__ import app
from gateway.config.gateway_file import parse_gateway
from gateway.config.settings import Settings
from gateway.opening import Opened, open_sessions
from gateway.records import LiveSignIn, Mode
from gateway.telemetry import make_log
from tests.redis_server import RedisServer

ISSUER = "https://idp.example.edu"
BOOK = "https://ada.example.org"
PROVIDERS = f"""
providers:
  campus: {{preset: oidc, issuer: "{ISSUER}", client_id: books, label: Example University}}
  evening: {{preset: oidc, issuer: "https://evening.example.edu", client_id: books}}
  schools: {{preset: microsoft, tenant: school, client_id: books, client_secret: {{env: BOOKGATE_REDIS}}}}
"""


@dataclass
class Site:
    """A site without a running gateway: its files, its Redis, and people who signed in."""

    folder: Path
    redis: RedisServer

    @property
    def environment(self) -> dict[str, str]:
        return {"BOOKGATE_REDIS": self.redis.url}

    @property
    def settings(self) -> Settings:
        path = self.folder / "config" / "gateway.yaml"
        return parse_gateway(path.read_bytes(), path, self.environment)

    def run(self, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "gateway", *words],
            cwd=self.folder,
            env={**os.environ, **self.environment, "NO_COLOR": "1", "TERMINAL_WIDTH": "100"},
            input=typed,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def end(self, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        return self.run("sessions", "end", *words, typed=typed)

    def open(self) -> AbstractAsyncContextManager[Opened]:
        return open_sessions(self.settings, self.redis.url, make_log(io.StringIO()))

    async def signed_in(self, subject: str, provider: str = "campus", origin: str = BOOK) -> LiveSignIn:
        """With one book."""
        async with self.open() as opened:
            person = await opened.directory.sign_in(ISSUER, subject, subject.title(), provider)
            live = await opened.sessions.begin_sign_in(
                person.id,
                person.name,
                provider,
                0,
                own_device=True,
                replaces=None,
                device="Firefox on Linux",
                provider_session=None,
            )
            begun = await opened.sessions.begin_book(live, origin, None, approved=True)
            assert await opened.sessions.confirm_book(begun.key, Mode.COOKIE) is not None
            return live

    async def alive(self, *sessions: LiveSignIn) -> list[tuple[bool, bool]]:
        """Of each: whether it is, and whether its book is."""
        async with self.open() as opened:
            found = []
            for live in sessions:
                living = {one.key for one in await opened.sessions.of_person(live.record.person)}
                found.append((live.key in living, len(living - {live.key}) > 0))
            return found


def make_site(folder: Path) -> Path:
    """Its gateway.yaml."""
    path = folder / "config" / "gateway.yaml"
    assert (
        CliRunner().invoke(app, ["init", "--config", str(path), "--state", str(folder / "state")]).exit_code
        == 0
    )
    text = re.sub(r"(?ms)^providers:.*?(?=^sign_in)", PROVIDERS + "\n", path.read_text("utf-8"), count=1)
    path.write_text(f"{text}\nredis: {{url: {{env: BOOKGATE_REDIS}}, deadline: 5s}}\n", "utf-8")
    return path


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Its Redis comes back with what it had."""
    make_site(tmp_path)
    redis = RedisServer(tmp_path / "redis", settings=["appendonly yes", "appendfsync always"]).start()
    yield Site(tmp_path, redis)
    redis.stop()


@pytest.fixture(scope="module")
def gateway_yaml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_site(tmp_path_factory.mktemp("site"))


async def test_a_person_of_one_school_of_many(site: Site) -> None:
    school = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"
    issuer = f"https://login.microsoftonline.com/{school}/v2.0"
    async with site.open() as opened:
        await opened.directory.sign_in(issuer, "ada", "Ada", "schools")
    done = site.run("sessions", "list", "--provider", "schools", "--subject", f"{school}/ada")
    assert (done.returncode, done.stdout) == (0, "No session.\n"), done.stderr


async def test_a_persons_sessions_are_listed(site: Site) -> None:
    ada, bob = await site.signed_in("ada"), await site.signed_in("bob")
    done = site.run("sessions", "list", "--provider", "campus", "--subject", "ada")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    assert " ".join(lines[0].split()) == "Where, and the session's name Way in Signed in Last used"
    assert " ".join(lines[2].split()) == "Firefox on Linux Example University just now just now"
    assert lines[3] == ada.key
    assert " ".join(lines[4].split()) == f"{BOOK} just now just now"
    assert bob.key not in done.stdout
    done = site.run("sessions", "list", "--person", ada.record.person, "--json")
    (told,) = json.loads(done.stdout)["sessions"]
    assert (told["session"], told["provider"], told["device"]) == (ada.key, "campus", "Firefox on Linux")
    assert [book["origin"] for book in told["books"]] == [BOOK]


async def test_one_person_is_signed_out(site: Site) -> None:
    ada, phone, bob = [await site.signed_in(name) for name in ("ada", "ada", "bob")]
    person = ada.record.person
    done = site.end("--session", phone.key)
    assert (done.returncode, done.stdout) == (0, f"Ended: the session {phone.key}.\n")
    assert await site.alive(ada, phone, bob) == [(True, True), (False, True), (True, True)]
    done = site.end("--person", person)
    assert (done.returncode, done.stdout) == (0, f"Ended: every session of the person {person}.\n")
    assert await site.alive(ada, phone, bob) == [(False, False), (False, False), (True, True)]
    done = site.end("--provider", "campus", "--subject", "bob", "--json")
    assert json.loads(done.stdout) == {"ended": "every session of 'bob' of campus", "done": True}
    told = json.loads(done.stderr)
    assert (told["event"], told["act"], told["by"]) == ("audit", "sessions.ended", "operator")
    assert told["what"] == "every session of 'bob' of campus"
    assert await site.alive(bob) == [(False, False)]
    assert site.run("sessions", "list", "--person", person).stdout == "No session.\n"


async def test_many_are_signed_out_after_a_question(site: Site) -> None:
    ada, late = await site.signed_in("ada"), await site.signed_in("bob", "evening")
    done = site.end("--provider", "evening", typed="n\n")
    assert done.returncode == 1
    assert done.stderr == "End every session that came by evening? [y/N] Nothing was ended.\n"
    assert site.end("--provider", "evening").returncode == 1, "nobody there to answer"
    assert await site.alive(ada, late) == [(True, True), (True, True)]
    done = site.end("--provider", "evening", typed="y\n")
    assert (done.returncode, done.stdout) == (0, "Ended: every session that came by evening.\n")
    assert await site.alive(ada, late) == [(True, True), (False, False)]
    done = site.end("--origin", BOOK, "--yes")
    assert (done.returncode, done.stdout) == (0, f"Ended: every session of the book at {BOOK}.\n")
    assert await site.alive(ada) == [(True, False)]
    done = site.end("--older-than", "1h", "--yes")
    assert done.returncode == 0
    assert re.fullmatch(
        r"Ended: every session that began before \d{4}-\d\d-\d\d \d\d:\d\d UTC\.\n", done.stdout
    )
    assert await site.alive(ada) == [(True, False)], "younger than that"
    done = site.end("--all", "--yes")
    assert (done.returncode, done.stdout) == (0, "Ended: every session of everybody.\n")
    assert await site.alive(ada) == [(False, False)]
    assert await site.alive(await site.signed_in("ada")) == [(True, True)], "they can sign in again"


async def test_while_redis_is_away_it_is_noted(site: Site) -> None:
    ada, bob, cleo = [await site.signed_in(name) for name in ("ada", "bob", "cleo")]
    async with site.open() as opened:
        (book,) = [
            one.key for one in await opened.sessions.of_person(cleo.record.person) if one.key != cleo.key
        ]
    site.redis.stop()
    done = site.end("--person", ada.record.person)
    assert (done.returncode, done.stdout) == (
        3,
        (
            f"Noted: every session of the person {ada.record.person}. Redis does not answer here: it is done "
            "as soon as Redis is back, before any session is served.\n"
        ),
    )
    assert site.end("--session", book).returncode == 3
    done = site.end("--session", bob.key, "--json")
    assert done.returncode == 3
    assert json.loads(done.stdout) == {"ended": f"the session {bob.key}", "done": False}
    done = site.run("sessions", "list", "--person", ada.record.person)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "Redis does not answer, so nobody can say who is signed in. Nobody was signed out.\n"
    )
    site.redis.start()
    assert await site.alive(ada, bob, cleo) == [(False, False), (False, False), (True, False)]


async def test_who_came_by_a_provider_that_is_not_configured_any_more(site: Site) -> None:
    ada, bob = await site.signed_in("ada", "former"), await site.signed_in("bob")
    assert site.end("--provider", "former", "--subject", "ada").returncode == 1, "whose issuer nobody knows"
    assert site.end("--provider", "former", "--yes").returncode == 0
    assert await site.alive(ada, bob) == [(False, False), (True, True)]


async def test_without_the_directory_nothing_is_believed_to_be_done(site: Site) -> None:
    ada = await site.signed_in("ada")
    (directory,) = site.settings.state.glob("directory.sqlite3")
    for path in site.settings.state.glob("directory.sqlite3*"):
        path.unlink()
    directory.write_bytes(b"no database" * 1000)
    for words in (["--person", ada.record.person], ["--all", "--yes"]):
        done = site.end(*words)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("The directory does not answer, so this is not done, or not for good: ")
    done = site.run("sessions", "list", "--person", ada.record.person)
    assert done.stderr.startswith("The directory does not answer: ")


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        pytest.param(["end"], 2, "Say what to end, by one option", id="nothing"),
        pytest.param(["end", "--all", "--person", "p"], 2, "by one option", id="two"),
        pytest.param(
            ["end", "--person", "p", "--subject", "s"], 2, "by one option", id="a subject of nobody"
        ),
        pytest.param(["end", "--session", "nonsense"], 2, "This is no session", id="no session"),
        pytest.param(["end", "--origin", "ada.example.org"], 2, "An origin is written", id="no origin"),
        pytest.param(["end", "--older-than", "a while"], 2, "Write an age as", id="no age"),
        pytest.param(
            ["end", "--provider", "gone", "--yes"], 1, "There is: campus, evening, schools.", id="no provider"
        ),
        pytest.param(
            ["end", "--provider", "campus", "--subject", "x"], 1, "Nobody has signed in", id="a stranger"
        ),
        pytest.param(
            ["list", "--provider", "schools", "--subject", "x"], 1, "ORGANISATION/SUBJECT", id="whose school"
        ),
        pytest.param(["list"], 2, "Name one person", id="nobody"),
        pytest.param(["list", "--provider", "campus"], 2, "Name one person", id="a provider alone"),
        pytest.param(
            ["list", "--provider", "campus", "--subject", "x"], 1, "Nobody has", id="list a stranger"
        ),
    ],
)
def test_what_cannot_be_meant(gateway_yaml: Path, words: list[str], status: int, said: str) -> None:
    redis = {"BOOKGATE_REDIS": "redis://127.0.0.1:1/0"}
    done = CliRunner().invoke(app, ["sessions", *words, "--config", str(gateway_yaml)], env=redis)
    assert (done.exit_code, done.stdout) == (status, "")
    assert said in " ".join(done.stderr.replace("│", " ").split())
