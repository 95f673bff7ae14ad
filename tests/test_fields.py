"""One line of a head: read as bytes, and as aiohttp takes it apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InvalidRequestError
from gateway.proxy.fields import UNLIKE, Field, Lines, field

READ = [
    (b"Accept: */*", "accept", "*/*"),
    (b"Accept:*/*", "accept", "*/*"),
    (b"ACCEPT:\t a\tb \t", "accept", "a\tb"),
    (b"Accept:", "accept", ""),
    (b"X-Own: \xc3\xa4", "x-own", "ä"),
    (b"Cookie: a=b; c=d", "cookie", "a=b; c=d"),
    (b"cookie: a:b: c", "cookie", "a:b: c"),
    (b"Cookie:  a ", "cookie", "a"),
    (b"Cookie: a\tb", "cookie", "a\tb"),
    (b"Cookie: \xc3\xa4", "cookie", "ä"),
    (b"COOKIE: a", "cookie", "a"),
    (b"DPoP: a", "dpop", "a"),
    (b"X-Long: " + b"a" * 600, "x-long", "a" * 600),
]


def taken(lines: Lines, line: bytes) -> Field:
    name, _, value = line.partition(b":")
    return lines.pairs.get((name, value)) or lines.take((name, value))


def read(lines: Lines, line: bytes) -> Field:
    return lines.known.get(line) or lines.read(line)


@pytest.mark.parametrize(("line", "name", "value"), READ)
def test_a_line(line: bytes, name: str, value: str) -> None:
    lines, out = Lines(), f"{name}: {value}\r\n".encode()
    for _ in range(2):
        assert read(lines, line) == taken(lines, line) == field(name, value)
    assert field(name, value) == ((name, (value,)), (name, value), (name, out), None)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"Accept",
        b"Cookie",
        b": a",
        b"Accept : a",
        b" Accept: a",
        b"X_Own: a",
        b"X.Own: a",
        b"Accept: a\nb",
        b"Accept: a\rb",
        b"Cookie: a\0",
        b"Cookie: \x7f",
        b"Cookie: \xff",
        b"Accept: \xff",
        b"X\xc3\xa4: a",
    ],
)
def test_what_is_no_line(line: bytes) -> None:
    with pytest.raises(InvalidRequestError):
        Lines().read(line)
    if b":" in line:
        with pytest.raises(InvalidRequestError):
            taken(Lines(), line)


def test_neither_secrets_nor_long_lines_are_remembered() -> None:
    lines = Lines()
    for line, _, _ in READ:
        read(lines, line)
        taken(lines, line)
    assert {line.partition(b":")[0].lower() for line in lines.known} == {b"accept", b"x-own"}
    assert {name.lower() for name, _ in lines.pairs} == {b"accept", b"x-own"}


def test_what_is_remembered_is_bounded() -> None:
    lines = Lines()
    for number in range(5000):
        lines.read(b"X-Own: %d" % number)
        lines.take((b"X-Own", b"%d" % number))
    assert (len(lines.known), len(lines.pairs)) == (5000 - 4096, 5000 - 4096)


_LINES = Lines()


@given(st.sampled_from([b"Cookie", b"dpop", b"Accept", b"X-Own"]), st.binary(max_size=20))
def test_both_ways_read_the_same(name: bytes, value: bytes) -> None:
    line = name + b":" + value
    found: list[Field | None] = []
    for each in (read, taken):
        try:
            found.append(each(_LINES, line))
        except InvalidRequestError:
            found.append(None)
    assert found[0] == found[1]
    if found[0] is not None:
        assert found[0][2][1].count(b"\n") == found[0][2][1].count(b"\r") == 1


@pytest.mark.parametrize(
    ("line", "mark"),
    [
        (b"Origin: https://a.example", "origin: https://a.example\r\n"),
        (b"Authorization: DPoP a", UNLIKE),
        (b"Traceparent: a", UNLIKE),
        (b"Cookie: a=b", None),
        (b"X-Own: a", None),
    ],
)
def test_what_of_a_line_is_decided_by(line: bytes, mark: str | None) -> None:
    assert read(Lines(), line)[3] == mark
