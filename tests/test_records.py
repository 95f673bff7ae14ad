import msgspec

from gateway.records import Book, LiveBook, Mode, SignIn


def test_a_book_session_ends_with_itself_its_parent_or_the_person() -> None:
    above = SignIn("ada", None, "campus", 1, 0, True, 1, 100)
    book = Book(
        person="ada",
        name=None,
        provider="campus",
        auth_time=1,
        epoch=0,
        origin="https://book.example",
        parent="slot.parent",
        mode=Mode.COOKIE,
        jkt=None,
        approved=False,
        own_device=True,
        began=1,
        ends=100,
    )
    assert not book.is_guest
    assert LiveBook(None, "slot.book", book, above).ended_by == ("slot.book", "slot.parent", "slot")
    guest = msgspec.structs.replace(book, parent=None)
    assert guest.is_guest
    assert LiveBook(None, "slot.book", guest, None).ended_by == ("slot.book", "slot")


def test_when_somebody_is_known_to_have_proved_who_they_are() -> None:
    known = SignIn("ada", None, "campus", 7, 0, True, 1, 100)
    assert known.proved_at == 7
    assert msgspec.structs.replace(known, proved=False).proved_at is None, "they came back then, no more"
