"""Slow heads, slow bodies, slow readers: each is cut in its time, and others notice nothing.

A hundred of each in the ordinary suite, a thousand with `make floods`, which prints the figures.
"""

import asyncio
from collections.abc import Sequence

import pytest

from gateway.proxy.pace import HEAD
from tests.floods.crowd import Client
from tests.floods.evening import KEPT, LONG, PATIENT, SLOW, Evening, evening
from tests.workers.gateway_process import figure

PATHS = ("fast", "plain")
STALLED = 30.0  # seconds: nobody who moves nothing is there for longer
LINGER = 5.0  # seconds for the answer to arrive before the connection is closed under what is still sent
LATE = 8.0  # seconds that a busy machine may be late


@pytest.fixture(scope="module")
async def evenings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Evening]:
    """One on each data path. In the short form at the same time: each takes half a minute of waiting."""
    folders = [tmp_path_factory.mktemp(path) for path in PATHS]
    if LONG:
        found = [await evening(folder, path) for folder, path in zip(folders, PATHS, strict=True)]
    else:
        found = await asyncio.gather(*map(evening, folders, PATHS))
    for path, seen in zip(PATHS, found, strict=True):
        figure(
            f"{path}: p99 of ordinary requests {seen.calm.p99 * 1000:.1f} ms, beside {3 * SLOW} who are slow"
            f" {seen.busy.p99 * 1000:.1f} ms; they took {seen.took / 1e6:.0f} MB; cut after at most"
            f" {longest(seen.heads):.1f} s (heads), {longest(seen.bodies + seen.chunks):.1f} s (bodies),"
            f" {longest(seen.readers):.1f} s (read nothing), {longest(seen.sippers):.1f} s (read 100 B/s)"
        )
    return dict(zip(PATHS, found, strict=True))


@pytest.fixture(params=PATHS)
def seen(request: pytest.FixtureRequest, evenings: dict[str, Evening]) -> Evening:
    return evenings[request.param]


def longest(clients: Sequence[Client]) -> float:
    return max(PATIENT if client.ended is None else client.ended for client in clients)


def test_slow_heads_are_cut_in_15_seconds_and_reach_no_service(seen: Evening) -> None:
    assert len(seen.heads) == SLOW
    assert longest(seen.heads) < HEAD + LATE
    assert min(client.ended or 0 for client in seen.heads) > HEAD - LATE


@pytest.mark.parametrize("kind", ["bodies", "chunks"])
def test_slow_bodies_are_answered_408_in_30_seconds(seen: Evening, kind: str) -> None:
    clients: list[Client] = getattr(seen, kind)
    assert max(client.told or PATIENT for client in clients) < STALLED + LATE
    assert longest(clients) < STALLED + LINGER + LATE
    assert {client.status for client in clients} == {408}
    assert all(b"request_timeout" in client.answer for client in clients)


def test_readers_who_take_nothing_are_cut_in_30_seconds(seen: Evening) -> None:
    assert longest(seen.readers) < STALLED + LATE


def test_readers_who_sip_are_cut_by_their_rate(seen: Evening) -> None:
    assert longest(seen.sippers) < 1.5 * STALLED + LATE


def test_others_are_served_meanwhile(seen: Evening) -> None:
    assert (seen.busy.failures, seen.busy.statuses) == ([], {200})


def test_nothing_of_them_stays(seen: Evening) -> None:
    assert seen.left <= KEPT
