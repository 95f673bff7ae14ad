import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import create_engine, text

from gateway import signing_keys
from gateway.directory import Directory, KeyRing, migrations
from gateway.signing_keys import LINGER, Rotation, SigningKey, make_next, open_ring

DAY = 86400
FIRST, SECOND, THIRD = (SigningKey.generate(begins) for begins in (100, 2000, 5000))
RING = (FIRST, SECOND, THIRD)
ROTATION = Rotation(every=30 * DAY, publish_before=DAY)


@pytest.mark.parametrize(
    ("now", "signs"),
    [
        pytest.param(0, FIRST, id="before any has begun"),
        pytest.param(1999.9, FIRST, id="the second waits"),
        pytest.param(2000, SECOND, id="the second begins"),
        pytest.param(9000, THIRD, id="long after"),
    ],
)
def test_the_youngest_that_has_begun_signs(now: float, signs: SigningKey) -> None:
    assert signing_keys.signing(RING, now) == signs


@pytest.mark.parametrize(
    ("now", "published"),
    [
        pytest.param(0, RING, id="all before they sign"),
        pytest.param(1999 + LINGER, RING, id="one that signed a while ago"),
        pytest.param(2000 + LINGER, RING[1:], id="nothing it signed is valid"),
        pytest.param(10**9, RING[2:], id="the last stays"),
    ],
)
def test_a_key_is_published_before_and_after_it_signs(now: float, published: object) -> None:
    assert signing_keys.published(RING, now) == published


def test_keys_are_ordered_alike_everywhere() -> None:
    twins = [SigningKey.generate(7) for _ in range(5)]
    assert signing_keys.in_order(twins) == signing_keys.in_order(twins[::-1])


@dataclass(frozen=True)
class Stored:
    kid: str
    begins: int
    follows: str = ""
    sealed: bytes = b""


def test_the_next_is_due_early_enough_to_be_published() -> None:
    stored = [Stored("a", 1000)]
    due = 1000 + 29 * DAY
    assert not signing_keys.is_due(stored, ROTATION, due - 1)
    assert signing_keys.is_due(stored, ROTATION, due)
    assert signing_keys.next_begins(stored, ROTATION, due) == 1000 + 30 * DAY
    late = due + 90 * DAY
    assert signing_keys.next_begins(stored, ROTATION, late + 0.5) == late + DAY
    assert not signing_keys.is_due([*stored, Stored("b", 1000 + 30 * DAY, "a")], ROTATION, due)
    assert signing_keys.is_due([], ROTATION, due)


def test_the_last_is_the_one_that_nothing_follows() -> None:
    assert not signing_keys.last_of([])
    chain = [Stored("b", 2, "a"), Stored("d", 3, "c"), Stored("c", 9, "b")]
    assert signing_keys.last_of(chain) == "d"


def test_a_key_survives_its_file_and_other_curves_do_not() -> None:
    key = SigningKey.generate(7)
    assert SigningKey.load(key.dump(), 7).jwk() == key.jwk()
    other = ec.generate_private_key(ec.SECP384R1()).private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(ValueError, match="P-256"):
        SigningKey.load(other, 7)


@dataclass(frozen=True)
class Seal:
    root: bytes

    def seal(self, purpose: str, key: str, plain: bytes) -> bytes:
        return self.root + f"{purpose}/{key}/".encode() + plain[::-1]

    def open(self, purpose: str, key: str, sealed: bytes) -> bytes | None:
        beginning = self.root + f"{purpose}/{key}/".encode()
        return sealed.removeprefix(beginning)[::-1] if sealed.startswith(beginning) else None


@pytest.fixture
async def vault(tmp_path: Path) -> AsyncGenerator[KeyRing]:
    directory = await Directory.open(f"sqlite+aiosqlite:///{tmp_path}/directory.db", b"k" * 32, lambda: 0.0)
    yield directory.key_ring
    await directory.close()


async def test_the_ring_is_made_once_and_found_again(vault: KeyRing) -> None:
    ring = await open_ring(vault, Seal(b"root"), 5)
    again = await open_ring(vault, Seal(b"root"), 6)
    assert [key.jwk() for key in ring] == [key.jwk() for key in again]
    (kept,) = await vault.signing_keys()
    assert (kept.begins, kept.follows) == (5, "")
    assert ring[0].dump() not in kept.sealed


async def test_many_that_start_at_once_make_one_key(vault: KeyRing) -> None:
    rings = await asyncio.gather(*(open_ring(vault, Seal(b"root"), 5) for _ in range(20)))
    assert len({tuple(key.kid for key in ring) for ring in rings}) == 1
    assert len(await vault.signing_keys()) == 1


async def test_many_that_find_the_next_one_due_make_one(vault: KeyRing) -> None:
    (first,) = await open_ring(vault, Seal(b"root"), 5)
    stored = await vault.signing_keys()
    made = await asyncio.gather(
        *(make_next(vault, Seal(b"root"), stored, now=9, begins=90) for _ in range(20))
    )
    assert sorted(made) == [False] * 19 + [True]
    assert [(key.begins, key.follows) for key in await vault.signing_keys()] == [(5, ""), (90, first.kid)]


async def test_a_key_under_a_lost_root_is_left_out(vault: KeyRing) -> None:
    (lost,) = await open_ring(vault, Seal(b"old"), 5)
    (fresh,) = await open_ring(vault, Seal(b"new"), 6)
    assert lost.kid != fresh.kid
    assert [key.kid for key in await open_ring(vault, Seal(b"old"), 7)] == [lost.kid]


async def test_the_directory_keeps_what_it_is_given_and_takes_it_away(vault: KeyRing) -> None:
    assert await vault.add_signing_key("b", b"\x00sealed", created=1, begins=20, follows="a")
    assert await vault.add_signing_key("a", b"older", created=2, begins=10, follows="")
    assert not await vault.add_signing_key("c", b"late", created=3, begins=30, follows="a")
    await vault.reseal_signing_key("a", b"anew")
    kept = [(key.kid, key.sealed, key.created, key.begins, key.follows) for key in await vault.signing_keys()]
    assert kept == [("a", b"anew", 2, 10, ""), ("b", b"\x00sealed", 1, 20, "a")]
    await vault.remove_signing_key("a")
    assert [key.kid for key in await vault.signing_keys()] == ["b"]


async def test_keys_of_before_have_begun_in_the_order_of_their_making(tmp_path: Path) -> None:
    file = tmp_path / "directory.db"
    engine = create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        for kid, created in (("b", 20), ("c", 20), ("a", 10)):
            row = text("INSERT INTO signing_keys VALUES (:kid, :sealed, :created)")
            connection.execute(row, {"kid": kid, "sealed": kid.encode(), "created": created})
    engine.dispose()
    directory = await Directory.open(f"sqlite+aiosqlite:///{file}", b"k" * 32, lambda: 0.0)
    kept = [(key.kid, key.sealed, key.begins, key.follows) for key in await directory.key_ring.signing_keys()]
    assert kept == [("a", b"a", 10, ""), ("b", b"b", 20, "a"), ("c", b"c", 20, "b")]
    await directory.close()
