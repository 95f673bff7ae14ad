"""Book sessions as the data path asks for them: at once where one is known, else by one look at Redis.

What was found alive is served for some seconds without a question, while whoever tells of changes is heard;
whatever may have ended it is told here at once: ends of this worker, of others, changes in Redis, doubts.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from typing import Final

import msgspec

from gateway.book_sessions import Opened, book_records
from gateway.errors import GatewayError
from gateway.known import Known, caller_of
from gateway.records import LiveBook, Mode
from gateway.sealing import Sealer
from gateway.session_ids import parse_book_id, slot_of
from gateway.session_life import person_of
from gateway.sessions import Sessions
from gateway.store import Found, Looked, Looks, Question
from gateway.store import Marks as PersonMarks

Done = Callable[[Known | GatewayError | None], None]

KEEP: Final = 5.0  # seconds that a session is served after a look at it
LINGER: Final = 60.0  # seconds after which what was opened is no longer at hand
MOST: Final = 20_000  # sessions in memory; beyond it the oldest go
_TRIES: Final = 3  # looks that one question may take, where ends come while it is on its way
_NEVER: Final = float("-inf")


class _Entry(msgspec.Struct, eq=False):
    """A session, opened. known: what it is, if it was found alive; person: by which marks of the person.

    sealed: what it was opened from. looked: by the monotonic clock.
    """

    key: str
    parent_key: str | None
    question: Question
    sealed: list[bytes | None]
    opened: Opened
    looked: float
    known: Known | None = None
    person: PersonMarks | None = None

    def doubt(self) -> None:
        """It is to be looked at again."""
        if self.known is not None:
            self.known.until = _NEVER


class QuickSessions:
    """looks: whose changes become this one's to hear.

    hits, misses: cookies that were served without a question, and those that were asked about.
    """

    def __init__(self, sessions: Sessions, sealer: Sealer, looks: Looks) -> None:
        self._loop = asyncio.get_running_loop()
        self.time = time.monotonic  # as the loop's
        self._sessions = sessions
        self._sealer = sealer
        self.looks = looks
        self._marks = sessions.marks
        self.hits = self.misses = 0
        self._served: dict[str, Known] = {}  # by cookie, what `kept` may answer with
        self._by_cookie: dict[str, _Entry] = {}
        self._by_key: dict[str, _Entry] = {}  # of those in token mode: opened, and looked at each time
        self._by_slot: dict[str, list[_Entry]] = {}
        self.forgets = 0  # so often something was forgotten
        self._all_forgotten = 0  # which of them was everything
        self._forgotten: dict[str, int] = {}  # which was a slot's
        self._touching: set[asyncio.Task[None]] = set()
        sessions.on_end.append(self.forget)
        sealer.on_replace.append(self.forget_all)
        looks.on_change = self._changed

    async def close(self) -> None:
        """Waits for signs of life that are being written."""
        await asyncio.gather(*self._touching, return_exceptions=True)

    @property
    def in_memory(self) -> int:
        """How many sessions."""
        return len(self._by_cookie) + len(self._by_key)

    # -- what is asked

    def kept(self, cookie_value: str) -> Known | None:
        """The session of a cookie that may be served without a question; None: it is to be asked for.

        Whether it serves the origin that asks is for `access.admits` to say, its absolute end too.
        """
        known = self._served.get(cookie_value)
        if known is None:
            return None
        now = self.time()
        if now < known.until and now < self.looks.fresh_until and self._sessions.marks is self._marks:
            self.hits += 1
            return known
        return None

    def ask(self, cookie_value: str, done: Done) -> None:
        """Looks the session of a cookie up. done: called once, never from in here.

        None: nobody's. StoreUnavailableError: Redis does not say.
        """
        self.misses += 1
        entry = self._by_cookie.get(cookie_value)
        if entry is not None:
            _Ask(self, cookie_value, entry.key, entry.parent_key, None, entry.question, done).go()
            return
        keys = parse_book_id(cookie_value)
        if keys is None:
            self._loop.call_soon(done, None)
            return
        _Ask(self, cookie_value, *keys, None, self._question(*keys), done).go()

    async def find(self, cookie_value: str) -> Known | None:
        """Both, for who can wait. StoreUnavailableError."""
        kept = self.kept(cookie_value)
        if kept is not None:
            return kept
        answer: asyncio.Future[Known | GatewayError | None] = self._loop.create_future()
        self.ask(cookie_value, _setter(answer))
        return _found(await answer)

    async def look(self, key: str, parent_key: str | None, token: str | None = None) -> Known | None:
        """A session by its key, as Redis has it now. token: a field that must be there.

        StoreUnavailableError.
        """
        answer: asyncio.Future[Known | GatewayError | None] = self._loop.create_future()
        self.ask_key(key, parent_key, token, _setter(answer))
        return _found(await answer)

    def ask_key(self, key: str, parent_key: str | None, token: str | None, done: Done) -> None:
        """The same for who does not wait. done: as of `ask`."""
        if parent_key is not None and slot_of(key) != slot_of(parent_key):
            self._loop.call_soon(done, None)
            return
        question = self._question(key, parent_key, token or "")
        _Ask(self, None, key, parent_key, token, question, done).go()

    def _question(self, key: str, parent_key: str | None, token: str = "") -> Question:
        return self.looks.question(book_records(key, parent_key), person_of(key), token)

    # -- what has changed

    def forget(self, names: Collection[str]) -> None:
        """What has ended or changed: keys of sessions, or people's slots."""
        for name in names:
            self._forget_slot(slot_of(name))

    def forget_all(self) -> None:
        self.forgets += 1
        self._all_forgotten = self.forgets
        self._served, self._by_cookie, self._by_key, self._by_slot = {}, {}, {}, {}

    async def look_again(self, names: frozenset[str] | None) -> None:
        """What was found ended in the directory; None: it may be anything."""
        if names is None:
            self.forget_all()
        else:
            self.forget(names)

    def _changed(self, keys: Sequence[str] | None) -> None:
        """Keys of Redis."""
        if keys is None:
            self.forget_all()
            return
        for key in keys:
            self._forget_slot(key.partition("{")[2].partition("}")[0])

    def _forget_slot(self, slot: str) -> None:
        self.forgets += 1
        if len(self._forgotten) >= MOST:
            self._forgotten, self._all_forgotten = {}, self.forgets
        self._forgotten[slot] = self.forgets
        for entry in self._by_slot.get(slot, ()):
            entry.doubt()

    def forgot(self, key: str, since: int) -> bool:
        """Whether a session may have changed after so many were forgotten."""
        if self.forgets == since:
            return False
        return max(self._forgotten.get(slot_of(key), 0), self._all_forgotten) > since

    # -- what a look has found

    def judge(self, ask: "_Ask", answer: Looked) -> Known | None:
        """Waits for nothing. What is alive is kept; one in token mode, or pending, is asked for each time."""
        if self._sessions.marks is not self._marks:  # what was judged by others is worth nothing
            self._marks = self._sessions.marks
            self.forget_all()
        found, person = answer
        entry = self._opened(ask, found)
        known = None if entry is None else self._alive(entry, ask.cookie, found, person)
        if entry is None or known is None:
            return None
        record, sessions = known.live.record, self._sessions
        if ask.cookie is None:
            if ask.token is not None and not sessions.token_lives(found):
                return None
        elif record.mode is Mode.DPOP:
            return None
        if sessions.is_due(known.live, found):
            self._touch(known.live, found)
        may_be_kept = ask.cookie is not None and record.mode is Mode.COOKIE and ask.was_fresh
        known.line_key = None
        if may_be_kept and not self.forgot(entry.key, ask.forgets):
            known.until = ask.asked + KEEP
            self._served[ask.cookie or ""] = known
        return known

    def _alive(
        self, entry: _Entry, cookie: str | None, found: Sequence[Found], person: PersonMarks | None
    ) -> Known | None:
        """What is opened, if it is alive; what was judged before is only asked its age."""
        sessions, known = self._sessions, entry.known
        if known is not None and person == entry.person and sessions.goes_on(known.live, found):
            return known
        record = sessions.judge_book(entry.opened, found, person)
        if record is None:
            return None
        if known is None:
            live = LiveBook(cookie, entry.key, record, entry.opened.sign_in)
            known = Known(live, caller_of(live), self._sealer.name_for_logs(record.person))
        entry.known, entry.person = known, person
        return known

    def _opened(self, ask: "_Ask", found: Sequence[Found]) -> _Entry | None:
        """What lies there, opened; the same values as last time are not opened again."""
        entries = self._by_key if ask.cookie is None else self._by_cookie
        name, sealed = ask.cookie or ask.key, [one.value for one in found]
        entry = entries.pop(name, None)
        if entry is not None and entry.sealed == sealed:
            entry.looked = ask.asked
            entry.doubt()
            entries[name] = entry  # to the end: insertion order is age
            return entry
        if entry is not None:
            self._unlink(name, entry)
        opened = self._sessions.open_book(ask.key, ask.parent_key, found)
        if opened is None:
            return None
        self._make_room(entries, ask.asked)
        entry = _Entry(ask.key, ask.parent_key, ask.question, sealed, opened, ask.asked)
        entries[name] = entry
        if ask.cookie is not None:
            self._by_slot.setdefault(slot_of(ask.key), []).append(entry)
        return entry

    def _make_room(self, entries: dict[str, _Entry], now: float) -> None:
        while entries:
            name, oldest = next(iter(entries.items()))
            if len(entries) < MOST and oldest.looked + LINGER >= now:
                return
            del entries[name]
            self._unlink(name, oldest)

    def _unlink(self, name: str, entry: _Entry) -> None:
        """Those in token mode are in none of these."""
        self._served.pop(name, None)
        slot = slot_of(entry.key)
        mates = self._by_slot.get(slot, [])
        if entry in mates:
            mates.remove(entry)
        if not mates:
            self._by_slot.pop(slot, None)

    def _touch(self, live: LiveBook, found: Sequence[Found]) -> None:
        """Beside: the request does not wait for its sign of life."""
        task = asyncio.create_task(self._sessions.touch_book(live, found))
        self._touching.add(task)
        task.add_done_callback(self._touching.discard)


class _Ask:
    """One question on its way. cookie: None where it is by key, and a token's field perhaps."""

    __slots__ = (
        "asked", "cookie", "done", "forgets", "key", "parent_key", "question", "quick", "token", "tries",
        "was_fresh",
    )  # fmt: skip

    def __init__(
        self,
        quick: QuickSessions,
        cookie: str | None,
        key: str,
        parent_key: str | None,
        token: str | None,
        question: Question,
        done: Done,
    ) -> None:
        self.quick = quick
        self.cookie = cookie
        self.key = key
        self.parent_key = parent_key
        self.token = token
        self.done = done
        self.question = question
        self.tries = 0

    def go(self) -> None:
        quick = self.quick
        self.tries += 1
        self.asked = quick.time()
        self.forgets = quick.forgets
        # before it: who was not heard then may have told of a change that nobody tells again
        self.was_fresh = self.asked < quick.looks.fresh_until
        quick.looks.look(self.question, self._answered)

    def _answered(self, answer: Looked | GatewayError) -> None:
        """A look that was overtaken by an end is worth nothing: once more."""
        if isinstance(answer, GatewayError):
            self.done(answer)
        elif self.tries < _TRIES and self.quick.forgot(self.key, self.forgets):
            self.go()
        else:
            self.done(self.quick.judge(self, answer))


def _setter(future: "asyncio.Future[Known | GatewayError | None]") -> Done:
    def done(answer: Known | GatewayError | None) -> None:
        if not future.done():  # whoever asked may have left
            future.set_result(answer)

    return done


def _found(answer: Known | GatewayError | None) -> Known | None:
    if isinstance(answer, GatewayError):
        raise answer
    return answer
