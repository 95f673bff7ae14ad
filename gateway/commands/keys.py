"""`bookgate keys list|rotate|retire`: the keys that may change, changed without ending a session."""

import asyncio
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from functools import partial
from math import ceil
from pathlib import Path
from typing import Annotated, Final, TypeVar

import typer

from gateway.commands import key_table
from gateway.commands.check import DEFAULT_CONFIG, Config, audit, load_settings, stop
from gateway.config import key_file
from gateway.config.key_file import KeyFileError, Ring, spelt
from gateway.config.settings import Settings
from gateway.config.site import new_key
from gateway.directory import Directory, KeyRing, StoredKey
from gateway.errors import DirectoryUnavailableError
from gateway.sealing import Sealer, key_id
from gateway.signing_keys import PURPOSE, make_next
from gateway.telemetry import Audited

T = TypeVar("T")

WAIT: Final = 10  # seconds; a gateway looks at the file every second
NEVER: Final = {
    "people": "Every reader would become a stranger to their own work.",
    "research": "Every pseudonym would change, and studies would fall apart.",
}
app = typer.Typer(help="The keys: list them, put new ones to work, drop old ones.", no_args_is_help=True)

Which = Annotated[str, typer.Argument(help="Which key; only `root` can be changed.")]


@app.command("list")
def list_keys(
    config: Config = DEFAULT_CONFIG,
    as_json: Annotated[  # ruff: ignore[boolean-default-value-positional-argument]
        bool, typer.Option("--json", help="As JSON.")
    ] = False,
) -> None:
    """List the root keys and the keys that sign assertions, by ids that tell nothing of them."""
    settings = load_settings(config)
    stored = _in_directory(settings, _stored) if _has_directory(settings) else ()
    table = key_table.of(settings, _ring(settings), stored, time.time())
    typer.echo(json.dumps(table, indent=2) if as_json else key_table.text(table))


@app.command()
def rotate(
    which: Which = "root",
    config: Config = DEFAULT_CONFIG,
    assertion: Annotated[  # ruff: ignore[boolean-default-value-positional-argument]
        bool, typer.Option("--assertion", help="The key that signs assertions, ahead of its time.")
    ] = False,
    wait: Annotated[int, typer.Option(help="Seconds that gateways get to read the new key.")] = WAIT,
    prepare: Annotated[  # ruff: ignore[boolean-default-value-positional-argument]
        bool, typer.Option("--prepare", help="Only add the key, so that its file can be copied; then rotate.")
    ] = False,
) -> None:
    """Put a new key to work. Nobody is signed out: what the old one sealed opens on."""
    _refuse_never(which)
    settings = load_settings(config)
    if assertion:
        typer.echo(_in_directory(settings, partial(_succeed, settings=settings)))
        audit(Audited.KEYS_ASSERTION, what="the next key, if none waited")
        return
    path = _root_file(settings)
    with _changing(path):
        ring = _read(path)
        if key_file.waiting(ring) is None:
            ring = key_file.added(ring, new_key(secrets.token_bytes).encode(), ceil(time.time()))
            key_file.write(path, ring)
        waiting = key_file.waiting(ring)
        if waiting is None or waiting.since is None:  # `waiting` is there: it was just added
            stop(f"{path}: the key that waits has no time.")
        typer.echo(f"{key_id(waiting.key)} opens, and waits to seal")
        if prepare:
            typer.echo(f"Copy {path} to every machine, call `bookgate keys rotate` here, and copy it again.")
            return
        time.sleep(max(0, waiting.since + wait - time.time()))
        key_file.write(path, key_file.promoted(_read(path), int(time.time())))
        typer.echo(f"{key_id(waiting.key)} seals; {key_id(ring[0].key)} opens what it sealed")
        audit(Audited.KEYS_ROOT, seals=key_id(waiting.key))
    typer.echo("`bookgate keys retire` drops old keys when nothing alive can be sealed by them.")


@app.command()
def retire(
    which: Which = "root",
    config: Config = DEFAULT_CONFIG,
    now: Annotated[  # ruff: ignore[boolean-default-value-positional-argument]
        bool, typer.Option("--now", help="Also keys that sessions are still sealed by: those end.")
    ] = False,
    yes: Annotated[  # ruff: ignore[boolean-default-value-positional-argument]
        bool, typer.Option("--yes", help="Do not ask.")
    ] = False,
) -> None:
    """Drop root keys that nothing is sealed by any more; what lies in the directory is sealed anew first."""
    _refuse_never(which)
    settings = load_settings(config)
    if settings.keys.root_file is None:
        typer.echo(_in_directory(settings, partial(_reseal, settings=settings)))
        stop(_by_hand("keys.root comes from the environment"))
    path = settings.keys.root_file
    with _changing(path):
        settings, before = load_settings(config), _read(path)  # again: nobody changes it from here on
        ring = key_file.dated(before, int(time.time()))
        if ring != before:
            key_file.write(path, ring)
        longest = key_table.longest_life(settings)
        gone = key_file.outlived(ring, longest, int(time.time()))
        if now:
            gone = tuple(line for line in ring[1:] if not line.waits)
            _confirm(len(gone), yes=yes)
        if not gone:
            typer.echo(_nothing(ring, longest))
            return
        typer.echo(_in_directory(settings, partial(_reseal, settings=settings)))
        key_file.write(path, tuple(line for line in ring if line not in gone))
        # once more: a gateway may have written one with the old key meanwhile
        _in_directory(settings, partial(_reseal, settings=settings))
        typer.echo("\n".join(f"{key_id(line.key)} is gone" for line in gone))
        audit(Audited.KEYS_ROOT, dropped=[key_id(line.key) for line in gone])


def _confirm(count: int, *, yes: bool) -> None:
    if count and not yes:
        keys = "1 key" if count == 1 else f"{count} keys"
        warning = f"{keys}: whoever signed in while it sealed is signed out. Drop?"
        typer.confirm(warning, abort=True)


def _nothing(ring: Ring, longest: int) -> str:
    dates = [line.until for line in ring[1:] if line.until is not None]
    if not dates:
        return "There is no old key."
    return f"Nothing to drop: sessions are sealed by old keys until {spelt(min(dates) + longest)} at most."


def _refuse_never(which: str) -> None:
    if which in NEVER:
        stop(f"{which} never changes. {NEVER[which]} Back it up apart.")
    if which != "root":
        stop(f"There is no key {which}: name `root`, or nothing.")


# -- the file


def _root_file(settings: Settings) -> Path:
    path = settings.keys.root_file
    if path is None:
        stop(_by_hand("keys.root comes from the environment"))
    found = path.stat()
    if found.st_mode & 0o007 and found.st_uid != settings.state.stat().st_uid:
        stop(f"{path} can be read by everybody and is not the gateway's: `chown` it to the gateway's user.")
    return path


def _by_hand(why: str) -> str:
    return f"""{why}: bookgate cannot change it. By hand, each step on every machine before the next:
1. Make a key (`openssl rand -base64 32`); name it in keys.previous; restart each gateway.
2. Make it keys.root, and name the old one in keys.previous; restart each gateway.
3. When the longest of `sessions` is over: `bookgate keys retire`, which seals what lies in the directory
   anew; then take the old one out of keys.previous and restart each gateway."""


def _ring(settings: Settings) -> Ring:
    return () if settings.keys.root_file is None else _read(settings.keys.root_file)


def _read(path: Path) -> Ring:
    try:
        return key_file.read(path)
    except (OSError, KeyFileError) as error:
        stop(f"{path}: {error}")


@contextmanager
def _changing(path: Path) -> Generator[None]:
    """The file is ours alone meanwhile; what the system refuses is said."""
    try:
        with key_file.alone(path):
            yield
    except BlockingIOError:
        stop(f"{path} is being changed by another `bookgate keys`.")
    except OSError as error:
        stop(_by_hand(f"{path}: {error.strerror}"))


# -- the directory


def _in_directory(settings: Settings, work: Callable[[KeyRing], Awaitable[T]]) -> T:
    async def done() -> T:
        directory = await Directory.open(settings.directory_url, settings.keys.people, time.time)
        try:
            return await work(directory.key_ring)
        finally:
            await directory.close()

    if not _has_directory(settings):
        stop("There is no directory yet: the first start of the gateway makes it.")
    try:
        return asyncio.run(done())
    except DirectoryUnavailableError as error:
        stop(f"The directory does not answer, and nothing was changed: {error.detail}")


def _has_directory(settings: Settings) -> bool:
    """Whether there is one: SQLite would make it, as whoever called this command. A server says so itself."""
    if not settings.directory_url.startswith("sqlite"):
        return True
    return Path(settings.directory_url.partition(":///")[2]).exists()


async def _stored(ring: KeyRing) -> Sequence[StoredKey]:
    return await ring.signing_keys()


async def _succeed(ring: KeyRing, settings: Settings) -> str:
    """Make the next key now, unless one waits already."""
    now, stored = int(time.time()), await ring.signing_keys()
    begins = now + settings.keys.assertion.publish_before
    waiting = [key for key in stored if key.begins > now]
    if not waiting and await make_next(ring, _sealer(settings), stored, now=now, begins=begins):
        return f"A new key is published from now on, and signs from {spelt(begins)}."
    waiting = waiting or [key for key in await ring.signing_keys() if key.begins > now]
    return "\n".join(f"{key.kid} waits, and signs from {spelt(key.begins)}." for key in waiting)


async def _reseal(ring: KeyRing, settings: Settings) -> str:
    """What lies in the directory, sealed by today's root key."""
    sealer, done, lost = _sealer(settings), 0, 0
    for kept in await ring.signing_keys():
        if sealer.is_current(kept.sealed):
            continue
        plain = sealer.open(PURPOSE, kept.kid, kept.sealed)
        if plain is None:
            lost += 1
        else:
            await ring.reseal_signing_key(kept.kid, sealer.seal(PURPOSE, kept.kid, plain))
            done += 1
    told = f"{done} keys in the directory were sealed anew"
    return told if not lost else f"{told}; {lost} cannot be opened by any key that is here"


def _sealer(settings: Settings) -> Sealer:
    return Sealer(settings.keys.root, settings.keys.previous, secrets.token_bytes)
