"""What an origin and a person at it may use: token buckets, shared by all workers through `leases`.

A bucket holds what its rate gives in its window, and ten seconds' worth at least: a page with many
activities asks for all of them at once and must not be refused for that. It is kept as the moment at which it
will be full again (GCRA: ITU-T I.371, annex A), so that a full one is nothing that anybody has to keep.

Each worker decides by what it believes, at once. What it used it tells the others in the background, as soon
as that is a part of a bucket; of theirs it learns in the same answer, and what was too much is owed.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from math import ceil
from typing import Final, NamedTuple, TypeVar

from gateway.errors import TooManyRequestsError
from gateway.origins import Limits, Rate
from gateway.sealing import hashed

K = TypeVar("K")
V = TypeVar("V")

BURST: Final = 10  # seconds
KEPT: Final = 20_000  # people at origins, and origins; beyond, the older half goes, and is full again
PART: Final = 1 / 32  # of a bucket, that a worker uses before it tells the others
SLOTS: Final = 16
_FUZZ: Final = 1e-6  # seconds, that sums of floats may be off


class Bucket:
    """burst: seconds from empty to full. one: what a request, or a byte, takes of them. full: when it is.

    room: seconds that may be lacking for one more. untold: seconds that the other workers do not know of.
    """

    __slots__ = ("burst", "full", "key", "kind", "one", "quota", "room", "tell", "untold")

    def __init__(self, kind: str, key: str) -> None:
        self.kind = kind
        self.key = key
        self.full = 0.0
        self.untold = 0.0

    def set_rate(self, rate: Rate) -> None:
        self.burst = max(BURST, rate.window)
        self.quota = rate.amount * self.burst // rate.window
        self.one = rate.window / rate.amount
        self.room = self.burst - self.one + _FUZZ
        self.tell = self.burst * PART


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


class _Use(NamedTuple):
    """Who asks, resolved once for each generation of the policy. counted: of which a request takes one."""

    limits: Limits
    origin: _Origin
    person: Bucket | None
    buckets: tuple[Bucket, ...]
    counted: tuple[Bucket, ...]


class Budgets:
    """defaults: for what an origin's own limits do not say. clock: seconds, monotonic."""

    def __init__(self, defaults: Limits, clock: Callable[[], float]) -> None:
        self._defaults = defaults
        self._clock = clock
        self._uses: dict[tuple[str, str | None], _Use] = {}
        self._origins: dict[str, _Origin] = {}
        self._telling: set[Bucket] = set()
        self.refusals = 0

    def admit(self, limits: Limits, origin: str, person: str | None) -> None:
        """Take one request from each bucket that applies, or from none.

        Raises TooManyRequestsError with the seconds until it would go through (RFC 9110 section 10.2.3).
        """
        use = self._uses.get((origin, person))
        if use is None or use.limits is not limits or use.origin.limits is not limits:
            use = self._resolved(limits, origin, person)
        if not use.buckets:
            return
        now = self._clock()
        for bucket in use.buckets:
            if bucket.full - now > bucket.room:
                self.refusals += 1
                raise _refusal(use.buckets, origin, now)
        for bucket in use.counted:
            one, full = bucket.one, bucket.full
            # no call of `max`: this runs three times a request
            bucket.full = (full if full > now else now) + one  # ruff: ignore[if-expr-min-max]
            bucket.untold += one
            if bucket.untold > bucket.tell:
                self._telling.add(bucket)

    def spend(self, limits: Limits, origin: str, size: int) -> None:
        """Count bytes that were relayed; more than there are may be owed, and the next request waits."""
        if limits.bytes is None:
            return
        found = self._origins.get(origin) or self._origin(limits, origin)
        bucket = found.bytes  # as the newest policy has it, which a long answer may not be of
        if bucket is not None:
            used, now = size * bucket.one, self._clock()
            bucket.full = max(bucket.full, now) + used
            bucket.untold += used
            if bucket.untold > bucket.tell:
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

    def _resolved(self, limits: Limits, origin: str, person: str | None) -> _Use:
        """Made anew where the policy is another one; what was used stays used."""
        before = self._uses.get((origin, person))
        shared = self._origin(limits, origin)
        _halve(self._uses)
        rate = (limits.per_person or self._defaults.per_person) if person else None
        mine = _bucket("person", f"{origin} {person}", rate, None if before is None else before.person)
        counted = tuple(bucket for bucket in (mine, shared.requests) if bucket is not None)
        buckets = counted if shared.bytes is None else (*counted, shared.bytes)
        use = self._uses[origin, person] = _Use(limits, shared, mine, buckets, counted)
        return use

    def _origin(self, limits: Limits, origin: str) -> _Origin:
        found = self._origins.get(origin)
        if found is None:
            if _halve(self._origins):
                self._uses.clear()  # whoever asks of an origin counts in the same buckets as all others
            found = self._origins[origin] = _Origin(limits)
        elif found.limits is limits:
            return found
        found.limits = limits
        requests = limits.per_origin or self._defaults.per_origin
        found.requests = _bucket("origin", origin, requests, found.requests)
        found.bytes = _bucket("bytes", origin, limits.bytes, found.bytes)
        return found


def _bucket(kind: str, whose: str, rate: Rate | None, before: Bucket | None) -> Bucket | None:
    if rate is None:
        return None
    bucket = before or Bucket(kind, _key(f"{kind} {whose}"))
    bucket.set_rate(rate)
    return bucket


def _key(whose: str) -> str:
    """Under which all workers know a bucket; what is told together lies in few slots of a cluster."""
    name = hashed(whose)
    return f"u:{{u{ord(name[0]) % SLOTS}}}:{name}"


def _halve(table: dict[K, V]) -> bool:
    """Makes room where there is none for one more; whether it had to."""
    if len(table) < KEPT:
        return False
    for key in tuple(islice(table, len(table) - KEPT // 2)):
        del table[key]
    return True


def _refusal(buckets: Iterable[Bucket], origin: str, now: float) -> TooManyRequestsError:
    """Both headers name the buckets that refuse (draft-ietf-httpapi-ratelimit-headers-11, sections 3, 4)."""
    waits = [(bucket, bucket.full - now - bucket.room) for bucket in buckets]
    empty = [(bucket, max(1, ceil(wait))) for bucket, wait in waits if wait > 0]
    return TooManyRequestsError(
        f"budget of {origin}: {', '.join(bucket.kind for bucket, _ in empty)}",
        retry_after=max(seconds for _, seconds in empty),
        rate_limit=", ".join(f'"{bucket.kind}";r=0;t={seconds}' for bucket, seconds in empty),
        rate_limit_policy=", ".join(_policy(bucket) for bucket, _ in empty),
    )


def _policy(bucket: Bucket) -> str:
    unit = ';qu="content-bytes"' if bucket.kind == "bytes" else ""
    return f'"{bucket.kind}";q={bucket.quota};w={bucket.burst}{unit}'
