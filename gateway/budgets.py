"""What an origin and a person at it may use: token buckets, shared by all workers through `leases`.

A bucket holds ten seconds' worth at least: a page with many activities asks for all of them at once and must
not be refused for that.

Each worker decides by what it believes, at once. What it used it tells the others in the background, as soon
as that is a part of a bucket; of theirs it learns in the same answer, and what was too much is owed.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from math import ceil
from typing import Final, NamedTuple, Protocol, TypeVar

from gateway.errors import TooManyRequestsError
from gateway.origins import Limits, Rate
from gateway.sealing import hashed
from gateway.token_bucket import Bucket, terms_of

K = TypeVar("K")
V = TypeVar("V")

KEPT: Final = 20_000  # people at origins, and origins; beyond, the older half goes, and is full again
SLOTS: Final = 16


class Told(NamedTuple):
    """What of a bucket is told. used: seconds."""

    bucket: Bucket
    used: float


class _Origin:
    """limits: by which its buckets go now."""

    __slots__ = ("bytes", "limits", "requests")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.requests: Bucket | None = None
        self.bytes: Bucket | None = None


class Seat(Protocol):
    """Who asks at an origin, and has the bucket at hand, by which limits."""

    bucket: Bucket | None
    limits: Limits | None

    @property
    def person(self) -> str: ...


class Budgets:
    """defaults: for what an origin's own limits do not say. clock: seconds, monotonic."""

    def __init__(self, defaults: Limits, clock: Callable[[], float]) -> None:
        self._defaults = defaults
        self._clock = clock
        self._people: dict[tuple[str, str], Bucket] = {}
        self._origins: dict[str, _Origin] = {}
        self._telling: set[Bucket] = set()
        self.refusals = 0

    def admit(self, limits: Limits, origin: str, person: str | None, seat: Seat | None = None) -> None:
        """Take one request from each bucket that applies, or from none.

        person: None for nobody. seat: where there is one it says who asks, at this origin.

        Raises TooManyRequestsError with the seconds until it would go through (RFC 9110 section 10.2.3).
        """
        shared = self._origins.get(origin)
        if shared is None or shared.limits is not limits:
            shared = self._origin(limits, origin)
        if seat is None:
            mine = self._person(limits, origin, person)
        elif seat.limits is limits:
            mine = seat.bucket
        else:
            mine = seat.bucket = self._person(limits, origin, seat.person)
            seat.limits = limits
        now = self._clock()
        for bucket in (mine, shared.requests, shared.bytes):
            if bucket is not None and bucket.full - now > bucket.terms.room:
                raise _refusal((mine, shared.requests, shared.bytes), origin, now)
        for bucket in (mine, shared.requests):
            if bucket is not None:
                one, full = bucket.terms.one, bucket.full
                # no call of `max`: this runs twice a request
                bucket.full = (full if full > now else now) + one  # ruff: ignore[if-expr-min-max]
                bucket.untold += one
                if bucket.untold > bucket.terms.tell:
                    self._telling.add(bucket)

    def spend(self, limits: Limits, origin: str, size: int) -> None:
        """Count bytes that were relayed; more than there are may be owed, and the next request waits."""
        if limits.bytes is None:
            return
        found = self._origins.get(origin) or self._origin(limits, origin)
        bucket = found.bytes  # as the newest policy has it, which a long answer may not be of
        if bucket is not None:
            used, now = size * bucket.terms.one, self._clock()
            bucket.full = max(bucket.full, now) + used
            bucket.untold += used
            if bucket.untold > bucket.terms.tell:
                self._telling.add(bucket)

    def untold(self) -> list[Told]:
        """What the other workers should know; it counts as told, whatever becomes of it.

        What cannot be told is never told later: it would be counted as if it had been used then.
        """
        told = [Told(bucket, bucket.untold) for bucket in self._telling]
        self._telling.clear()
        for bucket, _ in told:
            bucket.untold = 0.0
        return told

    def learn(self, told: Iterable[Told], lacking: Sequence[float | None]) -> None:
        """lacking: seconds until each bucket is full, after what all have told; None: nobody knows."""
        now = self._clock()
        for (bucket, _), seconds in zip(told, lacking, strict=True):
            if seconds is not None:
                bucket.full = now + seconds + bucket.untold

    def _person(self, limits: Limits, origin: str, person: str | None) -> Bucket | None:
        rate = limits.per_person or self._defaults.per_person
        if rate is None or person is None:
            return None
        found = self._people.get((origin, person))
        if found is None:
            _halve(self._people)
        found = self._people[origin, person] = _bucket("person", f"{origin} {person}", rate, found)
        return found

    def _origin(self, limits: Limits, origin: str) -> _Origin:
        """By other limits than before it goes by these; what was used stays used."""
        found = self._origins.get(origin)
        if found is None:
            _halve(self._origins)
            found = self._origins[origin] = _Origin(limits)
        found.limits = limits
        requests = limits.per_origin or self._defaults.per_origin
        found.requests = None if requests is None else _bucket("origin", origin, requests, found.requests)
        found.bytes = None if limits.bytes is None else _bucket("bytes", origin, limits.bytes, found.bytes)
        return found


def _bucket(kind: str, whose: str, rate: Rate, before: Bucket | None) -> Bucket:
    if before is None:
        return Bucket(kind, _key(f"{kind} {whose}"), terms_of(rate))
    before.terms = terms_of(rate)
    return before


def _key(whose: str) -> str:
    """Under which all workers know a bucket; what is told together lies in few slots of a cluster."""
    name = hashed(whose)
    return f"u:{{u{ord(name[0]) % SLOTS}}}:{name}"


def _halve(table: dict[K, V]) -> None:
    """Makes room where there is none for one more."""
    if len(table) >= KEPT:
        for key in tuple(islice(table, len(table) - KEPT // 2)):
            del table[key]


def _refusal(buckets: Iterable[Bucket | None], origin: str, now: float) -> TooManyRequestsError:
    """Both headers name the buckets that refuse (draft-ietf-httpapi-ratelimit-headers-11, sections 3, 4)."""
    waits = [(one, one.full - now - one.terms.room) for one in buckets if one is not None]
    empty = [(bucket, max(1, ceil(wait))) for bucket, wait in waits if wait > 0]
    return TooManyRequestsError(
        f"budget of {origin}: {', '.join(bucket.kind for bucket, _ in empty)}",
        retry_after=max(seconds for _, seconds in empty),
        rate_limit=", ".join(f'"{bucket.kind}";r=0;t={seconds}' for bucket, seconds in empty),
        rate_limit_policy=", ".join(_policy(bucket) for bucket, _ in empty),
    )


def _policy(bucket: Bucket) -> str:
    unit = ';qu="content-bytes"' if bucket.kind == "bytes" else ""
    return f'"{bucket.kind}";q={bucket.terms.quota};w={bucket.terms.burst}{unit}'
