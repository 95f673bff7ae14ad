"""The words that cards are made of, in the languages of the pages."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec

from gateway.card_words import Wordlist
from gateway.pages.language import spoken_now

_FOLDER: Final = Path(__file__).parent / "words"


def _read(path: Path) -> Wordlist:
    said = msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    return Wordlist(
        words=tuple(said["words"].split()),
        animals=tuple(said["animals"].split()),
        colours=tuple(said["colours"].split()),
        name=said["name"],
    )


WORDLISTS: Final[Mapping[str, Wordlist]] = MappingProxyType(
    {path.stem: _read(path) for path in sorted(_FOLDER.glob("*.json"))}
)
KNOWN: Final = frozenset(word for wordlist in WORDLISTS.values() for word in wordlist.words)


def wordlist_now() -> Wordlist:
    """That of the language in which the teacher reads."""
    return WORDLISTS.get(spoken_now().code, WORDLISTS["en"])
