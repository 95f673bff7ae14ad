"""The file of the root keys: several keys, one a line; the first seals, all open.

KEY
KEY opens until=2026-11-22T19:04:05Z   sealed before; nothing new since then
KEY waits since=2026-11-22T19:04:05Z   will seal once every gateway has read it
"""

import fcntl
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

MIN_KEY_BYTES: Final = 32


class KeyFileError(ValueError):
    """What is wrong, without any of the keys."""


class ShortKeyError(KeyFileError):
    pass


@dataclass(frozen=True, slots=True)
class RootKey:
    """A line of the file.

    waits: it is there to be read, and has never sealed. until: Unix seconds when it sealed last; None of the
    one that seals, of one that waits, and where nobody noted it.
    """

    key: bytes
    waits: bool = False
    since: int | None = None
    until: int | None = None


Ring = tuple[RootKey, ...]


def parse(text: str) -> Ring:
    """The keys of the file, the one that seals first. Blank lines and lines that begin with # say nothing."""
    lines = [line.strip() for line in text.splitlines()]
    ring = tuple(_parsed(line, number) for number, line in enumerate(lines, 1) if line and line[0] != "#")
    if not ring:
        raise KeyFileError("it holds no key")
    if ring[0].waits or ring[0].until is not None:
        raise KeyFileError("its first key is to seal, and is noted as one that does not")
    if len({line.key for line in ring}) < len(ring):
        raise KeyFileError("it holds one key twice")
    return ring


def _parsed(line: str, number: int) -> RootKey:
    key, _, note = line.partition(" ")
    if len(key.encode()) < MIN_KEY_BYTES:
        raise ShortKeyError(f"line {number} has a key of {len(key.encode())} bytes; it needs {MIN_KEY_BYTES}")
    found = _noted(key.encode(), note)
    if found is None:
        raise KeyFileError(f"line {number} has more than a key and a note of `bookgate keys`")
    return found


def _noted(key: bytes, note: str) -> RootKey | None:
    if not note:
        return RootKey(key)
    word, _, text = note.partition("=")
    try:
        moment = int(datetime.fromisoformat(text).timestamp())
    except ValueError:
        return None
    match word:
        case "waits since":
            return RootKey(key, waits=True, since=moment)
        case "opens until":
            return RootKey(key, until=moment)
        case _:
            return None


def render(ring: Ring) -> str:
    return "".join(f"{line.key.decode()}{_note(line)}\n" for line in ring)


def _note(line: RootKey) -> str:
    if line.waits and line.since is not None:
        return f" waits since={spelt(line.since)}"
    return "" if line.until is None else f" opens until={spelt(line.until)}"


def spelt(moment: int) -> str:
    """RFC 3339."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def waiting(ring: Ring) -> RootKey | None:
    """The key that `rotate` put there and has not yet moved to the front."""
    return next((line for line in ring if line.waits), None)


def added(ring: Ring, key: bytes, now: int) -> Ring:
    """With a key that only opens as yet, second."""
    return ring[0], RootKey(key, waits=True, since=now), *ring[1:]


def promoted(ring: Ring, now: int) -> Ring:
    """With the waiting key first; the one that sealed until now is noted as such."""
    rest = (replace(line, until=now if line.until is None else line.until) for line in ring if not line.waits)
    return *(RootKey(line.key) for line in ring if line.waits), *rest


def dated(ring: Ring, now: int) -> Ring:
    """With a note at keys that somebody moved back by hand: they seal no more, now at the latest."""
    first, *rest = ring
    noted = (line if line.waits or line.until is not None else replace(line, until=now) for line in rest)
    return first, *noted


def outlived(ring: Ring, longest: int, now: int) -> tuple[RootKey, ...]:
    """The keys that nothing alive can be sealed by. longest: seconds that a session lives at most."""
    return tuple(line for line in ring[1:] if line.until is not None and line.until + longest < now)


def read(path: Path) -> Ring:
    """OSError: it cannot be read. KeyFileError: what stands there is not such a file."""
    try:
        return parse(path.read_text("utf-8"))
    except UnicodeDecodeError as error:
        raise KeyFileError("it is not text") from error


@contextmanager
def alone(path: Path) -> Generator[None]:
    """Nobody else changes the file meanwhile. BlockingIOError: somebody does."""
    folder = os.open(path.resolve().parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(folder)


def write(path: Path, ring: Ring) -> None:
    """The whole file at once: whoever reads finds the old keys or the new ones, also after a crash.

    It stays its owner's. OSError: it cannot be replaced (read-only, a mounted secret, another's file).
    """
    real = path.resolve()  # the file, where the path is a link
    kept = real.stat()
    new = real.with_name(f".{real.name}.new")
    new.unlink(missing_ok=True)  # of a run that was cut off
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            if (kept.st_uid, kept.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(handle, kept.st_uid, kept.st_gid)
            os.fchmod(handle, 0o600 | kept.st_mode & stat.S_IRGRP * _is_group_file(kept))
            file.write(render(ring))
            file.flush()
            os.fsync(handle)
        new.replace(real)
    finally:
        new.unlink(missing_ok=True)
    folder = os.open(real.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _is_group_file(found: os.stat_result) -> bool:
    """0640: the gateway reads it as a member of the file's group, and has to go on doing so."""
    return stat.S_IMODE(found.st_mode) == 0o640
