import pytest

from gateway.revocation_rules import Marks

BOOK = "https://book.example"


@pytest.mark.parametrize(
    ("marks", "ended"),
    [
        pytest.param(Marks(), False, id="none"),
        pytest.param(Marks(everybody=100), False, id="in its first second"),
        pytest.param(Marks(everybody=101), True, id="everybody"),
        pytest.param(Marks(providers={"campus": 101}), True, id="its provider"),
        pytest.param(Marks(providers={"google": 101}), False, id="another provider"),
        pytest.param(Marks(everybody=101, providers={"campus": 5}), True, id="the later of two"),
    ],
)
def test_a_sign_in_session_is_ended_by_marks_after_its_beginning(marks: Marks, *, ended: bool) -> None:
    assert marks.sign_in_ended("campus", began=100) is ended


@pytest.mark.parametrize(
    ("marks", "ended"),
    [
        pytest.param(Marks(), False, id="none"),
        pytest.param(Marks(everybody=101), True, id="everybody"),
        pytest.param(Marks(origins={BOOK: 100}), False, id="in its first second"),
        pytest.param(Marks(origins={BOOK: 101}), True, id="its origin"),
        pytest.param(Marks(origins={"https://other.example": 101}), False, id="another origin"),
        pytest.param(Marks(providers={"campus": 101}), False, id="a provider is the parent's matter"),
    ],
)
def test_a_book_session_is_ended_by_marks_after_its_beginning(marks: Marks, *, ended: bool) -> None:
    assert marks.book_ended(BOOK, began=100) is ended
