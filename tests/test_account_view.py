import pytest

from gateway.pages.account_view import NO_NAME, Moment, Shown, ShownBook, ShownSession, shown
from gateway.records import BookSummary, Mode, SignInSummary

NOW = 1_800_000_000  # 2027-01-15 08:00:00 UTC
MINUTE, HOUR, DAY = 60, 3600, 86400


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        pytest.param(-5, "just now", id="a clock that is ahead"),
        pytest.param(0, "just now", id="now"),
        pytest.param(59, "just now", id="a moment"),
        pytest.param(MINUTE, "1 minute ago", id="a minute"),
        pytest.param(HOUR - 1, "59 minutes ago", id="minutes"),
        pytest.param(HOUR, "1 hour ago", id="an hour"),
        pytest.param(DAY - 1, "23 hours ago", id="hours"),
        pytest.param(DAY, "1 day ago", id="a day"),
        pytest.param(30 * DAY, "30 days ago", id="days"),
        pytest.param(31 * DAY, "on 15 December 2026", id="a date"),
    ],
)
def test_times_in_words(ago: int, words: str) -> None:
    assert Moment.of(NOW - ago, NOW).words == words


def test_times_exactly() -> None:
    assert Moment.of(NOW, NOW).exact == "2027-01-15T08:00:00Z"


def sign_in(key: str, seen: int = NOW, device: str | None = "Firefox on Linux") -> SignInSummary:
    return SignInSummary(
        key=key,
        device=device,
        provider="campus",
        own_device=False,
        began=NOW - DAY,
        seen=seen,
        ends=NOW + DAY,
    )


def book(key: str, parent: str | None, origin: str, seen: int = NOW, mode: Mode = Mode.COOKIE) -> BookSummary:
    return BookSummary(
        key=key,
        parent=parent,
        origin=origin,
        mode=mode,
        device=None,
        provider="campus",
        own_device=False,
        began=NOW - HOUR,
        seen=seen,
        ends=NOW + DAY,
    )


def told(session: ShownSession | None) -> list[tuple[str, str]]:
    assert session is not None
    return [(each.origin, each.used.words) for each in (*session.books, *session.more_books)]


def test_this_browser_is_told_from_the_others() -> None:
    found = shown([sign_in("a", NOW - HOUR), sign_in("b"), sign_in("c", NOW - MINUTE)], "a", {}, NOW)
    assert found.this is not None
    assert found.this.key == "a"
    assert [each.key for each in found.others] == ["b", "c"], "the last used first"
    assert shown([sign_in("b")], "a", {}, NOW).this is None
    assert shown([], "a", {}, NOW) == Shown(None, ())


def test_what_a_session_says() -> None:
    found = shown([sign_in("a"), book("b1", "a", "https://book.example")], "a", {"campus": "Campus"}, NOW)
    moment = Moment("just now", "2027-01-15T08:00:00Z")
    assert found.this == ShownSession(
        key="a",
        device="Firefox on Linux",
        way="Campus",
        began=Moment("1 day ago", "2027-01-14T08:00:00Z"),
        used=moment,
        books=(ShownBook("https://book.example", moment),),
        more_books=(),
    )


def test_what_is_not_known_is_said_so() -> None:
    (other,) = shown([sign_in("a", device=None)], "x", {}, NOW).others
    assert (other.device, other.way) == (NO_NAME, "campus")


def test_each_book_once_under_its_own_session() -> None:
    summaries: list[SignInSummary | BookSummary] = [
        sign_in("a"),
        sign_in("b"),
        book("b1", "a", "https://one.example", NOW - HOUR),
        book("b2", "a", "https://one.example", NOW - MINUTE),
        book("b3", "a", "https://two.example"),
        book("b4", "a", "https://pending.example", mode=Mode.PENDING),
        book("b5", "b", "https://three.example"),
        book("b6", None, "https://guest.example"),
    ]
    found = shown(summaries, "a", {}, NOW)
    assert told(found.this) == [("https://two.example", "just now"), ("https://one.example", "1 minute ago")]
    assert [told(each) for each in found.others] == [[("https://three.example", "just now")]]


def test_the_first_books_and_the_others() -> None:
    books = [book(f"b{number}", "a", f"https://{number}.example", NOW - number) for number in range(5)]
    summaries: list[SignInSummary | BookSummary] = [sign_in("a"), *books]
    this = shown(summaries, "a", {}, NOW).this
    assert this is not None
    assert [each.origin for each in this.books] == [
        "https://0.example",
        "https://1.example",
        "https://2.example",
    ]
    assert [each.origin for each in this.more_books] == ["https://3.example", "https://4.example"]
