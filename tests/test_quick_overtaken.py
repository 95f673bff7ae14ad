"""Looks that are overtaken: the answer is on its way, and what it says is no longer so."""

from collections.abc import Callable

import pytest

from gateway import quick_sessions
from gateway.errors import GatewayError
from gateway.known import Known
from gateway.quick_sessions import QuickSessions
from gateway.store import Looked, Looks, Question
from tests.quick_workers import asked, until
from tests.sessions_parts import Parts, Silence


class HeldLooks(Looks):
    """Answers are read at once, and come when the test lets them."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts.store, Silence(), ())
        self.parts = parts
        self.asked = 0
        self.held: list[tuple[Callable[[Looked | GatewayError], None], Looked | GatewayError]] = []

    def look(self, question: Question, done: Callable[[Looked | GatewayError], None]) -> None:
        self.asked += 1
        super().look(question, lambda answer: self.held.append((done, answer)))

    def let_go(self) -> None:
        held, self.held = self.held, []
        for done, answer in held:
            done(answer)


async def test_an_end_overtakes_a_look_that_is_on_its_way(parts: Parts) -> None:
    """Redis said that it lives, and then it ended: that answer is worth nothing."""
    live = await parts.book()
    assert live.id is not None
    looks = HeldLooks(parts)
    quick = QuickSessions(parts.sessions, parts.sealer, looks)
    answer = asked(quick, live.id)
    await until(lambda: len(looks.held) == 1)
    await parts.sessions.end_book(live.key)
    looks.let_go()
    await until(lambda: len(looks.held) == 1)
    assert not answer.done()
    looks.let_go()
    assert await answer is None


async def test_what_changes_again_and_again_is_answered_and_not_kept(parts: Parts) -> None:
    live = await parts.book()
    assert live.id is not None
    looks = HeldLooks(parts)
    looks.fresh_until = float("inf")
    quick = QuickSessions(parts.sessions, parts.sealer, looks)
    answer = asked(quick, live.id)
    for _ in range(3):
        await until(lambda: len(looks.held) == 1)
        quick.forget([live.key])
        looks.let_go()
    found = await answer
    assert isinstance(found, Known)
    assert quick.kept(live.id) is None
    again = asked(quick, live.id)
    await until(lambda: len(looks.held) == 1)
    looks.let_go()
    assert await again is found
    assert quick.kept(live.id) is found


async def test_what_was_looked_at_while_nobody_listened_is_not_kept(parts: Parts) -> None:
    """A change that was told in between is told to nobody again."""
    live = await parts.book()
    assert live.id is not None
    looks = HeldLooks(parts)
    quick = QuickSessions(parts.sessions, parts.sealer, looks)
    answer = asked(quick, live.id)
    await until(lambda: len(looks.held) == 1)
    looks.fresh_until = float("inf")
    looks.let_go()
    assert await answer is not None
    assert quick.kept(live.id) is None


async def test_a_parent_of_another_slot_is_nobodys(parts: Parts) -> None:
    """A cluster would be asked for keys of two masters at once."""
    ada, bob = await parts.book(), await parts.book(await parts.signed_in("bob"))
    looks = HeldLooks(parts)
    quick = QuickSessions(parts.sessions, parts.sealer, looks)
    assert await quick.look(ada.key, bob.record.parent) is None
    assert looks.asked == 0


async def test_of_many_that_are_forgotten_at_once_none_is_missed(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quick_sessions, "MOST", 3)
    quick = parts.quick()
    key = (await parts.book()).key
    since = quick.forgets
    quick.forget([key])
    for number in range(20):
        quick.forget([f"slot-{number:011}.x"])
    assert quick.forgot(key, since)
    assert not quick.forgot(key, quick.forgets)
