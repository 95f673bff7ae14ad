"""What in Redis is not what the gateway wrote is no session, never deleted, never adopted and never a 500."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec
import pytest

from gateway.errors import GatewayError
from gateway.records import Code, Form, LiveBook, LiveSignIn, Mode, Ticket, WebSocketTicket
from gateway.session_ids import Issued, slot_of
from gateway.session_life import BOOK as BOOK_KIND
from gateway.session_life import SIGN_IN, person_of, place_of
from gateway.store import Place, Store
from tests.sessions_parts import BOOK, LIMITS, ROOT, Parts, loaded, loaded_book

SID = "s" * 43
CODE = Code("s" * 16, "p", BOOK, BOOK, "x", None, approved=False, clicked=True)


async def raw(parts: Parts, *command: str | bytes) -> object:
    """A command by somebody who can write to Redis; `KEY:` before a key stands for the test's prefix."""
    prefix = parts.prefix.encode()
    words = [word.encode() if isinstance(word, str) else word for word in command]
    named = [prefix + word.removeprefix(b"KEY:") if word.startswith(b"KEY:") else word for word in words]
    return await parts.store.connection.do(lambda redis: redis.execute_command(*named))  # type: ignore[no-untyped-call]


async def sealed(parts: Parts, place: Place) -> bytes:
    found = await raw(parts, "HGET", f"KEY:{place.record}", "v")
    assert isinstance(found, bytes)
    return found


class TestValues:
    async def test_one_bit_or_one_byte_less_is_nobodys(self, parts: Parts) -> None:
        live = await parts.signed_in()
        place = place_of(SIGN_IN, live.key)
        value = await sealed(parts, place)
        changed = [value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :] for at in range(len(value))]
        for other in (*changed, *(value[:at] for at in range(len(value))), value + b"\x00", b"\x00" * 100):
            await raw(parts, "HSET", f"KEY:{place.record}", "v", other)
            assert await loaded(parts, live) is None
            assert await sealed(parts, place) == other, "left as it is"
        await raw(parts, "HSET", f"KEY:{place.record}", "v", value)
        assert await loaded(parts, live) == live

    async def test_moved_to_another_key_it_is_nobodys(self, parts: Parts) -> None:
        ada, again, ben = [await parts.signed_in(person) for person in ("ada", "ada", "ben")]
        one, two = await parts.book(ada), await parts.book(ada)
        places = [place_of(SIGN_IN, live.key) for live in (ada, again, ben)]
        places += [place_of(BOOK_KIND, live.key) for live in (one, two)]
        values = [await sealed(parts, place) for place in places]
        for turn in range(1, len(places)):
            for at, place in enumerate(places):
                await raw(parts, "HSET", f"KEY:{place.record}", "v", values[(at + turn) % len(places)])
            assert [await loaded(parts, live) for live in (ada, again, ben)] == [None, None, None]
            assert [await loaded_book(parts, book) for book in (one, two)] == [None, None]

    async def test_copied_under_a_key_that_an_attacker_knows_it_is_nobodys(self, parts: Parts) -> None:
        live = await parts.signed_in()
        minted = Issued.mint(slot_of(live.key), lambda length: b"k" * length)
        await raw(
            parts, "HSET", f"KEY:{place_of(SIGN_IN, minted.key).record}", "seen", "1",
            "v", await sealed(parts, place_of(SIGN_IN, live.key)),
        )  # fmt: skip
        assert await parts.sessions.load_sign_in(minted.id) is None
        replaced = await parts.signed_in(replaces=minted.id)
        assert await loaded(parts, replaced) == replaced
        assert await parts.sessions.load_sign_in(minted.id) is None

    async def test_kept_by_redis_beyond_its_limit_it_has_ended(self, parts: Parts) -> None:
        """What is sealed says when it ends at the latest, whatever Redis was told."""
        live = await parts.signed_in()
        await parts.passes(LIMITS.sign_in.idle - 1)
        name = f"KEY:{place_of(SIGN_IN, live.key).record}"
        await raw(parts, "PERSIST", name)
        await raw(parts, "HSET", name, "seen", "99999999999", "born", "99999999999")
        assert await loaded(parts, live) == live, "idle time alone is believed of Redis"
        parts.clock.now = live.record.ends
        assert await loaded(parts, live) is None

    async def test_nor_does_it_idle_longer_than_it_may(self, parts: Parts) -> None:
        live = await parts.signed_in()
        await raw(parts, "PERSIST", f"KEY:{place_of(SIGN_IN, live.key).record}")
        await parts.passes(LIMITS.sign_in.idle)
        assert await loaded(parts, live) is None

    async def test_a_book_of_another_person_than_its_parents_is_nobodys(self, parts: Parts) -> None:
        """Nothing of ours makes one: who it would be is not left to that."""
        live = await parts.book()
        place = place_of(BOOK_KIND, live.key)
        other = msgspec.structs.replace(live.record, person="ben")
        await raw(
            parts, "HSET", f"KEY:{place.record}", "v", parts.sealer.seal_record("book", live.key, other)
        )
        assert await loaded_book(parts, live) is None

    async def test_an_earlier_value_says_no_more_than_it_did(self, parts: Parts) -> None:
        live = await parts.signed_in()
        name = f"KEY:{place_of(SIGN_IN, live.key).record}"
        value = await sealed(parts, place_of(SIGN_IN, live.key))
        await parts.sessions.end_everywhere("ada")
        await raw(parts, "HSET", name, "v", value)
        assert await loaded(parts, live) is None, "the epoch has gone on"

    @pytest.mark.parametrize("number", ["", "-1", "x", "1.5", "٣", "9" * 400])
    async def test_an_epoch_that_is_none_is_nobodys(self, parts: Parts, number: str) -> None:
        live = await parts.signed_in()
        await raw(parts, "HSET", f"KEY:{person_of(live.key)}", "n", number)
        assert await loaded(parts, live) is None
        with pytest.raises(GatewayError):
            await parts.signed_in()
        await parts.sessions.end_everywhere("ada")
        assert await loaded(parts, await parts.signed_in()) is not None

    @pytest.mark.parametrize("plant", [["SET", "x"], ["RPUSH", "x"], ["SADD", "x"]])
    @pytest.mark.parametrize(
        "end",
        [
            lambda parts: parts.sessions.end_everywhere("ada"),
            lambda parts: parts.sessions.end_books("ada", BOOK),
            lambda parts: parts.sessions.end_person_at_provider("ada", "campus"),
        ],
    )
    async def test_marks_that_are_none_do_not_keep_an_end_from_being_written(
        self, parts: Parts, plant: list[str], end: Callable[[Parts], Awaitable[None]]
    ) -> None:
        """Nor does anything come back with it: nobody knows which epoch was there."""
        await parts.sessions.end_everywhere("ada")
        live = await parts.signed_in()
        name = f"KEY:{person_of(live.key)}"
        await raw(parts, "DEL", name)
        old = await parts.signed_in()
        verb, *rest = plant
        await raw(parts, "DEL", name)
        await raw(parts, verb, name, *rest)
        await end(parts)
        assert [await loaded(parts, one) for one in (live, old)] == [None, None]
        assert await loaded(parts, await parts.signed_in()) is not None


class TestKeys:
    async def test_sealed_by_a_key_that_is_missing_it_opens_again_with_it(self, store: Store) -> None:
        one = Parts.on(store, b"n" * 32, (ROOT,))
        live = await one.signed_in()
        child = await one.book(live)
        other = Parts.on(store)
        assert await loaded(other, live) is None
        assert await loaded_book(other, child) is None
        assert await other.sessions.confirm_book(child.key, Mode.COOKIE) is None
        assert await other.sessions.of_person("ada") == []
        assert await loaded(one, live) == live
        assert await loaded_book(one, child) == child
        await other.sessions.end_sign_in(live.key)
        assert await loaded(one, live) is None, "whoever holds its id can end it"


@dataclass(frozen=True)
class Everything:
    """What a person leaves in Redis, and every key of it."""

    parts: Parts
    parent: LiveSignIn
    book: LiveBook
    pending: LiveBook
    code: str
    ticket: str
    websocket: str
    form: str

    async def names(self) -> list[bytes]:
        prefix = self.parts.prefix.encode()
        return [key.removeprefix(prefix) for key in await self.parts.store.connection.do(self.parts.keys)]


async def everything(parts: Parts) -> Everything:
    parent = await parts.signed_in(provider_session=SID)
    book, pending = await parts.book(parent, Mode.DPOP, jkt="k"), await parts.book(parent, Mode.PENDING)
    slot = slot_of(parent.key)
    await parts.sessions.end_person_at_provider("ada", "elsewhere")
    await parts.grants.count("guests", "ada", 5, 60)
    await parts.grants.proof_is_new("k", "jti")
    return Everything(
        parts,
        parent,
        book,
        pending,
        await parts.grants.issue_code(CODE),
        await parts.grants.issue_ticket(
            Ticket(book=pending.key, parent=parent.key, origin=BOOK, jkt=None, clicked=True)
        ),
        await parts.grants.issue_websocket_ticket(WebSocketTicket(slot, book.key, parent.key, BOOK, "/x")),
        await parts.grants.begin(Form(parent.key)),
    )


Call = Callable[[Everything], Awaitable[object]]
CALLS: list[Call] = [
    lambda one: loaded(one.parts, one.parent),
    lambda one: one.parts.found(one.book),
    lambda one: one.parts.sessions.set_own_device(one.parent, own_device=False),
    lambda one: one.parts.sessions.remember_cookie_mode(one.parent.key, BOOK),
    lambda one: one.parts.sessions.confirmed_cookie_mode(one.parent.key, BOOK),
    lambda one: one.parts.sessions.begin_book(one.parent, BOOK, None, approved=False),
    lambda one: one.parts.sessions.confirm_book(one.pending.key, Mode.COOKIE),
    lambda one: one.parts.sessions.confirm_book(one.pending.key, Mode.DPOP),
    lambda one: one.parts.sessions.of_person("ada"),
    lambda one: one.parts.signed_in(provider_session=SID),
    lambda one: one.parts.grants.issue_tokens(one.book),
    lambda one: one.parts.grants.redeem_code(one.code, one.pending.key),
    lambda one: one.parts.grants.redeem_ticket(one.ticket),
    lambda one: one.parts.grants.redeem_websocket_ticket(one.websocket),
    lambda one: one.parts.grants.peek(Form, one.form),
    lambda one: one.parts.grants.take(Form, one.form),
    lambda one: one.parts.grants.count("guests", "ada", 5, 60),
    lambda one: one.parts.grants.proof_is_new("k", "jti"),
    lambda one: one.parts.sessions.end_book(one.book.key),
    lambda one: one.parts.sessions.end_provider_session(SID, signed=True),
    lambda one: one.parts.sessions.end_sign_in(one.parent.key),
]
PLANTS: dict[bytes, list[str]] = {
    b"string": ["SET", "KEY", "planted"],
    b"list": ["RPUSH", "KEY", "planted"],
    b"hash": ["HSET", "KEY", "planted", "planted"],
    b"zset": ["ZADD", "KEY", "9e15", "planted"],
    b"set": ["SADD", "KEY", "planted"],
}


KINDS = ["s", "b", "p", "i", "sid", "c", "ticket", "websocketticket", "form", "n", "j"]


async def test_these_are_all_kinds_of_keys(parts: Parts) -> None:
    names = await (await everything(parts)).names()
    assert {name.partition(b":")[0].decode() for name in names} == set(KINDS)


@pytest.mark.parametrize("plant", PLANTS)
@pytest.mark.parametrize("kind", KINDS)
async def test_another_type_under_a_key(parts: Parts, plant: bytes, kind: str) -> None:
    one = await everything(parts)
    names = [b"KEY:" + name for name in await one.names() if name.startswith(f"{kind}:".encode())]
    if await raw(parts, "TYPE", names[0]) == plant:
        return  # that is its own type
    verb, _, *rest = PLANTS[plant]
    for name in names:
        await raw(parts, "DEL", name)
        await raw(parts, verb, name, *rest)
    before = [await raw(parts, "DUMP", name) for name in names]
    statuses: set[int] = set()
    for call in CALLS:
        try:
            await call(one)
        except GatewayError as error:
            statuses.add(error.status)
        assert [await raw(parts, "DUMP", name) for name in names] == before, "neither written nor deleted"
    assert statuses <= {400, 403, 503}
    if kind in {"s", "p"}:
        assert await loaded(parts, one.parent) is None
    if kind in {"s", "b", "p"}:
        assert await parts.found(one.book) is None
