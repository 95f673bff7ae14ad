"""The same answer of a backend by both data paths: the same bytes reach the reader, and none of another's."""

from collections.abc import Callable

import pytest

from tests.data_path.answers import BROKEN, SOUND, TOO_LONG
from tests.data_path.both_ways import BothWays
from tests.data_path.byte_backend import OK, Plan
from tests.data_path.cases import LAST, get, post
from tests.data_path.talk import Talk
from tests.system.data_path import head

ALL = {**SOUND, **BROKEN, **TOO_LONG}
ASKING = {
    "GET": get("/storage/x"),
    "public": get("/public/x"),
    "HEAD": head("/storage/x", method="HEAD"),
    "POST": post(b"work"),
}


def first(plan: Plan) -> Callable[[int], Plan]:
    """So it is answered once; whatever is asked after that is answered soundly."""
    return lambda number: plan if number == 0 else Plan((OK,))


@pytest.mark.parametrize("method", ASKING)
@pytest.mark.parametrize("name", ALL)
async def test_whole(both: BothWays, name: str, method: str) -> None:
    seen = await both.same(Talk((ASKING[method], LAST)), first(ALL[name]))
    assert b"evil" not in b"".join(answer.body for answer in seen.heard.answers)
    if method == "POST":
        assert sum(one.first.startswith(b"POST") for one in seen.received) == 1, "sent twice"


@pytest.mark.parametrize("name", BROKEN)
async def test_what_is_broken_is_502_or_breaks_off(both: BothWays, name: str) -> None:
    seen = await both.same(Talk((ASKING["POST"],)), first(BROKEN[name]))
    (answer,) = seen.heard.answers
    assert answer.status == 502 or not answer.complete
    assert answer.complete or seen.heard.closed


@pytest.mark.parametrize("name", SOUND)
async def test_what_is_sound_arrives_whole(both: BothWays, name: str) -> None:
    seen = await both.same(Talk((ASKING["GET"],)), first(SOUND[name]))
    (answer,) = seen.heard.answers
    assert answer.complete
    assert answer.status != 502


@pytest.mark.parametrize("name", ALL)
async def test_byte_by_byte(both: BothWays, name: str) -> None:
    plan = ALL[name]
    whole = b"".join(plan.pieces)[:1500]
    pieces = tuple(bytes([byte]) for byte in whole)
    await both.same(Talk((ASKING["GET"], LAST)), first(Plan(pieces, plan.early, plan.ends or "close")))


@pytest.mark.parametrize(
    "name", ["a length", "chunks", "chunk extensions and trailers", "early hints", "204"]
)
async def test_cut_in_two_at_every_byte(both: BothWays, name: str) -> None:
    said = b"".join(SOUND[name].pieces)
    for at in range(1, min(len(said), 300)):
        plan = Plan((said[:at], said[at:]))
        await both.same(Talk((ASKING["GET"], LAST)), first(plan))
