"""Which parsers are used; where there are compiled ones, they are equal to the pure ones, byte for byte."""

from types import ModuleType, SimpleNamespace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.errors import BackendBrokenError
from gateway.proxy import answer_head, canonical, parsers
from gateway.proxy.answer_head import AnswerHead
from gateway.proxy.fields import Lines
from gateway.proxy.head import Head
from tests.data_path.grammar import mutated
from tests.test_canonical import BROWSER, HOSTS, START

ANSWER = (
    b"HTTP/1.1 200 OK\r\nServer: x\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Type: text/html\r\n"
    b"Content-Length: 12\r\nConnection: keep-alive, X-Own\r\nSet-Cookie: a=b\r\nVary: Accept\r\n\r\n"
)
CHUNKED = b"HTTP/1.0 404 \r\nTransfer-Encoding: chunked\r\nConnection: close\r\nLocation:\t/x \r\n\r\n"

_PIECES = st.one_of(
    st.binary(max_size=3),
    st.sampled_from([b"\r\n", b"\r", b"\n", b"\0", b" ", b"\t", b":", b"\x7f", b"\xc3\xa4"]),
    st.sampled_from([b"%2f", b"//", b"/.", b"?", b"#"]),
    st.sampled_from([
        b"Transfer-Encoding: chunked", b"Content-Length: 7", b"Expect: 100-continue", b"Host: gw.test",
        b"Cookie: e=f", b"Referer:\t a \t", b"Connection: close", b"connection: keep-alive, x-own",
    ]).map(lambda line: b"\r\n" + line),
)  # fmt: skip
# kept between examples: what is remembered must change nothing
_PURE, _USED = Lines(), Lines()


def same_request(data: bytes) -> None:
    expected = canonical.read_request(data, _PURE, HOSTS)
    for _ in range(2):
        found = parsers.read_request(data, _USED, HOSTS)
        assert found == expected
        if found is not None and expected is not None:
            assert parts(found) == parts(expected)


def parts(head: Head) -> tuple[object, ...]:
    index = head.named, head.outs, head.marks, head.headers
    return *index, head.query, head.http_1_0, head.chunked, head.length


def answered(read: object, data: bytes) -> AnswerHead | None:
    assert callable(read)
    try:
        found = read(data)
    except BackendBrokenError:
        return None
    assert isinstance(found, AnswerHead)
    return found


def same_answer(data: bytes) -> None:
    expected = answered(answer_head.read_answer, data)
    for _ in range(2):
        assert answered(parsers.read_answer, data) == expected


def test_heads_as_they_are() -> None:
    assert parsers.read_request(BROWSER, Lines(), HOSTS) is not None
    assert answered(parsers.read_answer, ANSWER) is not None
    for data in (
        BROWSER,
        START + b"\r\n",
        START + b"X: \xc3\xa4\r\nX: b\r\n\r\n",
        b"",
        b"\r\n\r\n",
        b"GET / HTTP/1.1",
    ):
        same_request(data)
    for data in (ANSWER, CHUNKED, b"", b"\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"):
        same_answer(data)


@pytest.mark.parametrize("count", [canonical.MAX_LINES - 1, canonical.MAX_LINES])
def test_as_many_lines_as_may_be(count: int) -> None:
    same_request(START + b"".join(b"A%d: b\r\n" % number for number in range(count)) + b"\r\n")


def test_every_byte_in_every_place() -> None:
    for data, same in ((BROWSER, same_request), (ANSWER, same_answer), (CHUNKED, same_answer)):
        for place in range(len(data)):
            for byte in {0, 9, 10, 13, 32, 37, 46, 47, 58, 63, 65, 97, 127, 128, 255, data[place] ^ 0x20}:
                same(data[:place] + bytes((byte,)) + data[place + 1 :])
            same(data[:place] + data[place + 1 :])
            same(data[:place] + b"\r\n" + data[place:])
            same(data[:place])


WHOLE = (
    b"Content-Length: 7", b"content-length:\t12 ", b"Content-Length: 0", b"Content-Length:",
    b"Content-Length: +7", b"Content-Length: 123456789012345678", b"Content-Length: 1234567890123456789",
    b"Content-Length : 7", b"Content-Length: 7, 7", b"Content-Length: \xc2\xb2", b"Content_Length: 7",
    b"Transfer-Encoding: chunked", b"transfer-encoding: CHUNKED", b"Transfer-Encoding: gzip, chunked",
    b"Expect: 100-continue", b"Expect: tea", b"Host: gw.test", b"Host: GW.TEST", b"Connection: close",
    b"connection: keep-alive, X-Own", b"Connection: Upgrade", b"Connection: X-Own", b"Cookie: e=f",
    b"Cookie", b"Cookie:",
    b"Referer:\t a\tb \t", b"Referer: \xc3\xa4", b"Referer: \xff", b"X-Own: \xff", b"X-Own:", b"", b" folded",
    b"Set-Cookie: a=b", b"X-Long: " + b"a" * 600, b"Dpop" + b"a" * 40 + b": x", b'ETag: "a"',
)  # fmt: skip


@pytest.mark.parametrize("one", WHOLE)
def test_lines_beside_each_other(one: bytes) -> None:
    """Of two that are put in each is right or wrong by itself, or beside the other."""
    for two in (None, *WHOLE):
        said = b"".join(line + b"\r\n" for line in (one, two) if line is not None) + b"\r\n"
        for start in (START, BROWSER[:-2], b"POST / HTTP/1.1\r\n"):
            same_request(start + said)
        for start in (b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 200 OK\r\n", ANSWER[:-2]):
            same_answer(start + said)


@given(st.lists(st.tuples(st.integers(0, len(BROWSER)), st.integers(0, 2), _PIECES), max_size=4))
@example([(len(START), 0, b"Content-Length: 0\r\n")])
def test_heads_that_were_changed(changes: list[tuple[int, int, bytes]]) -> None:
    data = BROWSER
    for place, cut, piece in changes:
        data = data[:place] + piece + data[place + cut :]
    same_request(data)


@given(
    st.sampled_from([ANSWER, CHUNKED]),
    st.lists(st.tuples(st.integers(0, len(ANSWER)), st.integers(0, 2), _PIECES), max_size=4),
)
def test_answers_that_were_changed(data: bytes, changes: list[tuple[int, int, bytes]]) -> None:
    for place, cut, piece in changes:
        data = data[:place] + piece + data[place + cut :]
    same_answer(data)


@given(mutated(st.sampled_from([BROWSER, START + b"\r\n"]), one_in=1))
def test_heads_as_the_fuzzer_of_the_data_path_changes_them(data: bytes) -> None:
    same_request(data)


@given(mutated(st.sampled_from([ANSWER, CHUNKED]), one_in=1))
def test_answers_as_the_fuzzer_of_the_data_path_changes_them(data: bytes) -> None:
    same_answer(data)


def test_more_lines_than_are_remembered() -> None:
    for _ in range(2):
        for number in range(6000):
            line = b"X-Number: %d" % number
            same_request(START + line + b"\r\n\r\n")
            same_answer(b"HTTP/1.1 200 OK\r\n" + line + b"\r\n\r\n")


@given(
    st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"a"])).map(b"".join), st.integers(0, 12)
)
@example(b"a\r\n\r\n\r\n\r\n", 0)
def test_where_a_head_ends(data: bytes, begin: int) -> None:
    assert parsers.head_end(data, begin) == canonical.head_end(data, begin)


@given(st.binary(max_size=120))
def test_any_bytes(data: bytes) -> None:
    for whole in (
        data,
        data + b"\r\n\r\n",
        START + data + b"\r\n\r\n",
        b"GET /" + data + b" HTTP/1.1\r\n\r\n",
    ):
        same_request(whole)
    for whole in (data, data + b"\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + data + b"\r\n\r\n"):
        same_answer(whole)


@pytest.mark.parametrize(
    ("found", "environment", "used"),
    [
        pytest.param(None, "", False, id="not there"),
        pytest.param(parsers.EDITION, "", True, id="there"),
        pytest.param(parsers.EDITION, "1", False, id="not wanted"),
        pytest.param(parsers.EDITION + 1, "", False, id="of another edition"),
    ],
)
def test_which_are_used(found: int | None, environment: str, *, used: bool) -> None:
    module = ModuleType("bookgate_fast")
    module.__dict__.update(vars(SimpleNamespace(EDITION=found)))
    assert (parsers.usable(None if found is None else module, environment) is not None) is used
