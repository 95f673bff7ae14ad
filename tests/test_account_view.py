from gateway.pages.account_view import Moment, Shown, ShownBook, ShownSession, shown
from gateway.records import BookSummary, Mode, SignInSummary

NOW = 1_800_000_000  # 2027-01-15 08:00:00 UTC
MINUTE, HOUR, DAY = 60, 3600, 86400


def test_times_exactly() -> None:
    assert Moment(NOW, NOW).exact == "2027-01-15T08:00:00Z"


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


def told(session: ShownSession | None) -> list[tuple[str, int]]:
    assert session is not None
    return [(each.origin, each.used.then) for each in (*session.books, *session.more_books)]


def test_this_browser_is_told_from_the_others() -> None:
    found = shown([sign_in("a", NOW - HOUR), sign_in("b"), sign_in("c", NOW - MINUTE)], "a", {}, NOW)
    assert found.this is not None
    assert found.this.key == "a"
    assert [each.key for each in found.others] == ["b", "c"], "the last used first"
    assert shown([sign_in("b")], "a", {}, NOW).this is None
    assert shown([], "a", {}, NOW) == Shown(None, ())


def test_what_a_session_says() -> None:
    found = shown([sign_in("a"), book("b1", "a", "https://book.example")], "a", {"campus": "Campus"}, NOW)
    moment = Moment(NOW, NOW)
    assert found.this == ShownSession(
        key="a",
        device="Firefox on Linux",
        way="Campus",
        began=Moment(NOW - DAY, NOW),
        used=moment,
        books=(ShownBook("https://book.example", moment),),
        more_books=(),
    )


def test_what_is_not_known_is_said_so() -> None:
    (other,) = shown([sign_in("a", device=None)], "x", {}, NOW).others
    assert (other.device, other.way) == (None, "campus")


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
    assert told(found.this) == [("https://two.example", NOW), ("https://one.example", NOW - MINUTE)]
    assert [told(each) for each in found.others] == [[("https://three.example", NOW)]]


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
