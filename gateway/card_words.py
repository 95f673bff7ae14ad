"""The words of a class card: made, spelt and read. Whoever has them is the person of the card.

The first two find the card, the others prove it: so tries are counted by card, which stops who guesses.
"""

import difflib
import functools
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

LENGTH: Final = (
    6  # words; the last four of 300 or more: 33 bits, where a card is tried ten times in ten minutes
)
FINDING: Final = 2

_BREAKS: Final = re.compile(r"[^a-z]+", re.ASCII)
_CLOSE: Final = 0.75  # of difflib: one letter that is wrong, missing or too many in a word of five

Token = Callable[[int], bytes]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wordlist:
    """Of one language. words: a to z alone, so that every keyboard has them. name: how a card is called."""

    words: tuple[str, ...]
    animals: tuple[str, ...]
    colours: tuple[str, ...]
    name: str  # with {animal} and {colour}


@dataclass(frozen=True, slots=True)
class Misread:
    """word: which no card has; None: there are too few words, or too many."""

    word: str | None


def make_words(wordlist: Wordlist, token: Token) -> tuple[str, ...]:
    return tuple(_chosen(wordlist.words, token) for _ in range(LENGTH))


def make_names(wordlist: Wordlist, taken: Collection[str], count: int, token: Token) -> list[str]:
    """Names of nobody, each once in a class; numbered where all pairs are taken."""
    free = [
        wordlist.name.format(animal=animal, colour=colour)
        for animal in wordlist.animals
        for colour in wordlist.colours
    ]
    free = [name for name in free if name not in taken]
    names = []
    for number in range(len(taken) + 1, len(taken) + count + 1):
        name = _chosen(free, token) if free else f"{_chosen(wordlist.animals, token)} {number}"
        names.append(name)
        free = [other for other in free if other != name]
    return names


def parse_words(text: str, known: Collection[str]) -> tuple[str, ...] | Misread:
    """The words as a child types them: any case, any signs between them, a letter wrong here and there.

    known: the words of all lists. A word that is nearly one of them is taken for it: which words there are is
    no secret, and a try is a try.
    """
    typed = [word for word in _BREAKS.split(text.casefold()[:300]) if word]
    if len(typed) != LENGTH:
        return Misread(None)
    read = []
    for word in typed:
        near = [word] if word in known else _close(word, frozenset(known))
        if not near:
            return Misread(word)
        read.append(near[0])
    return tuple(read)


def _close(word: str, known: frozenset[str]) -> list[str]:
    """The word that is meant. Only those are compared that are the same without one letter each: anybody may
    ask, and to compare with all of them takes a hundred times as long.
    """
    index = _by_rest(known)
    near = {each for rest in _rests(word) for each in index.get(rest, ())}
    return difflib.get_close_matches(word, sorted(near), 1, _CLOSE)


@functools.lru_cache(maxsize=2)
def _by_rest(known: frozenset[str]) -> Mapping[str, set[str]]:
    index: dict[str, set[str]] = {}
    for word in known:
        for rest in _rests(word):
            index.setdefault(rest, set()).add(word)
    return index


def _rests(word: str) -> set[str]:
    """The word, and what is left of it without any one letter."""
    return {word} | {word[:at] + word[at + 1 :] for at in range(len(word))}


def spelt(words: Sequence[str]) -> str:
    """As an address has them."""
    return "-".join(words)


def _chosen(options: Sequence[T], token: Token) -> T:
    # of 128 bits: none is likelier in any way that counts
    return options[int.from_bytes(token(16)) % len(options)]
