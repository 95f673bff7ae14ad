import pytest

from gateway import cookies
from gateway.errors import InvalidRequestError

BOOK = "https://book.example"


def test_names() -> None:
    assert cookies.SIGN_IN == "__Host-Http-bookgate"
    assert len(cookies.book_name(BOOK)) == len("__Host-Http-book.") + 12
    assert cookies.book_name(BOOK) != cookies.book_name("https://book.example:444")
    assert cookies.login_name("abc") == "__Host-Http-login.abc"


@pytest.mark.parametrize(
    ("lines", "pairs"),
    [
        pytest.param([], (), id="none"),
        pytest.param(["a=1; b=2"], (("a", "1"), ("b", "2")), id="two"),
        pytest.param(["a=1", "b=2"], (("a", "1"), ("b", "2")), id="all lines"),
        pytest.param(["a=1;b=2;;"], (("a", "1"), ("b", "2")), id="no blank, empty parts"),
        pytest.param(["a=1 b=2"], (("a", "1 b=2"),), id="a blank does not split"),
        pytest.param(["a=1, b=2"], (("a", "1, b=2"),), id="a comma does not split"),
        pytest.param(['a="x; b=2"'], (("a", '"x'), ("b", '2"')), id="quotes do not join"),
        pytest.param(["\ta = 1 ;b\t=2"], (("a", "1"), ("b", "2")), id="blanks around"),
        pytest.param(["a=b=c"], (("a", "b=c"),), id="first equals sign"),
        pytest.param(["alone; =anonymous"], (("", "alone"), ("", "anonymous")), id="nameless"),
        pytest.param(["a=\u00a01"], (("a", "\u00a01"),), id="only blank and tab are trimmed"),
    ],
)
def test_parse(lines: list[str], pairs: tuple[tuple[str, str], ...]) -> None:
    assert cookies.parse(lines).pairs == pairs


def test_one() -> None:
    jar = cookies.parse(["a=1; b=2; b=3"])
    assert jar.one("a") == "1"
    assert jar.one("c") is None
    assert jar.names() == ("a", "b", "b")
    assert cookies.parse(["__Host-Http-login.x=1; a=2"]).names("__Host-Http-login.") == (
        "__Host-Http-login.x",
    )


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(["__Host-Http-bookgate=a; __Host-Http-bookgate=b"], id="one line"),
        pytest.param(["__Host-Http-bookgate=a", "__Host-Http-bookgate=b"], id="two lines"),
        pytest.param(["__Host-Http-bookgate=a; __Host-Http-bookgate=a"], id="the same value"),
        pytest.param(["__Host-Http-bookgate=a; __Host-Http-bookgate =b"], id="a blank before the sign"),
    ],
)
def test_our_name_twice_is_refused(lines: list[str]) -> None:
    with pytest.raises(InvalidRequestError):
        cookies.parse(lines).one(cookies.SIGN_IN)


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        pytest.param(["a=1; b=2", "c=3"], "a=1; c=3", id="allowed ones, one line"),
        pytest.param(["b=2"], None, id="nothing left"),
        pytest.param([], None, id="nothing came"),
        pytest.param(["__Host-Http-bookgate=x; a=1"], "a=1", id="ours never, though allowed"),
        pytest.param(["__Host-Http-book.000000000000=x"], None, id="a book's never"),
    ],
)
def test_strip(lines: list[str], left: str | None) -> None:
    allowed = frozenset({"a", "c", "__Host-Http-bookgate", "__Host-Http-book.000000000000"})
    assert cookies.strip(lines, allowed) == left


def test_lines() -> None:
    book = cookies.book_name(BOOK)
    assert cookies.sign_in_line("v.w", None) == (
        "__Host-Http-bookgate=v.w; Path=/; Secure; HttpOnly; SameSite=Lax"
    )
    assert cookies.sign_in_line("v", 60) == (
        "__Host-Http-bookgate=v; Max-Age=60; Path=/; Secure; HttpOnly; SameSite=Lax"
    )
    assert cookies.book_line(BOOK, "v", None) == (
        f"{book}=v; Path=/; Secure; HttpOnly; SameSite=None; Partitioned"
    )
    assert cookies.login_line("id", "v") == (
        "__Host-Http-login.id=v; Max-Age=600; Path=/; Secure; HttpOnly; SameSite=None"
    )


def test_lines_of_what_is_not_a_session() -> None:
    assert cookies.application_line("v", None).startswith(f"{cookies.APPLICATION}=v; ")
    assert cookies.guest_line(BOOK, "v", 60).startswith(f"{cookies.guest_name(BOOK)}=v; Max-Age=60; ")
    assert cookies.language_line("de").startswith(f"{cookies.LANGUAGE}=de; ")
    assert cookies.way_line("campus").startswith(f"{cookies.WAY}=campus; ")


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        (cookies.SIGN_IN, "Path=/; Secure; HttpOnly; SameSite=Lax"),
        (cookies.book_name(BOOK), "Path=/; Secure; HttpOnly; SameSite=None; Partitioned"),
        (cookies.guest_name(BOOK), "Path=/; Secure; HttpOnly; SameSite=None; Partitioned"),
        (cookies.login_name("id"), "Path=/; Secure; HttpOnly; SameSite=None"),
    ],
)
def test_taken_away_with_the_attributes_it_was_set_with(name: str, attributes: str) -> None:
    assert cookies.expired_line(name) == f"{name}=; Max-Age=0; {attributes}"


@pytest.mark.parametrize("value", ["", "a;b", "a b", "a\r\nSet-Cookie: x=y", "a=b", '"a"', "ä"])
def test_a_value_that_could_break_out_is_never_written(value: str) -> None:
    with pytest.raises(ValueError, match="base64url"):
        cookies.sign_in_line(value, None)
    with pytest.raises(ValueError, match="base64url"):
        cookies.login_line(value or ";", "v")


def test_the_oldest_logins_are_too_many_and_nothing_but_logins() -> None:
    logins = [cookies.login_name(f"t{number}") for number in range(cookies.LOGINS + 2)]
    line = "; ".join(f"{name}=x" for name in [cookies.SIGN_IN, *logins, "__Host-Http-login.\udcff", "a"])
    assert cookies.surplus(cookies.parse([line])) == tuple(logins[:2])
    assert cookies.surplus(cookies.parse([])) == ()


def test_a_guest_set_aside_lives_as_long_as_the_guest() -> None:
    line = cookies.guest_line(BOOK, "the.id", 60)
    attributes = "Max-Age=60; Path=/; Secure; HttpOnly; SameSite=None; Partitioned"
    assert line == f"{cookies.guest_name(BOOK)}=the.id; {attributes}"
    assert cookies.strip([line.partition(";")[0]], frozenset({cookies.guest_name(BOOK)})) is None
