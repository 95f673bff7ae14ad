"""When a provider's tokens are used, renewed or waited for. Times are whole seconds since the epoch."""

from dataclasses import dataclass
from typing import Final

import msgspec

from gateway.records import KeptTokens

AHEAD: Final = 60  # seconds before its end that a token is renewed at the latest
LEEWAY: Final = 10  # seconds before its end that it is given to nobody: it still has a way to go
FIRST_PAUSE: Final = 5  # seconds until a provider that did not answer is asked again
LONGEST_PAUSE: Final = 60
SKEW: Final = 600  # seconds that the clocks of two workers may differ


@dataclass(frozen=True, slots=True)
class Use:
    """This token is good; renew: and it is time for another."""

    access_token: str
    renew: bool


@dataclass(frozen=True, slots=True)
class Renew:
    """None is good: whoever needs one waits."""


@dataclass(frozen=True, slots=True)
class Later:
    """None is good, and the provider did not answer a moment ago."""

    seconds: int


@dataclass(frozen=True, slots=True)
class SignInAgain:
    """There is none and there will be none: only another sign-in brings one."""


Step = Use | Renew | Later | SignInAgain


def next_step(kept: KeptTokens, now: int) -> Step:
    """What a request gets that needs an access token."""
    if kept.access_token is not None and now < _good_until(kept):
        return Use(kept.access_token, renew=wants_renewal(kept, now))
    if kept.refresh_token is None or (kept.access_token is None and not _is_due(kept, now)):
        return SignInAgain()
    pause = _pause(kept, now)
    return Later(pause) if pause else Renew()


def wants_renewal(kept: KeptTokens, now: int) -> bool:
    """Whether the provider should be asked, by whoever holds the lock."""
    return kept.refresh_token is not None and _is_due(kept, now) and not _pause(kept, now)


def next_look(kept: KeptTokens, now: int) -> int:
    """The seconds until it is worth reading the tokens again."""
    if kept.refresh_token is None:
        return SKEW
    return max(1, _pause(kept, now), min(_renew_at(kept) - now, SKEW))


def put_off(kept: KeptTokens, now: int, spread: float) -> KeptTokens:
    """After a refresh without an answer. spread: 0 to 1, at random, so that not all come back at once."""
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(kept.failures, 10))
    pause -= int(pause * spread / 2)
    return msgspec.structs.replace(kept, failures=kept.failures + 1, retry_at=now + pause)


def _life(kept: KeptTokens) -> int:
    return kept.expires - kept.issued


def _good_until(kept: KeptTokens) -> int:
    return kept.expires - min(LEEWAY, _life(kept) // 20)


def _renew_at(kept: KeptTokens) -> int:
    """After four fifths of its life, or a minute before its end: whichever comes later."""
    return max(kept.issued + _life(kept) * 4 // 5, kept.expires - AHEAD)


def _is_due(kept: KeptTokens, now: int) -> bool:
    # one from the future: a clock was wrong, and its end is not to be believed
    return now >= _renew_at(kept) or now < kept.issued - SKEW


def _pause(kept: KeptTokens, now: int) -> int:
    left = kept.retry_at - now
    return left if 0 < left <= LONGEST_PAUSE else 0  # longer than any pause: a clock was wrong
