"""The whole house for a browser: Redis, provider, gateway over TLS, both services, each a process."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.config.site import Site, gateway_yaml, write_keys
from gateway.origins import parse_origin
from tests.browser.book_server import ROOT, BookServer
from tests.browser.certificates import Certificates
from tests.browser.course import CourseServer
from tests.browser.names import (
    ADDRESS,
    ALSO_TRUSTED,
    ASKED,
    BY_ISOLATED_PROVIDER,
    COURSE,
    COURSE_ASKED,
    DENIED,
    GATEWAY,
    KEYED,
    LAB,
    OPEN,
    OPEN_ASKED,
    PROVIDER,
    SCHOOL,
    SHELF,
    STUDIED,
    TRUSTED,
)
from tests.ports import free_port, free_ports
from tests.providers_fixture import IndependentProvider, ServerOfItsOwn, independent_provider
from tests.redis_server import RedisServer

START_SECONDS = 30.0

ORIGINS = """\
version: 1
unlisted: denied
policies:
  book: {{trust: trusted, backends: [storage, analytics, live], sign_in: [campus]}}
groups:
  ours:
    policy: book
    origins:
      - "{trusted}"
      - "{also}"
      - "{studied}"
      - {{origin: "{shelf}", books: {{/cs1/: ada-cs1, /logic/: ada-logic}}}}
  by-the-other-provider:
    policy: book
    sign_in: [isolated]
    origins: ["{isolated}"]
  open:
    policy: book
    sign_in: [campus, guest]
    origins: ["{open}", {{origin: "{open_asked}", trust: consent}}]
  school:
    policy: book
    sign_in: [campus, class_card]
    origins: ["{school}"]
  in-a-course:
    policy: book
    sign_in: [campus, lti]
    origins: ["{course}", {{origin: "{course_asked}", trust: consent}}]
  with-passkeys:
    policy: book
    sign_in: [campus, passkey]
    origins: ["{keyed}"]
  at-home:
    policy: book
    trust: consent
    origins: ["http://localhost:*"]
  others:
    policy: book
    trust: consent
    origins: ["{asked}"]
  blocked:
    trust: denied
    origins: ["{denied}"]
"""

# A provider whose pages sever the popup from the book that opened it.
ISOLATED = """\
  isolated:
    preset: oidc
    issuer: "{issuer}"
    client_id: bookgate
    client_secret: {{env: BROWSER_SECRET}}
    label: Isolated
"""

STUDIES = """\
studies:
  errors:
    title: Error messages
    irb: STUDY1
    basis: consent
    level: 3
    books: [{book}]
    text: {{file: study.md}}
    from: "2020-01-01"
    to: "2099-12-31"
"""

LIVE = """\
  live:
    urls: ["{url}"]
    websocket: true
    identity: {{subject: pairwise}}
    routes:
      - {{path: /live/, strip: true}}
      - {{path: /live/strong/, strip: true, step_up: {{acr: [mfa]}}}}
  lab:
    urls: ["{url}"]
    host: "{lab}"
    websocket: true
    response: {{html: allow, cookies: [seen]}}
    request: {{cookies: [seen]}}
    routes: [{{path: /}}]
"""


@dataclass(frozen=True, slots=True)
class House:
    gateway: str
    books: BookServer
    at_home: BookServer
    course: CourseServer
    authority: Path
    folder: Path
    programs: Mapping[str, "Program"]

    def book(self, name: str, page: str = "plain.html") -> str:
        return f"{self.books.origin(name)}/{page}"

    @property
    def lab(self) -> str:
        """Where the application's pages are."""
        return self.gateway.replace(GATEWAY, LAB)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(encoding="utf-8")


class Program:
    """A program of ours. ready: what answers 200 while it runs."""

    def __init__(
        self, folder: Path, name: str, arguments: Sequence[str], ready: str, env: Mapping[str, str]
    ) -> None:
        self._log = folder / f"{name}.log"
        self._command = [sys.executable, "-m", *arguments]
        self._ready = ready
        self._env = {**os.environ, **env}
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as output:
            self._running = subprocess.Popen(
                self._command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, env=self._env
            )
        _wait_until_ready(self._running, self._ready, self._log)

    def stop(self) -> None:
        running, self._running = self._running, None
        if running is None:
            return
        running.send_signal(signal.SIGTERM)
        try:
            running.wait(timeout=20)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()

    @contextmanager
    def away(self) -> Generator[None]:
        """It does not run."""
        self.stop()
        try:
            yield
        finally:
            self.start()


@contextmanager
def process(
    folder: Path, name: str, arguments: Sequence[str], ready: str, env: dict[str, str] | None = None
) -> Generator[Program]:
    """A program of ours, from when `ready` answers 200 until the end."""
    program = Program(folder, name, arguments, ready, env or {})
    try:
        program.start()
        yield program
    finally:
        program.stop()


def _wait_until_ready(running: subprocess.Popen[bytes], ready: str, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and running.poll() is None:
        try:
            with urllib.request.urlopen(ready, timeout=2) as answer:  # ruff: ignore[suspicious-url-open-usage]  # http on loopback
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"{ready} does not answer:\n{log.read_text(encoding='utf-8')}")


@asynccontextmanager
async def whole_house(folder: Path, certificates: Certificates) -> AsyncGenerator[House]:
    port = free_port(ADDRESS)
    gateway = f"https://{GATEWAY}:{port}"
    isolating = ServerOfItsOwn(
        ADDRESS,
        PROVIDER,
        str(certificates.certificate),
        str(certificates.key),
        {"Cross-Origin-Opener-Policy": "same-origin"},
    )
    async with AsyncExitStack() as providers:
        open_provider = providers.enter_async_context
        campus = await open_provider(independent_provider([f"{gateway}/auth/callback/campus"]))
        isolated = await open_provider(
            independent_provider([f"{gateway}/auth/callback/isolated"], own=isolating)
        )
        with ExitStack() as stack:
            books = stack.enter_context(BookServer.serving(gateway, certificates.context()))
            at_home = stack.enter_context(BookServer.serving(gateway))
            course = stack.enter_context(CourseServer.serving(gateway, certificates.context()))
            redis = RedisServer(folder).start()
            stack.callback(redis.stop)
            programs = _start(stack, folder, certificates, port, campus, isolated, redis, books, course)
            yield House(gateway, books, at_home, course, certificates.authority, folder, programs)


def _start(
    stack: ExitStack,
    folder: Path,
    certificates: Certificates,
    port: int,
    provider: IndependentProvider,
    isolated: IndependentProvider,
    redis: RedisServer,
    books: BookServer,
    course: CourseServer,
) -> dict[str, Program]:
    private, storage, analytics, live = free_ports(4)
    gateway = f"https://{GATEWAY}:{port}"
    site = Site(
        public_url=gateway,
        public=f"{ADDRESS}:{port}",
        private=f"127.0.0.1:{private}",
        contact="books-help@example.edu",
        state=folder / "state",
        redis_variable="BROWSER_REDIS",
        provider="campus",
        issuer=provider.issuer,
        client_secret_variable="BROWSER_SECRET",
        label="Campus",
        guests=True,
        storage=f"http://127.0.0.1:{storage}",
        analytics=f"http://127.0.0.1:{analytics}",
    )
    live_url = f"http://127.0.0.1:{live}"
    _write_configuration(folder, site, certificates, books, isolated.issuer, live_url, course)
    env = {"BROWSER_REDIS": redis.url, "BROWSER_SECRET": provider.client_secret}
    run = ["gateway", "run", "--config", str(folder / "gateway.yaml")]
    stack.enter_context(process(folder, "gateway", run, f"http://127.0.0.1:{private}/health/ready", env))
    run = ["tests.browser.live_service", str(live)]
    stack.enter_context(process(folder, "live", run, f"http://127.0.0.1:{live}/ready"))
    programs: dict[str, Program] = {}
    for name, listen in (("storage", storage), ("analytics", analytics)):
        options = {
            "database": str(folder / f"{name}.sqlite3"),
            "listen": f"127.0.0.1:{listen}",
            "issuer": gateway,
            "audience": name,
            "jwks": f"http://127.0.0.1:{private}/.well-known/jwks.json",
        }
        words = [word for key, value in options.items() for word in (f"--{key}", value)]
        ready = f"http://127.0.0.1:{listen}/health/ready"
        started = process(folder, name, [f"backends.{name}", "run", *words], ready)
        programs[name] = stack.enter_context(started)
    return programs


def _write_configuration(
    folder: Path,
    site: Site,
    certificates: Certificates,
    books: BookServer,
    isolated: str,
    live: str,
    course: CourseServer,
) -> None:
    write_keys(site.state, os.urandom)
    files = f"{{certificate: {_file(certificates.certificate)}, key: {_file(certificates.key)}}}"
    written = gateway_yaml(site, folder)
    lab = site.public_url.removeprefix("https://").replace(GATEWAY, LAB)
    (folder / "study.md").write_text("We look at errors.", encoding="utf-8")
    studied = parse_origin(books.origin(STUDIED))
    assert studied is not None
    changes = {
        "\ntls: none\n": f"\ntls: {files}\noutbound: {{ca: {_file(certificates.authority)}}}\n",
        "{env: BROWSER_REDIS}}": "{env: BROWSER_REDIS}, deadline: 5s}",  # a busy machine is no fault
        "\nsign_in: {guests: true}\n": (
            "\nsign_in: {guests: true, class_cards: true, passkeys: true}\nclasses: {create: anyone}\n"
        ),
        "\nversion: 1\n": f"\nversion: 1\n{STUDIES.format(book=studied.default_book)}",
        "\nproviders:\n": f"\nproviders:\n{ISOLATED.format(issuer=isolated)}",
        "\nbackends:\n": f"\n{course.block}backends:\n{LIVE.format(url=live, lab=lab)}",
    }
    for before, after in changes.items():
        assert before in written
        written = written.replace(before, after)
    (folder / "gateway.yaml").write_text(written, encoding="utf-8")
    origins = {
        "trusted": TRUSTED,
        "also": ALSO_TRUSTED,
        "asked": ASKED,
        "isolated": BY_ISOLATED_PROVIDER,
        "denied": DENIED,
        "shelf": SHELF,
        "open": OPEN,
        "open_asked": OPEN_ASKED,
        "keyed": KEYED,
        "school": SCHOOL,
        "course": COURSE,
        "course_asked": COURSE_ASKED,
        "studied": STUDIED,
    }
    text = ORIGINS.format(**{key: books.origin(name) for key, name in origins.items()})
    (folder / "origins.yaml").write_text(text, encoding="utf-8")


def _file(path: Path) -> str:
    return json.dumps({"file": str(path)})
