"""What is found out of every request before anything of it may be refused."""

import re
from dataclasses import replace
from datetime import date
from ipaddress import ip_network

import pytest

from gateway.cors import Standing
from gateway.origins import PolicyTable
from gateway.reception import Reception
from tests.policies import POLICY

BOOK = "https://books.example.edu"
NEW_YEAR = 1_767_225_600.0  # Unix seconds: 2026-01-01T00:00Z
TABLE = PolicyTable({BOOK: replace(POLICY, expires=date(2025, 12, 31))}, {}, {}, None, "1")


class Policies:
    current = TABLE


class Now:
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        return self.seconds


def reception(now: Now) -> Reception:
    made = iter(range(256))
    proxies = [ip_network("127.0.0.0/8")]
    return Reception(Policies(), "https://gw.test", proxies, now, lambda size: bytes([next(made)]) * size)


def test_the_day_of_a_verdict_is_that_of_the_clock_either_way() -> None:
    now = Now(NEW_YEAR - 1)
    here = reception(now)
    for seconds, standing in (
        (NEW_YEAR - 1, Standing.GRANTED),
        (NEW_YEAR, Standing.REFUSED),
        (NEW_YEAR + 40 * 86_400, Standing.REFUSED),
        (NEW_YEAR - 0.5, Standing.GRANTED),  # a clock that was set back
    ):
        now.seconds = seconds
        assert here.verdict([BOOK], TABLE).standing is standing


def test_each_request_without_an_id_gets_one_of_its_own() -> None:
    here = reception(Now(NEW_YEAR))
    made = [here.request_id(None) for _ in range(200)]
    assert all(re.fullmatch(r"[0-9a-f]{24}", one) for one in made)
    assert len(made) == 200


@pytest.mark.parametrize("said", ["12345678", "a-b_C" * 12])
def test_the_client_s_own_id_is_kept(said: str) -> None:
    assert reception(Now(NEW_YEAR)).request_id(said) == said


@pytest.mark.parametrize("said", ["", "1234567", "a" * 65, "12345678\n", "1234 5678", "ünïcödé8"])
def test_what_is_no_id_is_not_kept(said: str) -> None:
    assert reception(Now(NEW_YEAR)).request_id(said) != said


def test_the_client_is_who_a_trusted_proxy_says() -> None:
    here = reception(Now(NEW_YEAR))
    assert here.client("127.0.0.1", ["203.0.113.7"]) == "203.0.113.7"
    assert here.client("198.51.100.1", ["203.0.113.7"]) == "198.51.100.1"
    assert here.client(None, ["203.0.113.7"]) == "203.0.113.7"
