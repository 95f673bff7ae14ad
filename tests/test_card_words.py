"""The words of class cards: made, and read as children type them."""

from itertools import count
from secrets import token_bytes
from string import ascii_lowercase
from time import process_time

import pytest

from gateway.card_words import LENGTH, Misread, Wordlist, make_names, make_words, parse_words, spelt

LIST = Wordlist(
    words=("apple", "cloud", "moon", "otter", "river", "seven", "window"),
    animals=("Otter", "Fox"),
    colours=("Blue", "Red"),
    name="{colour} {animal}",
)
READ = ("otter", "cloud", "river", "moon", "apple", "window")


def test_words_are_of_the_list_and_differ_from_card_to_card() -> None:
    made = {make_words(LIST, token_bytes) for _ in range(50)}
    assert len(made) > 40
    assert all(len(words) == LENGTH and set(words) <= set(LIST.words) for words in made)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("otter cloud river moon apple window", id="as on the card"),
        pytest.param(spelt(READ), id="as in the address"),
        pytest.param(" Otter, CLOUD river\nmoon; apple window. ", id="signs and cases"),
        pytest.param("oter cloud rivver moon aple windou", id="a letter wrong in each"),
        pytest.param("toter cluod rievr moon appel widnow", id="letters in each other's places"),
    ],
)
def test_words_are_read(text: str) -> None:
    assert parse_words(text, set(LIST.words)) == READ


@pytest.mark.parametrize(
    ("text", "word"),
    [
        pytest.param("", None, id="nothing"),
        pytest.param("otter cloud river moon apple", None, id="one too few"),
        pytest.param("otter cloud river moon apple window moon", None, id="one too many"),
        pytest.param("otter cloud xylophone moon apple window", "xylophone", id="a word of no card"),
        pytest.param("otter " * 1000, None, id="very many"),
    ],
)
def test_what_is_misread(text: str, word: str | None) -> None:
    assert parse_words(text, set(LIST.words)) == Misread(word)


def test_whoever_types_nonsense_costs_next_to_nothing() -> None:
    """Anybody may, as often as a school has pupils."""
    known = frozenset(f"{first}{second}ter" for first in "bcdfghjklmnprstvw" for second in ascii_lowercase)
    parse_words("bater " * LENGTH, known)
    began = process_time()
    for _ in range(100):
        assert isinstance(parse_words(" ".join(["baxter"] * 5 + ["retabcdf"]), known), Misread)
    assert process_time() - began < 0.1


def test_names_are_nobodys_and_each_once() -> None:
    numbers = count()

    def token(size: int) -> bytes:
        return (next(numbers) * 7).to_bytes(size)

    names = make_names(LIST, {"Blue Fox"}, 5, token)
    assert len(set(names)) == 5
    assert "Blue Fox" not in names
    assert sum(name.split()[0] in {"Blue", "Red"} for name in names) == 3, "then by number"
