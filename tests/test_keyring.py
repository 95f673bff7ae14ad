import asyncio
import io
import json
import os
import sqlite3
from base64 import urlsafe_b64decode
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path

import pytest

from gateway import keyring
from gateway.assertions import Assertions
from gateway.config.settings import Keys
from gateway.directory import Directory, KeyRing
from gateway.identity import Internal
from gateway.keyring import AssertionKeys, RootKeys
from gateway.routes import Purpose
from gateway.sealing import Sealer, key_id
from gateway.signing_keys import LINGER, PURPOSE, Rotation, SigningKey, open_ring
from gateway.store import Store
from gateway.telemetry import make_log
from tests.assertion_parts import backend
from tests.sessions_parts import Clock, Parts, loaded, loaded_book

A, B, C, D = (letter.encode() * 43 for letter in "abcd")


async def ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


class Ring:
    """A gateway's root keys in a file of its own."""

    def __init__(
        self, path: Path, *roots: bytes, apart: tuple[bytes, ...] = (), sealer: Sealer | None = None
    ) -> None:
        self.path = path
        self.write(*roots)
        keys = Keys(roots[0], (*roots[1:], *apart), b"p" * 32, b"r" * 32, path, apart)
        self.sealer = sealer or Sealer(keys.root, keys.previous, os.urandom)
        self.clock = Clock()
        self.log = io.StringIO()
        self.keys = RootKeys(keys, self.sealer, self.clock, make_log(self.log))
        self.keys.look()

    def write(self, *roots: bytes) -> None:
        new = self.path.with_name("new")
        new.write_text("".join(f"{root.decode()}\n" for root in roots))
        new.replace(self.path)

    @property
    def ids(self) -> tuple[str, ...]:
        return self.sealer.key_ids

    @property
    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.log.getvalue().splitlines()]


@pytest.fixture
def ring(tmp_path: Path) -> Ring:
    return Ring(tmp_path / "root", A)


def ids(*roots: bytes) -> tuple[str, ...]:
    return tuple(key_id(root) for root in roots)


def test_a_changed_file_is_in_force_at_the_next_look(ring: Ring) -> None:
    ring.keys.look()
    assert ring.lines == []
    for roots in ((A, B), (B, A), (B,)):
        ring.write(*roots)
        ring.keys.look()
        assert ring.ids == ids(*roots)
    assert [line["ring"] for line in ring.lines] == [list(ids(A, B)), list(ids(B, A)), list(ids(B))]
    assert not any(root.decode() in ring.log.getvalue() for root in (A, B))


def test_keys_kept_apart_stay_last(tmp_path: Path) -> None:
    ring = Ring(tmp_path / "root", A, apart=(C,))
    assert ring.ids == ids(A, C)
    ring.write(A, B)
    ring.keys.look()
    assert ring.ids == ids(A, B, C)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("short", id="short"),
        pytest.param(f"{B.decode()} {C.decode()}", id="another form"),
        pytest.param(D.decode(), id="none that was in force"),
        pytest.param(C.decode(), id="only one that is kept apart beside it"),
    ],
)
def test_a_wrong_file_is_not_taken_and_told_once(text: str, tmp_path: Path) -> None:
    ring = Ring(tmp_path / "root", A, apart=(C,))
    ring.path.write_text(text)
    for _ in range(3):
        ring.keys.look()
    assert ring.ids == ids(A, C)
    assert [(line["level"], line["kept"]) for line in ring.lines] == [("error", True)]


def test_a_file_that_is_gone_changes_nothing(ring: Ring) -> None:
    ring.path.unlink()
    ring.keys.look()
    assert ring.ids == ids(A)
    ring.write(A, B)
    ring.keys.look()
    assert ring.ids == ids(A, B)


def test_a_key_that_was_added_just_now_is_found_by_what_it_sealed(ring: Ring) -> None:
    sealed = Sealer(B, (A,), os.urandom).seal("book", "k", b"plain")
    ring.write(B, A)
    assert ring.sealer.open("book", "k", sealed) == b"plain"
    assert ring.ids == ids(B, A)


def test_a_persons_slots_are_those_of_the_file_as_it_is_now(ring: Ring) -> None:
    ring.write(B, A)
    assert ring.sealer.slots("ada") == Sealer(B, (A,), os.urandom).slots("ada")


def test_a_missing_key_is_told_once_in_a_while(ring: Ring) -> None:
    sealed = Sealer(B, (), os.urandom).seal("book", "k", b"plain")
    other = Sealer(C, (), os.urandom).seal("book", "k", b"plain")
    for _ in range(50):
        assert ring.sealer.open("book", "k", sealed) is None
    assert ring.sealer.open("book", "k", other) is None
    assert [line["missing"] for line in ring.lines] == [*ids(B), *ids(C)]
    ring.clock.now += keyring.QUIET
    ring.sealer.open("book", "k", sealed)
    assert [line["missing"] for line in ring.lines] == [*ids(B), *ids(C), *ids(B)]


def test_what_is_remembered_of_missing_keys_is_bounded(ring: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "_KNOWN", 2)
    for number in range(9):
        ring.keys.miss(f"{number:08x}")
    assert len(ring.lines) == 9
    ring.keys.miss("00000008")
    assert len(ring.lines) == 9


def test_without_a_file_nothing_is_followed() -> None:
    log = io.StringIO()
    sealer = Sealer(A, (B,), os.urandom)
    keys = RootKeys(Keys(A, (B,), b"p" * 32, b"r" * 32), sealer, Clock(), make_log(log))
    keys.look()
    assert not keys.miss("00000000")
    assert sealer.key_ids == ids(A, B)


async def test_the_file_is_watched(ring: Ring) -> None:
    watching = asyncio.create_task(ring.keys.watch())
    ring.write(A, B)
    async with asyncio.timeout(60):
        # ruff: ignore[async-busy-wait]  # however slow the machine is
        while ring.ids != ids(A, B):
            await asyncio.sleep(0.05)
    await ended(watching)


async def test_two_workers_with_different_rings_lose_nothing(store: Store, tmp_path: Path) -> None:
    ours, theirs = Parts.on(store, A), Parts.on(store, B)
    there = Ring(tmp_path / "there", B, sealer=theirs.sealer)
    live = await ours.signed_in()
    child = await ours.book(live)
    for _ in range(3):
        assert await loaded(theirs, live) is None
        assert await loaded_book(theirs, child) is None
        assert await loaded(ours, live) == live
    assert [line["missing"] for line in there.lines] == [*ids(A)]
    other = await theirs.signed_in("ben")
    there.write(B, A)
    there.keys.look()
    assert await loaded(theirs, live) == live
    assert await loaded_book(theirs, child) == child
    assert await loaded(ours, other) is None
    await theirs.sessions.end_everywhere("ada")
    assert await loaded(ours, live) is None
    assert await loaded(theirs, other) == other


# -- the keys of assertions

ROTATION = Rotation(every=1000, publish_before=100)


class Gateway:
    """One of a site's gateways, as far as it signs."""

    def __init__(self, vault: KeyRing, clock: Clock, ring: tuple[SigningKey, ...], *roots: bytes) -> None:
        self.clock = clock
        self.log = io.StringIO()
        self.sealer = Sealer(roots[0], roots[1:], os.urandom)
        issuer = "https://gw.example.edu"
        self.assertions = Assertions(ring, issuer, clock, os.urandom, 1, lambda person, *_: person)
        log = make_log(self.log)
        self.keys = AssertionKeys(vault, self.sealer, self.assertions, ROTATION, clock, log)

    @classmethod
    async def start(cls, vault: KeyRing, clock: Clock, *roots: bytes) -> "Gateway":
        sealer = Sealer(roots[0], roots[1:], os.urandom)
        return cls(vault, clock, await open_ring(vault, sealer, int(clock())), *roots)

    @property
    def published(self) -> list[str]:
        return [key["kid"] for key in self.assertions.jwks()["keys"]]

    @property
    def signs(self) -> str:
        _, token = self.assertions.internal_header(Internal(Purpose.MERGE, "cs1", "ada", "guest"), backend())
        head = token.split(".")[0]
        kid = json.loads(urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"]
        assert isinstance(kid, str)
        return kid


@pytest.fixture
async def vault(tmp_path: Path) -> AsyncGenerator[KeyRing]:
    directory = await Directory.open(f"sqlite+aiosqlite:///{tmp_path}/directory.db", b"k" * 32, lambda: 0.0)
    yield directory.key_ring
    await directory.close()


async def test_two_gateways_go_from_key_to_key_together(vault: KeyRing) -> None:
    clock = Clock()
    began = clock.now
    two = [await Gateway.start(vault, clock, A) for _ in range(2)]
    signed: list[str] = []
    published: dict[str, float] = {}
    while clock.now < began + 3500:
        await asyncio.gather(*(each.keys.look() for each in two))
        one, other = two
        assert one.published == other.published
        assert one.signs == other.signs
        for kid in one.published:
            published.setdefault(kid, clock.now)
        if one.signs not in signed:
            signed.append(one.signs)
            if len(signed) > 1:
                assert clock.now - published[one.signs] >= ROTATION.publish_before
        assert set(signed[-1:]) <= set(one.published)
        clock.now += 20
    assert len(signed) == 4
    assert len(published) == 4, "one key each time, not one for each gateway"
    assert signed[0] not in {key.kid for key in await vault.signing_keys()}, "it is removed at last"
    assert one.published == signed[-1:]


async def test_a_key_stays_published_while_its_signatures_are_valid(vault: KeyRing) -> None:
    clock = Clock()
    one = await Gateway.start(vault, clock, A)
    (first,) = one.published
    clock.now += 900
    await one.keys.look()
    assert (one.signs, len(one.published)) == (first, 2)
    clock.now += 100
    await one.keys.look()
    assert (one.signs, one.published[0]) == (one.published[1], first)
    clock.now += LINGER - 1
    await one.keys.look()
    assert first in one.published
    clock.now += 1
    await one.keys.look()
    assert first not in one.published
    assert len(await vault.signing_keys()) == 2
    clock.now += LINGER
    await one.keys.look()
    assert len(await vault.signing_keys()) == 1


async def test_a_key_that_was_opened_stays_open(vault: KeyRing) -> None:
    clock = Clock()
    one = await Gateway.start(vault, clock, A)
    await one.keys.look()
    signs = one.signs
    key = SigningKey.load(Sealer(A, (), os.urandom).open(PURPOSE, signs, await sealed(vault)) or b"", 0)
    await vault.reseal_signing_key(signs, Sealer(B, (), os.urandom).seal(PURPOSE, signs, key.dump()))
    await one.keys.look()
    assert one.signs == signs
    assert (await Gateway.start(vault, clock, B)).signs == signs
    stranger = await Gateway.start(vault, clock, C)
    assert stranger.signs != signs


async def sealed(vault: KeyRing) -> bytes:
    (stored,) = await vault.signing_keys()
    return stored.sealed


async def test_where_nothing_opens_what_signs_goes_on(vault: KeyRing) -> None:
    clock = Clock()
    other = await Gateway.start(vault, clock, B)
    alone = SigningKey.generate(int(clock.now))
    one = Gateway(vault, clock, (alone,), A)
    await one.keys.look()
    assert one.signs == alone.kid
    assert other.signs != alone.kid


async def test_a_directory_that_is_down_is_told_once_and_changes_nothing(tmp_path: Path) -> None:
    clock = Clock()
    url = f"sqlite+aiosqlite:///{tmp_path}/directory.db"
    directory = await Directory.open(url, b"k" * 32, clock)
    one = await Gateway.start(directory.key_ring, clock, A)
    signs = one.signs
    other = sqlite3.connect(tmp_path / "directory.db")
    other.execute("BEGIN IMMEDIATE")  # nobody else can write
    quick = Rotation(every=1, publish_before=1)
    log = make_log(one.log)
    watched = AssertionKeys(directory.key_ring, one.sealer, one.assertions, quick, clock, log)
    watching = asyncio.create_task(watched.watch())
    async with asyncio.timeout(60):
        # ruff: ignore[async-busy-wait]  # however slow the machine is
        while not one.log.getvalue():
            await asyncio.sleep(0.05)
    await asyncio.sleep(3)  # it looks again meanwhile
    await ended(watching)
    assert one.signs == signs
    assert [json.loads(line)["kept"] for line in one.log.getvalue().splitlines()] == [True]
    other.close()
    await directory.close()
