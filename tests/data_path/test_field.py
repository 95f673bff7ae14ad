"""What other gateways got wrong, tried on both data paths at once; docs/data-path-tests.md has the list.

Each request goes to both, whose backends keep every byte; that the two agree is asserted by `both.same`.
"""

import pytest

from tests.data_path.both_ways import BothWays
from tests.data_path.byte_backend import always
from tests.data_path.cases import LAST, chunked, get, post
from tests.data_path.sameness import Seen
from tests.data_path.talk import Talk
from tests.system.data_path import BOOK, CONSENT, STRANGER, head

SKIPPING = [
    "X-Forwarded-Uri: /public/x",
    "X-Original-URL: /public/x",
    "X-Original-URI: /public/x",
    "X-Rewrite-URL: /public/x",
    "X-Forwarded-Path: /public/x",
    "X-Forwarded-Prefix: /public",
    "X-Forwarded-Method: OPTIONS",
    "X-HTTP-Method-Override: OPTIONS",
    "X-Forwarded-For: 127.0.0.1",
    "X-Forwarded-For: ::1, 10.0.0.1",
    "X-Real-IP: 127.0.0.1",
    "X-Forwarded-User: ada",
    "X-Auth-Request-User: ada",
    "X-Bookgate-Assertion: a.b.c",
    "Authorization: Basic YWRhOng=",
    "Proxy-Authorization: Basic YWRhOng=",
    "User-Agent: kube-probe/1.31",
    "User-Agent: GoogleHC/1.0",
    "User-Agent: ELB-HealthChecker/2.0",
    "Referer: http://gw.test/public/x",
    "Sec-Fetch-Site: same-origin",
]
SKIPPING_TARGETS = [
    "/storage/x?/public/x",
    "/storage/x?path=/public/",
    "/storage/x?#/public/x",
    "/storage/x#/public/x",
    "/storage/x?sign_in=none",
    "/public/../storage/x",
    "/public/%2e%2e/storage/x",
    "/public/..;/storage/x",
    "/public\\../storage/x",
    "//public/../storage/x",
    "/STORAGE/x",
]


def refused(seen: Seen) -> int:
    """The status of the first answer; nothing but the last request reached a backend."""
    assert [one.first for one in seen.received] in ([], [b"GET /last HTTP/1.1"])
    return int(seen.heard.answers[0].first[-3:]) if seen.heard.answers[0].fields else 400


@pytest.mark.parametrize("line", SKIPPING)
async def test_no_header_skips_authentication(both: BothWays, line: str) -> None:
    for person in (None, "nobody"):
        assert refused(await both.same(Talk((get("/storage/x", line, person=person), LAST)))) == 401


@pytest.mark.parametrize("target", SKIPPING_TARGETS)
async def test_no_target_skips_authentication(both: BothWays, target: str) -> None:
    assert refused(await both.same(Talk((get(target, person=None), LAST)))) in {400, 401, 404}


ALIASES = [
    f"{spelling}: ben"
    for name in ("X-Bookgate-Assertion", "X-Forwarded-User", "Remote-User", "X-Remote-User")
    for spelling in (
        name.replace("-", "_"),
        name.replace("-", "_", 1),
        name.replace("-", "."),
        f"{name}\x00",
        f"{name}\t",
        f" {name}",
        f"{name} ",
        f"X\r{name}",
    )
]


@pytest.mark.parametrize("line", ALIASES)
async def test_an_alias_reaches_nobody(both: BothWays, line: str) -> None:
    assert refused(await both.same(Talk((get("/storage/x", line), LAST)))) == 400


IDENTITIES = [
    "X-Bookgate-Assertion: forged",
    "x-BOOKGATE-assertion: forged",
    "X-Bookgate-Assertion:forged",
    "X-Bookgate-Assertion: forged\r\nX-Bookgate-Assertion: forged",
    "X-Forwarded-User: forged",
    "Remote-User: forged",
    "Connection: X-Bookgate-Assertion\r\nX-Bookgate-Assertion: forged",
    "Connection: close, X-Bookgate-Assertion",
    "Connection: X-Forwarded-For, X-Request-Id, Host, Cookie",
    "Trailer: X-Bookgate-Assertion\r\nTE: trailers",
    "Proxy-Connection: X-Bookgate-Assertion",
    "Keep-Alive: X-Bookgate-Assertion",
]


@pytest.mark.parametrize("lines", IDENTITIES)
async def test_exactly_one_identity_whatever_is_said(both: BothWays, lines: str) -> None:
    for sent in (
        get("/storage/x", lines),
        head("/storage/x", lines, "Content-Length: 4", method="POST") + b"work",
        chunked(b"work", last=b"0\r\nX-Bookgate-Assertion: forged\r\n\r\n", lines=(lines,)),
    ):
        seen = await both.same(Talk((sent, LAST)))
        (identity,) = seen.received[0].values(b"x-bookgate-assertion")
        assert b'"sub": "ada"' in identity
        assert b"forged" not in b"\r\n".join(seen.received[0].fields)
        assert seen.received[0].values(b"x-forwarded-for") == [b"127.0.0.1"]
        assert not seen.received[0].values(b"connection")


OURS = "__Host-Http-book.ff599ab36bd9"
COOKIES = [
    pytest.param(f"{OURS}=ada; {OURS}=ben", 400, id="twice in a line"),
    pytest.param(f"{OURS}=ada\r\nCookie: {OURS}=ben", 400, id="on two lines"),
    pytest.param(f"{OURS}=ada;{OURS}=ada", 400, id="without a blank"),
    pytest.param(f"x={OURS}=ada", 401, id="inside of another"),
    pytest.param(f"x=y {OURS}=ada", 401, id="behind a blank"),
    pytest.param(f"x=y, {OURS}=ada", 401, id="behind a comma"),
    pytest.param(f'x="; {OURS}=ada"', 401, id="in quotes"),
    pytest.param(f'{OURS}="ada"', 401, id="quoted"),
    pytest.param(f"{OURS} =ada", 200, id="a blank behind the name"),  # which browsers take off too
    pytest.param(f"{OURS} =ada; {OURS}=ben", 400, id="twice, with a blank behind the name"),
    pytest.param(f"{OURS.lower()}=ada", 401, id="another case"),
    pytest.param(f"$Version=1; {OURS}=ada; $Path=/", 200, id="of RFC 2109"),
    pytest.param(f"a=b; {OURS}=ada; c=d", 200, id="between others"),
]


@pytest.mark.parametrize(("cookie", "status"), COOKIES)
async def test_cookies(both: BothWays, cookie: str, status: int) -> None:
    seen = await both.same(Talk((get("/storage/x", f"Cookie: {cookie}", person=None), LAST)))
    assert seen.heard.answers[0].first == b"HTTP/1.1 %d" % status if status != 400 else refused(seen) == 400
    assert all(not one.values(b"cookie") for one in seen.received)


POISON = [
    "X-Forwarded-Host: evil.test",
    "X-Forwarded-Proto: gopher",
    "X-Forwarded-Scheme: http",
    "X-Forwarded-Port: 1337",
    "X-Forwarded-Prefix: /evil",
    "X-Forwarded-Server: evil.test",
    "X-Host: evil.test",
    "X-Original-URL: /storage/evil",
    "X-Rewrite-URL: /storage/evil",
    "X-HTTP-Method-Override: DELETE",
    "X-Method-Override: DELETE",
    "Forwarded: host=evil.test;proto=http",
    "X-Forwarded-For: 6.6.6.6",
    "True-Client-IP: 6.6.6.6",
]
H2C = ("Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAAQAAP__")
ELSEWHERE = (
    b"HTTP/1.1 302 Found\r\nLocation: /v1/next\r\nCache-Control: public, max-age=600\r\n"
    b"Content-Length: 0\r\n\r\n"
)


@pytest.mark.parametrize("line", POISON)
async def test_nothing_that_no_cache_keys_by_changes_an_answer(both: BothWays, line: str) -> None:
    for target in ("/storage/x", "/public/x"):
        usual = await both.same(Talk((get(target), LAST)), always(ELSEWHERE))
        poisoned = await both.same(Talk((get(target, line), LAST)), always(ELSEWHERE))
        assert poisoned.heard == usual.heard
        ignored = {b"x-forwarded-for"} if line.startswith("X-Forwarded-For") else set()
        assert without(poisoned, ignored) == without(usual, ignored)


async def test_an_upgrade_that_nobody_knows_changes_nothing_but_that_it_is_the_last_request(
    both: BothWays,
) -> None:
    for target in ("/storage/x", "/public/x"):
        usual = await both.same(Talk((get(target, "Connection: close"),)), always(ELSEWHERE))
        poisoned = await both.same(Talk((get(target, *H2C),)), always(ELSEWHERE))
        assert poisoned.heard == usual.heard
        assert without(poisoned, set()) == without(usual, set())


SMUGGLED = head("/storage/smuggled")


@pytest.mark.parametrize(
    "upgrade", ["h2c", "TLS/1.0", "tcp", "h2c, websocket", "websocket", "WebSocket", "x"]
)
@pytest.mark.parametrize("target", ["/storage/x", "/public/x", "/nothing"])
async def test_a_body_behind_an_upgrade_that_is_not_taken_is_no_request(
    both: BothWays, upgrade: str, target: str
) -> None:
    lines = (f"Upgrade: {upgrade}", "Connection: Upgrade")
    work = head("/storage/x", f"Content-Length: {len(SMUGGLED)}", method="POST")
    own = head(target, *lines, f"Content-Length: {len(SMUGGLED)}", method="POST")
    for talk in (
        Talk((head(target, *lines) + work, SMUGGLED), pipelined=True),
        Talk((own, SMUGGLED), pipelined=True),
        Talk((own + SMUGGLED, LAST), pipelined=True),
    ):
        seen = await both.same(talk)
        assert not [one for one in seen.received if b"smuggled" in one.first]


def without(seen: Seen, names: set[bytes]) -> list[tuple[bytes, ...]]:
    return [
        (one.first, *(field for field in one.fields if field.split(b":")[0].lower() not in names))
        for one in seen.received
    ]


@pytest.mark.parametrize("origin", [BOOK, CONSENT, STRANGER, "null", None])
async def test_an_answer_for_one_origin_is_no_other_s(both: BothWays, origin: str | None) -> None:
    """Whatever is answered, to whomever: it says that it depends on Origin, and a private one is not kept."""
    person = {BOOK: "ada", CONSENT: "dan"}.get(origin or "")
    for target in ("/storage/x", "/public/x", "/nothing", "/storage/%2e%2e/x"):
        seen = await both.same(Talk((get(target, origin=origin, person=person), LAST)), always(ELSEWHERE))
        answer = seen.heard.answers[0]
        if not answer.fields:
            continue
        assert any(b"Origin" in value for value in answer.values(b"vary"))
        allowed = answer.values(b"access-control-allow-origin")
        assert allowed in ([], [(origin or "").encode()])
        if person and target == "/storage/x":
            assert answer.values(b"cache-control") == [b"private, no-cache"]


HOSTS = [
    "evil.test", "gw.test.evil.test", "evil.test:gw.test", "gw.test@evil.test", "gw.test:1337", "gw.test/x",
    "gw.test?x", "a@b/c?d", "gw.test#x", "[::1]", "127.0.0.1", "localhost", "gw.test gw.test",
    "gw.test,evil.test", "",
]  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
async def test_hosts(both: BothWays, host: str) -> None:
    for line in ((), ("X-Forwarded-Host: gw.test",)):
        seen = await both.same(Talk((get("/public/x", *line, host=host), LAST), pipelined=True))
        assert refused(seen) in {400, 421}
        assert seen.received == (), "and the connection ends"
        assert b"evil" not in b"".join(answer.body for answer in seen.heard.answers)


SMUGGLED = b"GET /storage/smuggled HTTP/1.1\r\nHost: gw.test\r\n\r\n"
TWO_BODIES = [
    pytest.param(("Content-Length: 6", "Transfer-Encoding: chunked"), b"0\r\n\r\nG", id="CL.TE"),
    pytest.param(
        ("Transfer-Encoding: chunked", "Content-Length: 4"), b"5c\r\nGPOST\r\n0\r\n\r\n", id="TE.CL"
    ),
    pytest.param(("Transfer-Encoding: chunked", "Transfer-encoding: x"), b"0\r\n\r\n", id="TE.TE"),
    pytest.param(("Transfer-Encoding: chunked, chunked",), b"0\r\n\r\n", id="chunked twice"),
    pytest.param(("Transfer-Encoding:\x0bchunked",), b"0\r\n\r\n", id="vertical tab"),
    pytest.param(("Transfer-Encoding: xchunked", "Content-Length: 0"), b"", id="xchunked"),
    pytest.param(("Content-Length: 0", "Content-Length: 40"), b"", id="CL.CL"),
    pytest.param(("Content-Length: 0\r\n Content-Length: 40",), b"", id="folded"),
    pytest.param(("Foo: bar\nContent-Length: 40",), b"", id="bare LF"),
    pytest.param(("Content-Length : 40",), b"", id="blank before the colon"),
    pytest.param(("Content-Length: 1e1",), b"", id="1e1"),
    pytest.param(("Transfer-Encoding: chunked",), b"0;\n\r\n\r\n", id="LF in an extension"),
    pytest.param(("Transfer-Encoding: chunked",), b"0\r\n\r", id="half an end"),
    pytest.param(("Transfer-Encoding: chunked",), b"2\r\nabc\r\n0\r\n\r\n", id="longer than its size"),
    pytest.param(("Transfer-Encoding: chunked",), b"0_2\r\nab\r\n0\r\n\r\n", id="underscore"),
]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(("lines", "body"), TWO_BODIES)
async def test_nothing_is_smuggled(both: BothWays, method: str, lines: tuple[str, ...], body: bytes) -> None:
    sent = head("/storage/x", *lines, method=method) + body
    for talk in (Talk((sent, SMUGGLED, LAST), pipelined=True), Talk((sent + SMUGGLED, LAST))):
        seen = await both.same(talk)
        assert not [one for one in seen.received if one.complete]


async def test_nobody_gets_another_s_answer_on_a_shared_connection(both: BothWays) -> None:
    """A backend that answers twice what was asked once: the second is for nobody."""
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
    for extra in (ok + b"ev", b"HTTP/1.1 ", b"\r\n", b"x"):
        for asked in (get("/storage/x"), post(b"work"), head("/storage/x", method="HEAD")):
            said = ok if asked.startswith(b"HEAD") else ok + b"hi"
            seen = await both.same(Talk((asked, LAST)), always(said + extra))
            assert b"ev" not in b"".join(answer.body for answer in seen.heard.answers)
