import os
from itertools import starmap

import pytest

from gateway.session_ids import (
    Bearer,
    Issued,
    book_id,
    parse_book_id,
    provider_session,
    short_hash,
    slot_of,
    store_key,
)

SLOT = "s" * 16


def test_an_issued_id_parses_to_the_same_key() -> None:
    issued = Issued.mint(SLOT, os.urandom)
    assert Issued.parse(issued.id) == issued
    assert issued.key == f"{SLOT}.{short_hash(issued.id)}"
    assert len(issued.id) == 43 + 1 + 16
    assert issued.id[:43] not in issued.key
    assert slot_of(issued.key) == SLOT
    assert Issued.mint(SLOT, os.urandom) != issued


def test_a_session_at_a_provider_is_told_from_the_same_name_at_another() -> None:
    here = provider_session("https://idp.example", "sid-1")
    assert here == provider_session("https://idp.example", "sid-1")
    others = [("https://idp.example", "sid-2"), ("https://other.example", "sid-1")]
    assert here not in set(starmap(provider_session, others))
    assert len(here) == 43


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("x" * 43, id="no slot"),
        pytest.param("x" * 42 + "." + SLOT, id="short secret"),
        pytest.param("x" * 43 + "." + SLOT + "\n", id="line break at the end"),
        pytest.param("x" * 43 + "." + SLOT[:-1] + "}", id="a brace in the slot"),
        pytest.param("x" * 42 + "*." + SLOT, id="a star"),
        pytest.param("x" * 43 + "." + SLOT[:-1] + "ä", id="not ASCII"),
    ],
)
def test_what_is_not_an_id_of_ours(text: str) -> None:
    assert Issued.parse(text) is None
    assert parse_book_id(f"{text}.{'p' * 22}") is None
    assert Bearer.parse(f"{text}.{'b' * 22}.{'p' * 22}") is None


def test_a_book_id_names_its_parent() -> None:
    book, parent = Issued.mint(SLOT, os.urandom), Issued.mint(SLOT, os.urandom)
    text = book_id(book, parent.key)
    assert parse_book_id(text) == (book.key, parent.key)
    assert parse_book_id(text + "x") is None


def test_a_guests_book_id_names_none() -> None:
    book = Issued.mint(SLOT, os.urandom)
    assert book_id(book, None) == book.id
    assert parse_book_id(book.id) == (book.key, None)


def test_a_bearer_names_session_and_parent() -> None:
    book, parent = Issued.mint(SLOT, os.urandom), Issued.mint(SLOT, os.urandom)
    bearer = Bearer.mint(book.key, parent.key, os.urandom)
    assert Bearer.parse(bearer.id) == bearer
    assert (bearer.key, bearer.parent_key) == (book.key, parent.key)
    assert bearer.field == short_hash(bearer.id[:43])
    assert Bearer.parse(bearer.id[1:]) is None


def test_a_guests_bearer_names_no_parent() -> None:
    book = Issued.mint(SLOT, os.urandom)
    bearer = Bearer.mint(book.key, None, os.urandom)
    assert Bearer.parse(bearer.id) == bearer
    assert (bearer.key, bearer.parent_key) == (book.key, None)


def test_store_keys_are_tagged_by_slot() -> None:
    assert store_key("b", f"{SLOT}.{'h' * 22}") == f"b:{{{SLOT}}}:{'h' * 22}"


@pytest.mark.parametrize("key", ["", "x", f"{SLOT}.", f"{SLOT}.{'h' * 21}", f"{SLOT}}}.{'h' * 22}"])
def test_no_other_key_reaches_the_store(key: str) -> None:
    with pytest.raises(ValueError, match="key of ours"):
        store_key("b", key)
