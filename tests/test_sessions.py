import asyncio
import os
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from gateway.records import Mode
from gateway.revocation_rules import EndSignIn
from gateway.session_ids import Issued
from tests.sessions_parts import BOOK, LIMITS, Parts, loaded, loaded_book

OTHER = "https://other.example"


class TestSignIn:
    async def test_found_by_its_id_and_by_its_key(self, parts: Parts) -> None:
        live = await parts.signed_in()
        assert await loaded(parts, live) == live
        assert await parts.sessions.load_sign_in_key(live.key) == replace(live, id=None)
        assert live.record.person == "ada"
        assert live.record.ends == live.record.began + LIMITS.sign_in.absolute

    async def test_unknown_ids_are_never_adopted(self, parts: Parts) -> None:
        live = await parts.signed_in()
        slot = live.key.partition(".")[0]
        planted = Issued.mint(slot, os.urandom).id
        assert await parts.sessions.load_sign_in(planted) is None
        assert await parts.sessions.load_sign_in("") is None
        assert await parts.sessions.load_sign_in(live.key) is None
        again = await parts.signed_in(replaces=planted)
        assert again.id not in {planted, live.id}
        assert await parts.sessions.load_sign_in(planted) is None

    async def test_a_new_sign_in_has_a_new_id_and_the_old_one_is_dead(self, parts: Parts) -> None:
        old = await parts.signed_in("ada")
        child = await parts.book(old)
        new = await parts.signed_in("ben", replaces=old.id)
        assert new.id != old.id
        assert await loaded(parts, old) is None
        assert await loaded_book(parts, child) is None
        assert await loaded(parts, new) == new

    async def test_a_cookie_that_is_not_ours_replaces_nothing(self, parts: Parts) -> None:
        assert await loaded(parts, await parts.signed_in(replaces="garbage")) is not None

    @pytest.mark.parametrize(("own_device", "idle"), [(True, 1000), (False, 200)])
    async def test_idle(self, parts: Parts, *, own_device: bool, idle: int) -> None:
        live = await parts.signed_in(own_device=own_device)
        await parts.passes(idle - 1)
        assert await loaded(parts, live) is not None
        await parts.passes(idle - 1)
        assert await loaded(parts, live) is not None
        await parts.passes(idle)
        assert await loaded(parts, live) is None

    @pytest.mark.parametrize(("own_device", "absolute"), [(True, 5000), (False, 600)])
    async def test_absolute(self, parts: Parts, *, own_device: bool, absolute: int) -> None:
        live = await parts.signed_in(own_device=own_device)
        for _ in range(absolute // 100 - 1):
            await parts.passes(100)
            assert await loaded(parts, live) is not None
        await parts.passes(100)
        assert await loaded(parts, live) is None

    async def test_the_tick_changes_its_life_both_ways(self, parts: Parts) -> None:
        live = await parts.signed_in(own_device=False)
        own = await parts.sessions.set_own_device(live, own_device=True)
        assert own.record.ends == live.record.began + LIMITS.sign_in.absolute
        await parts.passes(900)
        assert await loaded(parts, live) == own
        shared = await parts.sessions.set_own_device(own, own_device=False)
        assert shared.record.ends == live.record.began + LIMITS.shared_device.absolute
        assert await loaded(parts, live) is None

    async def test_the_tick_does_not_bring_back_what_ended(self, parts: Parts) -> None:
        live = await parts.signed_in(own_device=False)
        await parts.sessions.end_sign_in(live.key)
        await parts.sessions.set_own_device(live, own_device=True)
        assert await loaded(parts, live) is None

    async def test_a_signed_out_session_is_not_resurrected_by_a_slow_request(self, parts: Parts) -> None:
        """Every way to write to a session, raced against its end."""
        for _ in range(30):
            live = await parts.signed_in()
            child = await parts.book(live)
            await parts.passes(199)  # both want to be touched
            await asyncio.gather(
                loaded(parts, live),
                loaded_book(parts, child),
                parts.sessions.set_own_device(live, own_device=False),
                parts.sessions.remember_cookie_mode(live.key, BOOK),
                parts.sessions.end_sign_in(live.key),
                parts.sessions.end_book(child.key),
                loaded_book(parts, child),
                loaded(parts, live),
            )
            assert await loaded(parts, live) is None
            assert await loaded_book(parts, child) is None


class TestLife:
    async def test_a_child_keeps_its_parent_alive(self, parts: Parts) -> None:
        parent = await parts.signed_in()
        child = await parts.book(parent)
        for _ in range(4):
            await parts.passes(700)
            assert await loaded_book(parts, child) is not None
        assert await loaded(parts, parent) is not None

    async def test_a_child_idles_out_alone(self, parts: Parts) -> None:
        parent = await parts.signed_in()
        child = await parts.book(parent)
        await parts.passes(LIMITS.book.idle)
        assert await loaded_book(parts, child) is None
        assert await loaded(parts, parent) is not None

    async def test_a_child_never_outlives_its_parent(self, parts: Parts) -> None:
        parent = await parts.signed_in()
        await parts.passes(900)
        await loaded(parts, parent)
        await parts.passes(900)
        await loaded(parts, parent)
        child = await parts.book(parent)
        assert child.record.ends == parent.record.ends

    async def test_a_sign_of_life_is_written_rarely(self, parts: Parts, redis_url: str) -> None:
        live = await parts.signed_in()

        child = await parts.book(live)

        async def writes() -> int:
            async with Redis.from_url(redis_url) as other:
                return int((await other.info("commandstats"))["cmdstat_hset"]["calls"])

        before = await writes()
        await asyncio.gather(*(loaded_book(parts, child) for _ in range(100)))
        assert await writes() == before
        await parts.passes(LIMITS.sign_in.idle // 20)
        await asyncio.gather(*(loaded_book(parts, child) for _ in range(100)))
        assert await writes() == before + 2, "one for the book, one for its parent"

    async def test_redis_forgets_by_itself(self, parts: Parts, prefix: str, redis_url: str) -> None:
        live = await parts.signed_in(own_device=False)
        child = await parts.book(live)
        pending = await parts.book(live, Mode.PENDING)
        async with Redis.from_url(redis_url) as other:
            keys = [key async for key in other.scan_iter(match=f"{prefix}*")]
            lives = {key.decode().partition(":")[2]: await other.ttl(key) for key in keys}
        by_hash = {name.rpartition(":")[2]: seconds for name, seconds in lives.items()}
        assert 195 <= by_hash[live.key.partition(".")[2]] <= 200
        assert 195 <= by_hash[child.key.partition(".")[2]] <= 200
        assert 55 <= by_hash[pending.key.partition(".")[2]] <= 60
        assert all(seconds > 0 for seconds in lives.values())


class TestEnd:
    async def test_whoever_listens_hears_it_before_the_method_returns(self, parts: Parts) -> None:
        heard: list[frozenset[str]] = []
        parts.sessions.on_end.append(heard.append)
        parent = await parts.signed_in()
        child = await parts.book(parent)
        await parts.sessions.end_book(child.key)
        await parts.sessions.end_sign_in(parent.key)
        await parts.sessions.end_everywhere("ada")
        assert heard == [frozenset({key}) for key in child.ended_by]

    async def test_an_abort_neither_stops_the_end_nor_hides_it(self, parts: Parts) -> None:
        heard: list[frozenset[str]] = []
        parts.sessions.on_end.append(heard.append)
        live = await parts.signed_in()
        task = asyncio.create_task(parts.sessions.end_sign_in(live.key))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await parts.sessions.close()
        assert heard == [frozenset({live.key})]
        assert parts.journal.acts == [EndSignIn(live.key)]
        assert await loaded(parts, live) is None
