"""`bookgate run` as ops start it: parent, nursery, workers and an embedded Redis; and what it logs."""

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from urllib.parse import parse_qs, urlsplit

import aiohttp

from tests.lying_provider import CLIENT_ID, SECRET, LyingProvider, lying_provider
from tests.ports import free_port
from tests.system.house import ORIGINS
from tests.system.reader import Reader
from tests.system.recording_backend import RecordingBackend, recording_backend

START = 60.0  # seconds, on a machine that has much else to do

GATEWAY = """
version: 1
public_url: {url}
listen: {{public: {listen}, private: "127.0.0.1:{private}"}}
state: {folder}/state
workers: {workers}
redis: {{deadline: 5s}}  # embedded; a busy machine is no fault
limits: {{requests: {{per_person: 100000/s, per_origin: 100000/s}}}}  # one reader asks for all
keys:
  root: {{file: root.key}}
  people: {{file: people.key}}
  research: {{file: research.key}}
providers:
  campus:
    preset: oidc
    issuer: {issuer}
    client_id: "{client}"
    client_secret: {{env: SECRET}}
    label: Example University
backends:
  storage:
    urls: ["{storage}"]
    websocket: true
    routes:
      - {{path: /storage/, strip: true}}
      - {{path: /pictures/, strip: true, sign_in: none}}
  analytics: {{urls: ["{storage}"], routes: [{{path: /analytics/}}]}}
  grades: {{urls: ["{storage}"], routes: [{{path: /grades/}}]}}
"""

Line = dict[str, object]


def figure(words: str) -> None:
    """Shown by `pytest -s`."""
    sys.stdout.write(f"\n{words}\n")


async def until(found: Callable[[], object], seconds: float = START) -> float:
    """Waits for a condition; the seconds that it took."""
    began = time.monotonic()
    while not found():
        assert time.monotonic() - began < seconds, f"not within {seconds} s"
        await asyncio.sleep(0.01)
    return time.monotonic() - began


@dataclass
class GatewayProcess:
    """folder: where gateway.yaml, origins.yaml, the state and what it said are."""

    folder: Path
    port: int
    private: str
    liar: LyingProvider
    storage: RecordingBackend
    process: asyncio.subprocess.Process

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def config(self) -> Path:
        return self.folder / "gateway.yaml"

    @property
    def origins(self) -> Path:
        return self.folder / "origins.yaml"

    def lines(self, event: str) -> list[Line]:
        """What it logged of one kind; every line must be whole."""
        text = (self.folder / "log").read_text()
        lines = [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
        return [line for line in lines if line["event"] == event]

    def words(self) -> str:
        return (self.folder / "words").read_text()

    def workers(self) -> list[int]:
        """The pids of those that serve, the oldest first."""
        gone = {line["worker"] for line in self.lines("leaving")}
        pids = [int(str(line["worker"])) for line in self.lines("serving") if line["worker"] not in gone]
        return [pid for pid in pids if is_alive(pid)]

    def serve(self, count: int, *others: int) -> bool:
        """Whether there are as many workers, and none of the others."""
        found = self.workers()
        return len(found) == count and not set(found) & set(others)

    async def answer(self, number: signal.Signals, event: str, key: str) -> Line:
        """Send a signal; the first new line of a kind that has a key."""
        before = sum(key in line for line in self.lines(event))
        self.signal(number)
        await until(lambda: sum(key in line for line in self.lines(event)) > before)
        return [line for line in self.lines(event) if key in line][before]

    def processes(self) -> dict[int, str]:
        """All that belongs to it, Redis too, by what their command lines name."""
        return pids_naming(str(self.folder))

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def reader(self, subject: str = "ada") -> Reader:
        return Reader(self.url, lambda url: self._at_provider(url, subject))

    def _at_provider(self, url: str, subject: str) -> dict[str, str]:
        self.liar.redirect = parse_qs(urlsplit(url).query)["redirect_uri"][0]
        return self.liar.authorize(url, subject)

    async def readiness(self) -> tuple[int, Line]:
        """The answer of any worker, on a new connection; 0: none is there."""
        try:
            async with aiohttp.ClientSession() as client, client.get(f"{self.private}/health/ready") as got:
                return got.status, await got.json()
        except aiohttp.ClientError:
            return 0, {}


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has waited for yet does not."""
    try:
        return _stat(pid)[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def parent_of(pid: int) -> int:
    return int(_stat(pid)[1])


def _stat(pid: int) -> list[str]:
    """State, parent and so on (proc(5)); a name may have blanks."""
    return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()


def pids_naming(words: str) -> dict[int, str]:
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if words in line and is_alive(int(entry.name)):
                    found[int(entry.name)] = line
    return found


@asynccontextmanager
async def gateway_process(
    folder: Path,
    workers: int,
    *,
    told: int | None = None,
    listen: str = '"127.0.0.1:{port}"',
    edit: Callable[[str], str] = str,
    stdout: int | None = None,
) -> AsyncGenerator[GatewayProcess]:
    """From its ready line on; whatever is left of it at the end is ended.

    workers: as gateway.yaml says; told: by `--workers`. listen: the public address. edit: of gateway.yaml.
    stdout: a descriptor whose other end fills the log, instead of the log itself.
    """
    async with AsyncExitStack() as stack:
        liar = await stack.enter_async_context(lying_provider())
        storage = await stack.enter_async_context(recording_backend())
        for name in ("root", "people", "research"):
            (folder / f"{name}.key").write_text(token_hex(32))
        (folder / "origins.yaml").write_text(ORIGINS)
        port, private = free_port(), free_port()
        text = GATEWAY.format(
            url=f"http://127.0.0.1:{port}",
            listen=listen.format(port=port),
            private=private,
            folder=folder,
            workers=workers,
            issuer=liar.issuer,
            client=CLIENT_ID,
            storage=storage.url,
        )
        (folder / "gateway.yaml").write_text(edit(text))
        process = await _start(folder, () if told is None else ("--workers", str(told)), stdout)
        running = GatewayProcess(folder, port, f"http://127.0.0.1:{private}", liar, storage, process)
        try:
            await until(lambda: "bookgate serves" in running.words() or process.returncode is not None)
            assert process.returncode is None, running.words()
            await until(lambda: len(running.workers()) == (told or workers))
            yield running
        finally:
            await _end(running)


async def _start(folder: Path, said: Sequence[str], stdout: int | None) -> asyncio.subprocess.Process:
    command = [sys.executable, "-m", "gateway", "run", "--config", str(folder / "gateway.yaml"), *said]
    with (folder / "log").open("ab") as log, (folder / "words").open("ab") as words:
        out = log.fileno() if stdout is None else stdout
        return await asyncio.create_subprocess_exec(
            *command, env={**os.environ, "SECRET": SECRET}, stdout=out, stderr=words
        )


async def _end(running: GatewayProcess) -> None:
    if running.process.returncode is None:
        running.signal(signal.SIGINT)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(running.process.wait(), 40)
    for pid in running.processes():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    await running.process.wait()
