"""Sessions against their model: hypothesis plays readers, time and Redis; both workers are asked."""

import time
from collections.abc import Coroutine, Iterator
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from gateway.cookies import SIGN_IN
from gateway.errors import StoreUnavailableError
from tests.reliability.conftest import LONG, Bounded, Tell
from tests.reliability.session_model import Book, Kept, Model, SignIn
from tests.reliability.stage import Held, Stage
from tests.system.house import CONSENT, MIRROR, TRUSTED

WORKERS = st.sampled_from([0, 1])
ORIGINS = st.sampled_from([TRUSTED, CONSENT, MIRROR])
TOKENS = frozenset({MIRROR})  # the book that keeps no cookie
SCOPES = st.sampled_from(["browser", "book"])
ENDS = st.sampled_from(["everywhere", "book", "provider"])
TRUSTED_ONES = frozenset({TRUSTED, MIRROR})
MINUTE, HOUR, DAY = 60, 3600, 86400
PAUSES = (5, 2 * MINUTE, 11 * MINUTE, 50 * MINUTE, 2 * HOUR, 13 * HOUR, 20 * DAY, 31 * DAY, 200 * DAY)
MANY = 6  # book sessions of one run: each is asked for at both workers after each step


class SessionMachine(RuleBasedStateMachine):
    stage: ClassVar[Stage]

    @initialize(origins=st.tuples(ORIGINS, ORIGINS), own_device=st.booleans())
    def begin(self, origins: tuple[str, str], *, own_device: bool) -> None:
        """Two people are in a book when it begins."""
        stage = self.stage
        stage.number += 1
        stage.clear()
        self.model = Model()
        self.held: list[Held] = []
        self.names: dict[str, str] = {}  # a person's own id, as backends are told it, by the subject
        self.copy: Kept | None = None
        subjects = [f"{who}-{stage.number}" for who in ("ada", "ada", "ben")]
        self.browsers = [stage.browser(subject) for subject in subjects]
        for which, origin in zip((0, 2), origins, strict=True):
            self.sign_in(which, origin, None, own_device=own_device)

    def teardown(self) -> None:
        for browser in self.browsers:
            self.stage.run(browser.reader.__aexit__())

    # -- what readers do

    @precondition(lambda self: len(self.model.books) < MANY)
    @rule(which=st.integers(0, 2), origin=ORIGINS, at=st.sampled_from([None, 0, 1]), own_device=st.booleans())
    def sign_in(self, which: int, origin: str, at: int | None, *, own_device: bool) -> None:
        """To a book, at one worker or at both in turn; by the sign-in that there is, or by a new one."""
        stage, browser = self.stage, self.browsers[which]
        parent = browser.now_in
        alive = parent is not None and self._known(parent)
        held, keep = stage.run(
            stage.sign_in(browser, origin, at, tokens=origin in TOKENS, own_device=own_device)
        )
        cookie = browser.reader.first_party[SIGN_IN]
        now = stage.now()
        if parent is None or not alive:
            if parent is not None:
                assert cookie != parent.cookie, "a new id at every sign-in"
                parent.ended = True
            parent = SignIn(browser.person, cookie, keep, now, now)
            self.model.sign_ins.append(parent)
            browser.now_in = parent
        assert cookie == parent.cookie, "the sign-in that lives is used"
        parent.own_device = keep
        book = Book(parent, origin, now, now, access_until=now + 600)
        book.saw(now)
        self.model.books.append(book)
        self.held.append(held)

    @precondition(lambda self: self.model.books)
    @rule(data=st.data(), at=WORKERS, scope=SCOPES)
    def sign_out(self, data: st.DataObject, at: int, scope: str) -> None:
        number = data.draw(st.integers(0, len(self.held) - 1))
        book, held = self.model.books[number], self.held[number]
        known = self._served(number, at)
        said = self.stage.run(self.stage.sign_out(held, at, scope))
        whole = scope == "browser" and book.origin in TRUSTED_ONES
        assert said == (None if not known else "browser" if whole else "book")
        if known:
            book.ended = True
            book.parent.ended |= whole

    @precondition(lambda self: self.model.sign_ins)
    @rule(data=st.data(), at=WORKERS, everywhere=st.booleans())
    def sign_out_on_the_account_page(self, data: st.DataObject, at: int, *, everywhere: bool) -> None:
        sign_in = data.draw(st.sampled_from(self.model.sign_ins))
        if not self._known(sign_in):
            return
        act = "everywhere" if everywhere else "sign-out"
        self.stage.run(self.stage.on_account_page(sign_in.cookie, at, act))
        sign_in.ended = True
        if everywhere:
            self.model.end_person(sign_in.person)

    # -- what time and Redis do

    @rule(seconds=st.sampled_from(PAUSES))
    def time_passes(self, seconds: int) -> None:
        self.stage.pass_by(seconds)

    @rule()
    def readers_go_on(self) -> None:
        """Nobody's session gets old who uses it, until it is as old as it may become."""
        for _ in range(3):
            self.stage.pass_by(50 * MINUTE)
            self.what_ended_is_not_served_and_what_lives_is()

    @rule()
    def redis_is_copied(self) -> None:
        self.stage.copy()
        self.copy = Kept.of(self.model)

    @precondition(lambda self: self.copy is not None)
    @rule()
    def redis_restarts_with_the_copy(self) -> None:
        assert self.copy is not None
        self.stage.kill()
        self.stage.start_with_copy()
        self.copy.restore(self.model)

    @rule(nothing=st.booleans())
    def redis_restarts_with_all_it_had(self, *, nothing: bool) -> None:
        """Or with nothing."""
        self.stage.kill()
        if nothing:
            self.stage.start_empty()
            self.model.lose_all()
        else:
            self.stage.redis.start()

    @rule(data=st.data(), way=st.sampled_from(["book", "account", "person"]))
    def a_replica_that_lags_takes_over(self, data: st.DataObject, way: str) -> None:
        """Somebody leaves, and Redis does not know it any more."""
        self.redis_is_copied()
        match way:
            case "book":
                self.sign_out(data, 0, data.draw(SCOPES))
            case "account":
                self.sign_out_on_the_account_page(data, 0, everywhere=data.draw(st.booleans()))
            case _:
                self.a_person_is_ended(data, data.draw(ENDS), away=False)
        self.redis_restarts_with_the_copy()

    # -- what operators do

    @precondition(lambda self: self.names)
    @rule(data=st.data(), end=ENDS, away=st.booleans())
    def a_person_is_ended(self, data: st.DataObject, end: str, *, away: bool) -> None:
        """away: while Redis is dead; the row stands."""
        subject = data.draw(st.sampled_from(sorted(self.names)))
        person, sessions = self.names[subject], self.stage.operator.sessions
        match end:
            case "everywhere":
                act = sessions.end_everywhere(person)
                self.model.end_person(subject)
            case "provider":
                act = sessions.end_person_at_provider(person, "campus")
                self.model.end_person(subject)
            case _:
                origin = data.draw(ORIGINS)
                act = sessions.end_books(person, origin)
                self.model.end_origin(origin, subject)
        if not away:
            self.stage.run(act)
            return
        self.stage.pass_by(2)  # what began in this very second only Redis could say
        self.stage.kill()
        with pytest.raises(StoreUnavailableError):
            self.stage.run(act)
        self.stage.redis.start()

    @precondition(lambda self: self.model.open_origins())
    @rule(data=st.data())
    def an_origin_is_ended(self, data: st.DataObject) -> None:
        """Everybody's sessions of it."""
        origin = data.draw(st.sampled_from(self.model.open_origins()))
        marks = self.stage.operator.directory.revocations
        self.model.end_origin(origin)
        self._marked(marks.mark_origin(origin, int(self.stage.now()) + 1))

    @rule(what=st.sampled_from(["provider", "everybody", "age"]))
    def everybody_is_ended(self, what: str) -> None:
        marks, now = self.stage.operator.directory.revocations, int(self.stage.now())
        match what:
            case "provider":
                than, act = now + 1, marks.mark_provider("campus", now + 1)
            case "everybody":
                than, act = now + 1, marks.mark_everybody(now + 1)
            case _:
                than = self.model.moment_between(now - 5 * MINUTE)
                act = marks.mark_everybody(than)
        self.model.end_older(than)
        self._marked(act)

    def _marked(self, act: Coroutine[object, object, None]) -> None:
        """Marks are in the memory of each worker; within 2 s at the latest, and a machine may be busy."""
        self.stage.run(act)
        self.stage.run(self.stage.operator.revocations.announce_marks())
        self.stage.pass_by(2)  # whoever signs in now does so in another second
        ends = time.monotonic() + 10
        while any(self._is_let_in_at(at) for at in (0, 1)):
            assert time.monotonic() < ends

    def _is_let_in_at(self, worker: int) -> bool:
        """Whether somebody whose session has ended still is."""
        stage = self.stage
        left = [sign_in.cookie for sign_in in self.model.sign_ins if sign_in.ended]
        if any(stage.run(stage.signed_in(cookie, worker)) for cookie in left):
            return True
        dead = [held for book, held in zip(self.model.books, self.held, strict=True) if book.ended]
        return any(stage.run(stage.served(held, worker)) for held in dead)

    # -- what must hold after each step

    @invariant()
    def what_ended_is_not_served_and_what_lives_is(self) -> None:
        for sign_in in self.model.sign_ins:
            self._known(sign_in)
        for number in range(len(self.held)):
            self._served(number, 0)
        assert self.stage.workers.unforeseen() == []

    def _known(self, sign_in: SignIn) -> bool:
        """Whether the session lives, as both workers agree and the model says."""
        stage, expected = self.stage, sign_in.alive(self.stage.now())
        found = {stage.run(stage.signed_in(sign_in.cookie, at)) for at in (0, 1)}
        assert len(found) == 1, "the workers do not agree"
        assert expected is None or found == {expected}, (sign_in, found)
        alive = found.pop()
        if alive:
            sign_in.seen = stage.now()
        elif expected is None:
            sign_in.ended = True
        return alive

    def _served(self, number: int, first: int) -> bool:
        stage, book, held = self.stage, self.model.books[number], self.held[number]
        expected = book.alive(stage.now())
        if held.key is not None and stage.now() > book.access_until - 3:
            refreshed = stage.run(stage.refresh(held, first))
            assert expected is None or refreshed == expected, book
            if refreshed:
                book.access_until = stage.now() + 600
        found = {stage.run(stage.served(held, at)) for at in (first, 1 - first)}
        assert len(found) == 1, "the workers do not agree"
        told = found.pop()
        assert expected is None or (told is not None) == expected, (book, told)
        if told is None:
            book.ended |= expected is None
            return False
        assert self.names.setdefault(book.parent.person, told) == told, "somebody else"
        assert len(set(self.names.values())) == len(self.names), "two people are one"
        book.saw(stage.now())
        return True


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage() as opened:
        yield opened


def test_sessions_are_what_their_model_says(stage: Stage, bounded: Bounded, tell: Tell) -> None:
    SessionMachine.stage = stage
    chosen = settings(
        max_examples=bounded(12, 60),
        stateful_step_count=bounded(12, 25),
        phases=(Phase.generate, Phase.shrink) if LONG else (Phase.generate,),
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(SessionMachine, settings=chosen)
    tell("runs", stage.number)
