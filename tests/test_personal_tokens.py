import re
from collections.abc import Sequence
from zlib import crc32

import pytest

from gateway.errors import InvalidTokenError
from gateway.personal_tokens import PersonalToken, hash_of, mint, parse_backends, parse_life, parse_name

ZERO = mint(bytes)
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def test_a_token_is_of_one_form() -> None:
    for byte in (b"\0", b"\1", b"\x7f", b"\xff"):
        assert re.fullmatch(r"bg_[0-9A-Za-z]{49}", mint(byte.__mul__))
    assert ZERO.startswith("bg_" + "0" * 43)


def test_its_checksum_is_told_by_anybody() -> None:
    number = 0
    for digit in ZERO[-6:]:
        number = number * 62 + DIGITS.index(digit)
    assert number == crc32(ZERO[3:-6].encode())


def test_two_have_two_hashes_and_neither_says_its_token() -> None:
    one, two = mint(lambda size: b"a" * size), mint(lambda size: b"b" * size)
    assert one != two
    assert hash_of(one) != hash_of(two)
    assert hash_of(one) == hash_of(one)
    assert one[3:-6] not in hash_of(one)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param(ZERO[:-1], id="short"),
        pytest.param(ZERO + "0", id="long"),
        pytest.param(ZERO + "\n", id="a line's end"),
        pytest.param("BG_" + ZERO[3:], id="another prefix"),
        pytest.param(ZERO[:3] + "1" + ZERO[4:], id="one digit another"),
        pytest.param(ZERO[:-1] + ("0" if ZERO[-1] != "0" else "1"), id="another checksum"),
        pytest.param(ZERO[:3] + "é" + ZERO[4:], id="no ASCII"),
    ],
)
def test_what_is_none_is_never_asked_about(text: str) -> None:
    with pytest.raises(InvalidTokenError):
        hash_of(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("backup script", "backup script"),
        ("  two\n lines ", "two lines"),
        ("", None),
        (" \t", None),
        ("a" * 60, "a" * 60),
        ("a" * 61, None),
        ("bell\a", None),
    ],
)
def test_names(text: str, name: str | None) -> None:
    assert parse_name(text) == name


@pytest.mark.parametrize(
    ("text", "seconds"), [("7", 604_800), ("365", 31_536_000), ("366", None), ("", None), ("07", None)]
)
def test_lives(text: str, seconds: int | None) -> None:
    assert parse_life(text) == seconds


@pytest.mark.parametrize(
    ("chosen", "backends"),
    [
        (["storage"], {"storage"}),
        (["storage", "grades"], {"storage", "grades"}),
        ([], None),
        (["storage", "admin"], None),
    ],
)
def test_backends(chosen: Sequence[str], backends: set[str] | None) -> None:
    assert parse_backends(chosen, ["grades", "storage"]) == backends


def test_by_what_its_streams_end() -> None:
    token = PersonalToken("t1", "p", None, "campus", 0, frozenset(), "", "", 0)
    assert token.ended_by == ("token:t1",)
