"""The same request by both data paths: the same answer, and the same bytes at the backend."""

import pytest

from tests.data_path.both_ways import BothWays
from tests.data_path.cases import LAST, ODD, SOUND
from tests.data_path.talk import Talk

ALL = {**SOUND, **ODD}
PLAIN_ONES = ("a browser's", "a body", "chunks", "trailers", "HTTP/1.0", "nobody's")


@pytest.mark.parametrize("pipelined", [False, True], ids=["then", "pipelined"])
@pytest.mark.parametrize("name", ALL)
async def test_whole(both: BothWays, name: str, *, pipelined: bool) -> None:
    await both.same(Talk((ALL[name], LAST), pipelined=pipelined))


@pytest.mark.parametrize("name", ALL)
async def test_byte_by_byte(both: BothWays, name: str) -> None:
    sent = ALL[name][:2000]
    await both.same(Talk((sent, LAST), frozenset(range(len(sent) + len(LAST)))))


@pytest.mark.parametrize("name", PLAIN_ONES)
async def test_cut_in_two_at_every_byte(both: BothWays, name: str) -> None:
    sent = SOUND[name]
    seen = [
        await both.same(Talk((sent, LAST), frozenset({at}), pipelined=at % 2 == 0))
        for at in range(1, len(sent) + 1)
    ]
    assert all(one.received == seen[0].received for one in seen)
    assert all(one.heard == seen[0].heard for one in seen)


@pytest.mark.parametrize("name", ODD)
async def test_what_is_odd_reaches_no_backend(both: BothWays, name: str) -> None:
    """Whatever both ways agree on: neither forwards it, nor what would be smuggled behind it."""
    seen = await both.same(Talk((ODD[name], LAST), pipelined=True))
    forwarded = [one.first for one in seen.received if one.complete]
    assert forwarded in ([], [b"GET /last HTTP/1.1"])
    if name.startswith(("framing", "chunks", "version", "host")):
        assert forwarded == []
        assert seen.heard.closed
