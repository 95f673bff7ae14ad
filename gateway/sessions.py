"""Sign-in sessions and their children, the book sessions: how they begin, are found, live on and end."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import msgspec

from gateway.book_sessions import BookSessions
from gateway.errors import ProviderRefusedError
from gateway.records import LiveBook, LiveSignIn, SignIn, SignInSummary
from gateway.session_ends import Journal, Summary, provider_session_key
from gateway.session_ids import Issued, store_key
from gateway.session_life import EPOCH, PENDING, SIGN_IN, person_key, person_of, place_of
from gateway.store import VALUE

__all__ = ["PENDING", "Journal", "LiveBook", "LiveSignIn", "Sessions", "Summary"]

_PROVIDER_SESSION_MOST = 50  # sign-in sessions that one session at a provider may have led to


class Sessions(BookSessions):
    """The front door: sign-in sessions here, book sessions and how both end in what it is made of."""

    async def begin_sign_in(
        self,
        person: str,
        name: str | None,
        provider: str,
        auth_time: int,
        *,
        own_device: bool,
        replaces: str | None,
        claims: Mapping[str, str] = MappingProxyType({}),
        device: str | None = None,
        provider_session: str | None = None,
        roles: tuple[str, ...] = (),
        classes: Mapping[str, tuple[str, str]] = MappingProxyType({}),
        acr: str | None = None,
        proved: bool = True,
    ) -> LiveSignIn:
        """A new session under a new id; `replaces` is the cookie that came, whose session ends.

        device: what a list calls it. provider_session: hash of issuer and sid, by which its provider ends it.
        ProviderRefusedError: it was ended by that before it began.
        """
        old = None if replaces is None else Issued.parse(replaces)
        if old is not None:
            await self.end_sign_in(old.key)
        slot = self._sealer.slots(person)[0]
        marks = await self._store.marks(person_key(slot), self._longest)
        began = self._sign_in_began(marks, provider)
        life = self._sign_in_life(own_device=own_device)
        record = SignIn(
            person=person,
            name=name,
            provider=provider,
            auth_time=auth_time,
            epoch=marks.get(EPOCH, 0),
            own_device=own_device,
            began=began,
            ends=began + life.absolute,
            claims=dict(claims),
            device=device,
            provider_session=provider_session,
            roles=roles,
            classes=dict(classes),
            acr=acr,
            proved=proved,
        )
        return await self._begin(Issued.mint(slot, self._token), record, min(life.idle, life.absolute))

    async def _begin(self, issued: Issued, record: SignIn, seconds: int) -> LiveSignIn:
        """seconds: until it has ended unless it is used."""
        if record.provider_session is not None:
            await self._join(record.provider_session, issued.key)
        if not await self._created(place_of(SIGN_IN, issued.key), "sign-in", issued.key, record, seconds):
            raise ProviderRefusedError("the provider ended its session before ours began")
        return LiveSignIn(issued.id, issued.key, record)

    async def _join(self, provider_session: str, key: str) -> None:
        """Before the session is there: whatever ends the provider's finds it, or keeps it from beginning."""
        where = provider_session_key(provider_session)
        surplus = await self._store.join(where, key, self._longest, _PROVIDER_SESSION_MOST)
        if surplus is None:
            raise ProviderRefusedError("the provider ended its session before ours began")
        for each in surplus:
            await self.end_sign_in(each)

    async def load_sign_in(self, cookie_value: str) -> LiveSignIn | None:
        issued = Issued.parse(cookie_value)
        live = None if issued is None else await self.load_sign_in_key(issued.key)
        return None if live is None else replace(live, id=cookie_value)

    async def load_sign_in_key(self, key: str) -> LiveSignIn | None:
        (found,), person = await self._store.look([place_of(SIGN_IN, key).record], person_of(key))
        record = self._sign_in(key, found, person, self._now())
        if record is None:
            return None
        await self._touch_sign_in(key, record, found)
        return LiveSignIn(None, key, record)

    async def set_own_device(self, live: LiveSignIn, *, own_device: bool) -> LiveSignIn:
        """The tick after the fact: books that run already follow when they are next seen.

        A session that ended meanwhile stays ended.
        """
        place = place_of(SIGN_IN, live.key)
        (found,), person = await self._store.look([place.record], person_of(live.key))
        current = self._sign_in(live.key, found, person, self._now()) or live.record
        life = self._sign_in_life(own_device=own_device)
        ends = current.began + life.absolute
        record = msgspec.structs.replace(current, own_device=own_device, ends=ends)
        if found.value is not None:
            sealed = self._sealer.seal_record("sign-in", live.key, record)
            await self._store.touch(place, life, found.value, {VALUE: sealed})
        return replace(live, record=record)

    async def restate(
        self,
        person: str,
        *,
        name: str | None = None,
        roles: tuple[str, ...] | None = None,
        classes: Mapping[str, tuple[str, str]] | None = None,
        studies: Mapping[str, str] | None = None,
    ) -> None:
        """What somebody is from now on, in every browser where they are signed in; None: stays as it is.

        Sessions that ended meanwhile stay ended.
        """
        said: dict[str, object] = {} if roles is None else {"roles": roles}
        if name is not None:
            said["name"] = name
        if classes is not None:
            said["classes"] = dict(classes)
        if studies is not None:
            said["studies"] = dict(studies)
        for summary in await self.of_person(person):
            if isinstance(summary, SignInSummary):
                await self._rewrite(summary.key, said)

    async def _rewrite(self, key: str, said: Mapping[str, object]) -> None:
        """Compared and set: somebody else's change in between is kept, and this one is made after it."""
        place, changed = place_of(SIGN_IN, key), False
        while not changed:
            (found,), person = await self._store.look([place.record], person_of(key))
            record = self._sign_in(key, found, person, self._now())
            if record is None or found.value is None:
                return
            sealed = self._sealer.seal_record("sign-in", key, msgspec.structs.replace(record, **said))
            life = self._sign_in_life(own_device=record.own_device)
            changed = await self._store.touch(place, life, found.value, {VALUE: sealed})

    async def remember_cookie_mode(self, parent_key: str, origin: str) -> None:
        """This origin's cookie came back once: from now on token mode there needs a click on our page."""
        await self._store.add_field(_sign_in_record(parent_key), self._mark_fields("cookie", origin)[0])

    async def confirmed_cookie_mode(self, parent_key: str, origin: str) -> bool:
        fields = self._mark_fields("cookie", origin)
        return await self._store.has_field(_sign_in_record(parent_key), fields)


def _sign_in_record(key: str) -> str:
    return store_key(SIGN_IN, key)
