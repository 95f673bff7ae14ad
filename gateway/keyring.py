"""The keys that a running gateway uses, followed: a change of their file is in force a second later."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from gateway.assertions import Assertions
from gateway.config import key_file
from gateway.config.key_file import KeyFileError
from gateway.config.settings import Keys
from gateway.directory import KeyRing, StoredKey
from gateway.errors import DirectoryUnavailableError
from gateway.sealing import Sealer, key_id
from gateway.signing_keys import (
    LINGER,
    PURPOSE,
    Ring,
    Rotation,
    SigningKey,
    in_order,
    is_due,
    make_next,
    next_begins,
    published,
    signing,
)
from gateway.telemetry import Audit, Audited, Log

EVERY: Final = 1.0  # seconds between two looks at the file
EVERY_ROW: Final = 30.0  # the same at the directory
QUIET: Final = 600.0  # seconds until the same missing key is told again
_KNOWN: Final = 100  # missing keys that are remembered as told

_Stamp = tuple[int, int, int] | None


class RootKeys:
    """What stands in the file of the root keys is what the sealer has.

    A file with a fault, or with none of the keys in force, is not taken: a wrong mount must not end every
    session. clock: seconds that never run backwards.
    """

    def __init__(self, keys: Keys, sealer: Sealer, clock: Callable[[], float], log: Log) -> None:
        self._file = keys.root_file
        self._apart = keys.apart
        self._roots = (keys.root, *keys.previous[: len(keys.previous) - len(keys.apart)])  # those of the file
        self._sealer = sealer
        self._clock = clock
        self._log = log
        self._stamp: _Stamp = None
        self._told: dict[str, float] = {}
        sealer.on_missing = self.miss
        sealer.before_slots = self.look

    async def watch(self) -> None:
        """Never returns. Polls: notifications do not reach every file system that secrets are kept on."""
        while True:
            self.look()
            await asyncio.sleep(EVERY)

    def look(self) -> None:
        """Take the file if it is another than the one read last."""
        if self._file is None:
            return
        stamp = _stamp(self._file)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            ring = key_file.read(self._file)
        except (OSError, KeyFileError) as error:
            self._log.error("keys", fault=f"{self._file}: {error}", kept=True)
            return
        self._take(tuple(line.key for line in ring))

    def miss(self, key: str) -> bool:
        """For `Sealer.on_missing`: look at once, the key may just have been added; tell if it was not.

        A session that it sealed is signed out here and alive where the key is.
        """
        self.look()
        if key in self._sealer.key_ids:
            return True
        now = self._clock()
        if now - self._told.get(key, -QUIET) >= QUIET:
            if len(self._told) >= _KNOWN:
                self._told.clear()
            self._told[key] = now
            self._log.warning(
                "keys", fault="sealed by a root key that is not here", missing=key, ring=self._sealer.key_ids
            )
        return False

    def _take(self, roots: tuple[bytes, ...]) -> None:
        if not set(roots) & set(self._roots):
            fault = f"{self._file}: none of its keys was in force; a restart takes it, and ends all sessions"
            self._log.error("keys", fault=fault, kept=True)
            return
        if roots != self._roots:
            self._sealer.replace(roots[0], (*roots[1:], *self._apart))
            self._roots = roots
            self._told.clear()
            Audit(self._log).note(Audited.KEYS_ROOT, seals=key_id(roots[0]), ring=self._sealer.key_ids)


class AssertionKeys:
    """The keys that sign, as the directory has them; the next one is made in time, by whoever comes first.

    clock: Unix seconds.
    """

    def __init__(
        self,
        vault: KeyRing,
        sealer: Sealer,
        assertions: Assertions,
        rotation: Rotation,
        clock: Callable[[], float],
        log: Log,
    ) -> None:
        self._vault = vault
        self._sealer = sealer
        self._assertions = assertions
        self._rotation = rotation
        self._clock = clock
        self._log = log
        self._opened: dict[str, SigningKey] = {}
        self._signs = ""
        self._fault: str | None = None

    async def watch(self) -> None:
        """Never returns. Looks several times before a new key signs."""
        pause = min(EVERY_ROW, self._rotation.publish_before / 5)
        while True:
            fault = None
            try:
                await self.look()
            except DirectoryUnavailableError as error:
                fault = error.detail
            if fault != self._fault and fault is not None:
                self._log.warning("keys", fault=fault, kept=True)
            self._fault = fault
            await asyncio.sleep(pause)

    async def look(self) -> None:
        """Make the next key if it is time, take what is there, remove what nobody verifies by any more."""
        now = self._clock()
        stored = await self._vault.signing_keys()
        if is_due(stored, self._rotation, now):
            begins = next_begins(stored, self._rotation, now)
            await make_next(self._vault, self._sealer, stored, now=int(now), begins=begins)
            stored = await self._vault.signing_keys()
        ring = self._open(stored)
        if not ring:
            return  # `Sealer.on_missing` told of it; what signs now goes on
        self._assertions.replace(ring)
        signs = signing(ring, now).kid
        if signs != self._signs:
            self._signs = signs
            out = [key.kid for key in published(ring, now)]
            Audit(self._log).note(Audited.KEYS_ASSERTION, signs=signs, published=out)
        for key in set(ring) - set(published(ring, now - LINGER)):
            await self._vault.remove_signing_key(key.kid)

    def _open(self, stored: Sequence[StoredKey]) -> Ring:
        """A key once opened stays open: it may have been sealed anew by a root that is yet to come here."""
        found: dict[str, SigningKey] = {}
        for kept in stored:
            known = self._opened.get(kept.kid)
            if known is None:
                der = self._sealer.open(PURPOSE, kept.kid, kept.sealed)
                known = None if der is None else SigningKey.load(der, kept.begins)
            if known is not None:
                found[kept.kid] = known
        self._opened = found
        return in_order(list(found.values()))


def _stamp(path: Path) -> _Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
