"""Holds the current generation of origins.yaml and swaps it when the file is saved, never for a worse one."""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from watchfiles import awatch

from gateway.config.document import MAX_BYTES
from gateway.config.faults import ConfigError, Fault
from gateway.config.origins_diff import diff, entries, lost
from gateway.config.origins_file import Parsed, generation_of, parse_origins
from gateway.config.origins_since import carry
from gateway.origins import PolicyTable

_POLL = 1.0  # seconds; finds what notifications miss: swapped folders, network file systems
_SETTLE = 0.1  # a save is over when nothing changed for so long
_SETTLE_ROUNDS = 10

_Stamp = tuple[tuple[str, int, int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What an attempt to reload did."""

    changed: bool  # another generation is in force now
    generation: str  # the one in force
    faults: tuple[Fault, ...] = ()  # why the file was not taken
    warnings: tuple[Fault, ...] = ()
    diff: tuple[str, ...] = ()  # what changes for each origin, or would


@dataclass(frozen=True, slots=True)
class _Found:
    """Another table than the one in force, and what it changes."""

    parsed: Parsed
    files: Mapping[str, bytes]
    former: PolicyTable  # the table in force
    table: PolicyTable  # the other one, with what that one knew
    listed: int  # entries of the table in force
    gone: int  # of them, those that would be in no group any more
    diff: tuple[str, ...]


def read_files(path: Path) -> Mapping[str, bytes]:
    """The file's bytes, or those of every .yaml and .yml in the folder; ConfigError where it cannot."""
    try:
        files = _files(path)
        return {file.name: _read(file) for file in files}
    except OSError as error:
        remedy = "Put the file there, or correct `origins:` in gateway.yaml."
        message = f"{path} cannot be read: {error.strerror or error}."
        raise ConfigError((Fault(path.name, 0, "cannot-read", message, remedy),)) from error


def _files(path: Path) -> list[Path]:
    """Hidden files are an editor's or a mount's own business."""
    if not path.is_dir():
        return [path]
    suffixes = {".yaml", ".yml"}
    return sorted(
        file for file in path.iterdir() if file.suffix in suffixes and not file.name.startswith(".")
    )


def _read(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(MAX_BYTES + 1)


def _stamp(path: Path) -> _Stamp:
    """Changes when any of the files does, also when a link on the way is turned. Empty: none is there."""
    stamps = []
    with suppress(OSError):
        for file in _files(path):
            found = file.stat()
            stamps.append((file.name, found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size))
    return tuple(stamps)


def utc_today() -> date:
    return datetime.now(UTC).date()


class Origins:
    """The reference to the current table; readers take it once a request."""

    def __init__(
        self,
        path: Path,
        backend_names: Collection[str],
        today: Callable[[], date] = utc_today,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._backend_names = frozenset(backend_names)
        self.today = today
        self._clock = clock
        self._current: PolicyTable | None = None
        self._unconfirmed: _Found | None = None
        self.files: Mapping[str, bytes] = {}  # the bytes that are in force
        self._stamp: _Stamp = ()
        self._attempts = 0
        self.last: Reloaded | None = None  # for health: its faults are those of the file as it lies there
        self.on_reload: list[Callable[[Reloaded], None]] = []

    @property
    def current(self) -> PolicyTable:
        if self._current is None:
            raise LookupError("load() comes first")
        return self._current

    def load(self) -> tuple[Fault, ...]:
        """Read the file for the first time and return its warnings; ConfigError with all of its faults."""
        self._stamp = _stamp(self._path)
        return self.begin(read_files(self._path))

    def begin(self, files: Mapping[str, bytes]) -> tuple[Fault, ...]:
        """The same with bytes that another process has read."""
        parsed = parse_origins(files, self._backend_names, self.today())
        self._current, self.files = parsed.table, files
        self.last = Reloaded(changed=True, generation=parsed.table.generation, warnings=parsed.warnings)
        return parsed.warnings

    def rename_backends(self, backend_names: Collection[str]) -> None:
        """From now on these backends are there; ConfigError where what is in force names another one."""
        parse_origins(self.files, backend_names)
        self._backend_names = frozenset(backend_names)

    def remember(self, known: PolicyTable) -> None:
        """The generation in force, with what others know of since when its origins are granted."""
        self._current = known

    def reload(self) -> Reloaded:
        """Read the file again; whatever is wrong with it, the old generation stays."""
        self._attempts += 1
        return self._take(self._check())

    async def reload_aside(self) -> None:
        """The same in a thread: thousands of origins take a while."""
        self._attempts += 1
        attempt = self._attempts
        outcome = await asyncio.to_thread(self._check)
        if attempt == self._attempts:  # else a newer file was read meanwhile
            self._take(outcome)

    async def take(self, files: Mapping[str, bytes]) -> Reloaded:
        """Have in force what another process has read, judged and compared; parsed in a thread."""
        outcome = await asyncio.to_thread(self._prove, files, compared=False)
        return self._swap(outcome) if isinstance(outcome, _Found) else self._take(outcome)

    def keep(self, faults: tuple[Fault, ...]) -> Reloaded:
        """Another process has refused the file as it lies there."""
        return self._report(Reloaded(changed=False, generation=self.current.generation, faults=faults))

    def confirm(self, generation: str) -> Reloaded:
        """Take the generation that was refused because it had lost more than half of the origins."""
        unconfirmed = self._unconfirmed
        if unconfirmed is None or unconfirmed.parsed.table.generation != generation:
            message = f"No generation {generation} waits to be confirmed."
            fault = Fault(
                self._path.name, 0, "not-waiting", message, "Reload, and confirm what it then names."
            )
            return self._report(Reloaded(changed=False, generation=self.current.generation, faults=(fault,)))
        return self._swap(unconfirmed, late=True)

    async def watch(self, stop: asyncio.Event) -> None:
        """Reload after every save until `stop` is set."""
        while not stop.is_set():
            # The folder is watched, not the file: a save by rename leaves the watched inode behind.
            folder = self._path if self._path.is_dir() else self._path.parent
            changes = awatch(
                folder,
                watch_filter=None,
                recursive=False,
                debounce=200,
                rust_timeout=int(_POLL * 1000),
                yield_on_timeout=True,
                stop_event=stop,
            )
            try:
                async with aclosing(changes):
                    async for _ in changes:
                        await self._follow()
            except OSError:
                # the folder is gone, or the kernel has no watch left: look once in a while
                await self._follow()
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), _POLL)

    async def _follow(self) -> None:
        """Reload if the file is another than the one that was read last."""
        if _stamp(self._path) == self._stamp:
            return
        await self._settle()
        await self.reload_aside()

    async def _settle(self) -> None:
        """Wait for a save to end: the file may be half written, or renamed away for a moment."""
        for _ in range(_SETTLE_ROUNDS):
            before = _stamp(self._path)
            await asyncio.sleep(_SETTLE)
            if before and _stamp(self._path) == before:
                return

    def _check(self) -> _Found | ConfigError | None:
        """What the file would change; None: it is the one in force."""
        self._stamp = _stamp(self._path)
        try:
            return self._prove(read_files(self._path))
        except ConfigError as error:
            return error

    def _prove(self, files: Mapping[str, bytes], *, compared: bool = True) -> _Found | ConfigError | None:
        current, today = self.current, self.today()
        if generation_of(files) == current.generation:
            return None
        try:
            parsed = parse_origins(files, self._backend_names, today)
        except ConfigError as error:
            return error
        table = self._carry(parsed.table)
        if not compared:
            return _Found(parsed, files, current, table, listed=0, gone=0, diff=())
        gone, listed = len(lost(current, parsed.table)), len(entries(current))
        return _Found(parsed, files, current, table, listed, gone, diff(current, parsed.table, today))

    def _carry(self, table: PolicyTable) -> PolicyTable:
        """Whatever is given back now was not granted until now: sessions from before have ended."""
        return carry(self.current, table, self.today(), int(self._clock()))

    def _take(self, outcome: _Found | ConfigError | None) -> Reloaded:
        self._unconfirmed = None
        current = self.current
        if outcome is None:
            return self._report(Reloaded(changed=False, generation=current.generation))
        if isinstance(outcome, ConfigError):
            return self.keep(outcome.faults)
        if outcome.gone * 2 > outcome.listed:
            self._unconfirmed = outcome
            generation = outcome.parsed.table.generation
            message = (
                f"{outcome.gone} of {outcome.listed} origins would be gone; "
                f"generation {generation} waits to be confirmed."
            )
            remedy = "If that is what you want, restart the gateway: a start takes any file without a fault."
            fault = Fault(self._path.name, 0, "lost-origins", message, remedy)
            refused = Reloaded(
                changed=False, generation=current.generation, faults=(fault,), diff=outcome.diff
            )
            return self._report(refused)
        return self._swap(outcome)

    def _swap(self, found: _Found, *, late: bool = False) -> Reloaded:
        self._unconfirmed = None
        # what is in force may have learnt something meanwhile; a file that was confirmed has waited
        same = found.former is self.current
        self._current = found.table if same and not late else self._carry(found.parsed.table)
        self.files = found.files
        generation, warnings = found.parsed.table.generation, found.parsed.warnings
        return self._report(Reloaded(changed=True, generation=generation, warnings=warnings, diff=found.diff))

    def _report(self, reloaded: Reloaded) -> Reloaded:
        self.last = reloaded
        for listener in self.on_reload:
            listener(reloaded)
        return reloaded
