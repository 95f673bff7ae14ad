import msgspec
import pytest

from gateway.provider_tokens.rules import (
    AHEAD,
    FIRST_PAUSE,
    LONGEST_PAUSE,
    SKEW,
    Later,
    Renew,
    SignInAgain,
    Step,
    Use,
    next_look,
    next_step,
    put_off,
    wants_renewal,
)
from gateway.records import KeptTokens

BEGAN = 1_790_000_000
HOUR = KeptTokens("https://idp.example", "ada", "nonce", "access", "refresh", None, BEGAN, BEGAN + 3600)
MINUTE = msgspec.structs.replace(HOUR, expires=BEGAN + 60)
WITHOUT = msgspec.structs.replace(HOUR, refresh_token=None)
NO_HEADER = msgspec.structs.replace(HOUR, access_token=None)


def paused(kept: KeptTokens, until: int) -> KeptTokens:
    return msgspec.structs.replace(kept, failures=1, retry_at=BEGAN + until)


@pytest.mark.parametrize(
    ("kept", "after", "step"),
    [
        pytest.param(HOUR, 0, Use("access", renew=False), id="new"),
        pytest.param(HOUR, 3539, Use("access", renew=False), id="a minute and a second to go"),
        pytest.param(HOUR, 3540, Use("access", renew=True), id="a minute to go"),
        pytest.param(HOUR, 3589, Use("access", renew=True), id="still good"),
        pytest.param(HOUR, 3590, Renew(), id="too little to go"),
        pytest.param(HOUR, 9999, Renew(), id="over"),
        pytest.param(MINUTE, 47, Use("access", renew=False), id="short: before four fifths"),
        pytest.param(MINUTE, 48, Use("access", renew=True), id="short: after them"),
        pytest.param(MINUTE, 57, Renew(), id="short: too little to go"),
        pytest.param(paused(HOUR, 3560), 3550, Use("access", renew=False), id="good, in a pause"),
        pytest.param(paused(HOUR, 3560), 3560, Use("access", renew=True), id="good, after it"),
        pytest.param(paused(HOUR, 3620), 3600, Later(20), id="over, in a pause"),
        pytest.param(paused(HOUR, 3620), 3620, Renew(), id="over, after it"),
        pytest.param(paused(HOUR, 9999), 3600, Renew(), id="a pause that no rule makes: the clock went back"),
        pytest.param(WITHOUT, 3550, Use("access", renew=False), id="nothing to renew it with"),
        pytest.param(WITHOUT, 3600, SignInAgain(), id="nothing to renew it with, over"),
        pytest.param(NO_HEADER, 10, SignInAgain(), id="none for a header"),
        pytest.param(NO_HEADER, 3600, Renew(), id="none for a header, perhaps the next"),
        pytest.param(HOUR, -SKEW, Use("access", renew=False), id="another worker's clock"),
        pytest.param(HOUR, -SKEW - 1, Use("access", renew=True), id="from the future: a clock was wrong"),
    ],
)
def test_what_a_request_gets(kept: KeptTokens, after: int, step: Step) -> None:
    assert next_step(kept, BEGAN + after) == step


@pytest.mark.parametrize(
    ("kept", "after", "wanted"),
    [
        pytest.param(HOUR, 3539, False, id="early"),
        pytest.param(HOUR, 3540, True, id="due"),
        pytest.param(paused(HOUR, 3560), 3550, False, id="in a pause"),
        pytest.param(WITHOUT, 3600, False, id="nothing to renew it with"),
        pytest.param(NO_HEADER, 3600, True, id="revoked there is seen all the same"),
    ],
)
def test_when_the_provider_is_asked(kept: KeptTokens, after: int, *, wanted: bool) -> None:
    assert wants_renewal(kept, BEGAN + after) is wanted


@pytest.mark.parametrize(
    ("kept", "after", "seconds"),
    [
        pytest.param(HOUR, 0, SKEW, id="not for a while: a clock may step"),
        pytest.param(HOUR, 3500, 40, id="when it is due"),
        pytest.param(HOUR, 3540, 1, id="now"),
        pytest.param(paused(HOUR, 3560), 3550, 10, id="after the pause"),
        pytest.param(WITHOUT, 3600, SKEW, id="nothing to renew it with"),
    ],
)
def test_when_to_look_again(kept: KeptTokens, after: int, seconds: int) -> None:
    assert next_look(kept, BEGAN + after) == seconds


def test_pauses_grow_and_differ() -> None:
    kept, pauses = HOUR, []
    for _ in range(20):
        kept = put_off(kept, BEGAN, 0)
        pauses.append(kept.retry_at - BEGAN)
    assert pauses[:5] == [FIRST_PAUSE, 10, 20, 40, LONGEST_PAUSE]
    assert set(pauses[4:]) == {LONGEST_PAUSE}
    assert kept.failures == 20
    assert put_off(kept, BEGAN, 0.99).retry_at - BEGAN == LONGEST_PAUSE // 2 + 1
    assert kept.access_token == "access"


def test_a_pause_ends_before_a_token_that_is_renewed_ahead() -> None:
    assert FIRST_PAUSE + 10 + 20 < AHEAD
