"""The head that a backend receives, as bytes: line for line what goes out, whatever the client says."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from gateway.cors import Standing, Verdict
from gateway.errors import GatewayError
from gateway.proxy.decide import Matched, decide, outgoing, request_head
from gateway.proxy.fields import Lines
from gateway.proxy.head import Head, parse
from gateway.proxy.request_bytes import framing_line, request_bytes
from gateway.routes import Address
from tests.system.data_path import TRUSTED
from tests.test_decide import BOOK, SITE, STORAGE, TRACE, matched

ADDRESS = Address.of("http://10.0.0.5:8001/base/")
PARTNER = Verdict(Standing.GRANTED, BOOK, replace(TRUSTED, request_headers=frozenset({"x-partner"})))
_LINES = Lines()
_NAMES = (
    "Accept", "Connection", "Content-Type", "Cookie", "Expect", "traceparent", "tracestate", "X-User",
    "X-Forwarded-For", "X-Partner",
)  # fmt: skip
_VALUES = ("a", "b; c=d", "keep-alive", "accept, x-partner", "100-continue", "ä", TRACE)
_FRAMING = ((), (("Content-Length", "3"),), (("Content-Length", "0"),), (("Transfer-Encoding", "chunked"),))


def both(one: Matched, identity: tuple[tuple[str, str], ...] = ()) -> tuple[bytes, bytes]:
    """As bytes, and as bytes of what goes out."""
    head = one.head
    found = request_head(one, SITE, ADDRESS, client="::1", request_id="r", trace=TRACE, identity=identity)
    headers = outgoing(one, SITE, client="::1", request_id="r", trace=TRACE, identity=identity)
    line = framing_line(head.method, head.length if head.has_body else None, chunked=head.chunked)
    query = "" if head.query is None else f"?{head.query}"
    return found, request_bytes(head.method, f"/base/x{query}", headers, ADDRESS, line)


@pytest.mark.parametrize("host", ["backend", "public", "grades.internal"])
def test_who_is_asked(host: str) -> None:
    one = matched(("accept", "a"), ("cookie", "a=1; b=2"))
    kept = replace(STORAGE, host=host, origin="send", request_cookies=frozenset({"b"}))
    found, expected = both(structs.replace(one, backend=kept), (("X-Id", "ada"),))
    assert found == expected
    assert found.endswith(b"X-Id: ada\r\n\r\n")


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\rb", "a\nb", "a\0b"])
def test_no_identity_begins_a_line_of_its_own(value: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        both(matched(), (("X-Id", value),))


@given(
    st.sampled_from(["GET", "POST"]),
    st.sampled_from(["", "?", "?q=%zz"]),
    st.lists(st.tuples(st.sampled_from(_NAMES), st.sampled_from(_VALUES)), max_size=6),
    st.sampled_from(_FRAMING),
)
def test_whatever_a_client_says(
    method: str, query: str, lines: list[tuple[str, str]], framing: tuple[tuple[str, str], ...]
) -> None:
    said = (("Host", "gw.test"), *lines, *framing)
    pairs = [(name.encode(), value.encode()) for name, value in said]
    try:
        head = parse(method, f"/storage/x{query}", (1, 1), pairs, _LINES, hosts=SITE.hosts, max_bytes=10_000)
        one = decide(head, PARTNER, SITE).matched
    except GatewayError:
        return
    unread = Head(head.method, head.path, head.query, head.headers, head.length, head.chunked)
    for each in (head, unread):
        found, expected = both(structs.replace(one, head=each))
        assert found == expected
