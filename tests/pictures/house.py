"""What the pictures show: a gateway, a provider and the demo book on loopback; every kind of origin."""

import sqlite3
from collections.abc import Generator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from tests.browser.book_server import ROOT
from tests.browser.course import CourseServer
from tests.browser.house import process
from tests.ports import free_ports
from tests.redis_server import RedisServer
from tests.system.tool_keys import write_tool_key

TRUSTED = "https://books.example.edu"
ASKED = "https://ada.example.org"
LONG = "https://introduction-to-turtles-and-other-walking-animals.department-of-mathematics.example.edu"
INTERNATIONAL = "https://xn--bcher-kva.example.org"
AT_HOME = "http://localhost:8000"
DENIED = "https://scraper.example.net"
ENDED = "https://summer-school.example.edu"
NO_WAY_IN = "https://reading-room.example.edu"
ONE_WAY = "https://evening-school.example.edu"
READER = "Ada Lovelace"

GATEWAY = """\
version: 1
public_url: {gateway}
contact: books-help@example.edu
listen: {{public: "127.0.0.1:{port}", private: "127.0.0.1:{private}"}}
tls: none
state: state
origins: {{file: origins.yaml}}
redis: {{url: {{env: PICTURES_REDIS}}, deadline: 5s}}
keys: {{root: {{file: root.key}}, people: {{file: people.key}}, research: {{file: research.key}}}}
providers:
  university:
    preset: oidc
    issuer: "{provider}"
    client_id: bookgate
    label: Example University
    logout: provider
  school: {{preset: oidc, issuer: "http://127.0.0.1:{nobody}", client_id: bookgate, label: City School}}
sign_in: {{guests: true, class_cards: true}}
classes: {{create: anyone}}
backends:
  storage:
    urls: ["http://127.0.0.1:{storage}"]
    routes: [{{path: /storage/, strip: true}}]
    guests: true
    personal_tokens: true
    lifecycle: [merge]
  analytics:
    urls: ["http://127.0.0.1:{analytics}"]
    routes: [{{path: /analytics/, strip: true}}]
    identity: {{subject: pseudonym}}
    guests: true
studies:
  errors:
    title: Error messages
    irb: STUDY00012345
    basis: consent
    level: 3
    books: [books.example.edu]
    text: {{file: study.md}}
    from: "2020-01-01"
    to: "2099-12-31"
{course}pages: {{name: Example Books, links: {{privacy: "https://example.edu/privacy"}}}}
"""
STUDY = """\
Which error messages help people who learn to program?

We look at your answers in this book, and at the messages that you saw. Nobody who looks knows your name.
"""
ORIGINS = """\
version: 1
unlisted: denied
policies:
  book: {{trust: trusted, backends: [storage, analytics]}}
groups:
  ours:
    policy: book
    origins:
      - "{book}"
      - {trusted}
      - {{origin: {no_way_in}, sign_in: [guest]}}
      - {{origin: {one_way}, sign_in: [school]}}
      - {{origin: {ended}, expires: "2026-01-01"}}
  others:
    policy: book
    trust: consent
    origins: [{asked}, {long}, {international}, "http://localhost:*"]
  blocked:
    trust: denied
    contact: web-team@example.edu
    origins: [{denied}]
"""


@dataclass(frozen=True, slots=True)
class House:
    """Where everything answers. gateway, provider, book: origins."""

    gateway: str
    provider: str
    book: str
    course: CourseServer
    redis: RedisServer
    ready: str
    directory: Path

    @contextmanager
    def without_sessions(self) -> Generator[None]:
        """Redis is down for so long."""
        self.redis.stop()
        try:
            yield
        finally:
            self.redis.start()

    @contextmanager
    def directory_locked(self) -> Generator[None]:
        """Somebody else holds the directory's file for so long."""
        with closing(sqlite3.connect(self.directory, isolation_level=None, timeout=20)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            try:
                yield
            finally:
                connection.execute("ROLLBACK")


@contextmanager
def open_house(folder: Path) -> Generator[House]:
    """Everything started, on free ports, with its files in `folder`; all of it ends with the block."""
    names = ("port", "private", "provider", "book", "storage", "analytics", "nobody")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    gateway, provider = (f"http://127.0.0.1:{ports[name]}" for name in ("port", "provider"))
    book, ready = f"http://localhost:{ports['book']}", f"http://127.0.0.1:{ports['private']}/health/ready"
    for name in ("root", "people", "research"):
        (folder / f"{name}.key").write_text(token_hex(32))
    (folder / "state").mkdir()
    write_tool_key(folder)
    (folder / "study.md").write_text(STUDY)
    origins = {
        "trusted": TRUSTED,
        "no_way_in": NO_WAY_IN,
        "one_way": ONE_WAY,
        "ended": ENDED,
        "asked": ASKED,
        "long": LONG,
    }
    origins |= {"international": INTERNATIONAL, "denied": DENIED, "book": book}
    (folder / "origins.yaml").write_text(ORIGINS.format(**origins))
    with ExitStack() as stack:
        course = stack.enter_context(CourseServer.serving(gateway))
        values = {**ports, "gateway": gateway, "provider": provider, "course": course.block}
        (folder / "gateway.yaml").write_text(GATEWAY.format(**values))
        redis = RedisServer(folder).start()
        stack.callback(redis.stop)
        run = ["gateway", "run", "--config", str(folder / "gateway.yaml")]
        stack.enter_context(process(folder, "gateway", run, ready, {"PICTURES_REDIS": redis.url}))
        _start_neighbours(stack, folder, ports)
        yield House(gateway, provider, book, course, redis, ready, folder / "state" / "directory.sqlite3")


def _start_neighbours(stack: ExitStack, folder: Path, ports: dict[str, int]) -> None:
    gateway, provider = (f"http://127.0.0.1:{ports[name]}" for name in ("port", "provider"))
    listen = provider.removeprefix("http://")
    run = ["gateway.development.provider", "--listen", listen, "--gateway", gateway]
    stack.enter_context(process(folder, "provider", run, f"{provider}/"))
    run = ["gateway.development.book", "--root", str(ROOT / "examples" / "book")]
    run += ["--port", str(ports["book"]), "--gateway", gateway]
    stack.enter_context(process(folder, "book", run, f"http://localhost:{ports['book']}/"))
    for name in ("storage", "analytics"):
        run = [f"backends.{name}", "run", "--database", str(folder / f"{name}.sqlite3")]
        run += ["--listen", f"127.0.0.1:{ports[name]}", "--issuer", gateway, "--audience", name]
        run += ["--jwks", f"http://127.0.0.1:{ports['private']}/.well-known/jwks.json"]
        ready = f"http://127.0.0.1:{ports[name]}/health/ready"
        stack.enter_context(process(folder, name, run, ready))
