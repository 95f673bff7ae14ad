"""Every word of the pages is there in every language: looked for in templates and sources."""

import re
from collections import Counter
from pathlib import Path

import jinja2
import pytest
from babel.messages import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po

from gateway.pages.account_view import Moment
from gateway.pages.language import (
    CATALOGUES,
    NAMES,
    Language,
    ago,
    mark,
    read_languages,
    say,
    say_many,
    spoken,
)
from gateway.pages.render import TEMPLATES

GATEWAY = Path(__file__).parent.parent / "gateway"
TRANSLATED = [code for code in NAMES if code != "en"]
KEYWORDS = {"say": None, "mark": None, "say_many": (1, 2)}
TEMPLATE_FILES = sorted(TEMPLATES.rglob("*.html"))
SOURCE_FILES = [
    path
    for path in sorted(GATEWAY.rglob("*.py"))
    if "gateway.pages.language import" in path.read_text("utf-8")
]
LANGUAGE_FILE = GATEWAY / "pages" / "language.py"
VALUE = re.compile(r"%\(\w+\)s|%%|%")

ENVIRONMENT = jinja2.Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
ENVIRONMENT.policies["ext.i18n.trimmed"] = True

# One message: the text, or singular and plural.
Message = tuple[str, ...]


def flat(message: object) -> Message:
    parts = message if isinstance(message, tuple) else (message,)
    return tuple(part for part in parts if isinstance(part, str))


def of_template(path: Path) -> set[Message]:
    found = ENVIRONMENT.extract_translations(path.read_text("utf-8"))  # type: ignore[attr-defined]
    return {flat(message) for _, _, message in found}


def of_source(path: Path) -> set[Message]:
    return {flat(message) for _, message, _, _ in extract_from_file("python", str(path), KEYWORDS)}


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(GATEWAY)) for path in paths]


def catalogues(code: str) -> dict[Path, Catalog]:
    found = {}
    for path in sorted((CATALOGUES / code).glob("*.po")):
        with path.open("rb") as file:
            found[path] = read_po(file, locale=code, abort_invalid=True)
    return found


def translated(code: str) -> dict[Message, Message]:
    return {
        flat(message.id): flat(message.string)
        for catalogue in catalogues(code).values()
        for message in catalogue
        if message.id and not message.fuzzy
    }


GERMAN = translated("de")


def missing(messages: set[Message], known: dict[Message, Message]) -> list[Message]:
    return sorted(message for message in messages if not all(known.get(message, ("",))))


@pytest.mark.parametrize("path", TEMPLATE_FILES, ids=names(TEMPLATE_FILES))
def test_what_a_template_says_is_there_in_german(path: Path) -> None:
    assert missing(of_template(path), GERMAN) == []


@pytest.mark.parametrize("path", SOURCE_FILES, ids=names(SOURCE_FILES))
def test_what_a_source_says_is_there_in_german(path: Path) -> None:
    assert missing(of_source(path), GERMAN) == []


def test_what_the_language_itself_says_is_there_in_german() -> None:
    said = {message for message in of_source(LANGUAGE_FILE) if message}
    assert missing(said, GERMAN) == []


@pytest.mark.parametrize("code", TRANSLATED)
def test_nothing_is_translated_that_nobody_says_or_twice(code: str) -> None:
    said = {message for path in TEMPLATE_FILES for message in of_template(path)}
    said |= {message for path in [*SOURCE_FILES, LANGUAGE_FILE] for message in of_source(path)}
    assert sorted(translated(code).keys() - said) == []
    ids = [flat(message.id) for each in catalogues(code).values() for message in each if message.id]
    assert [message for message, times in Counter(ids).items() if times > 1] == []


@pytest.mark.parametrize("code", TRANSLATED)
def test_the_values_of_a_message_stand_in_its_translation(code: str) -> None:
    for message, told in translated(code).items():
        values = {value for text in message for value in VALUE.findall(text)}
        for text in told:
            assert set(VALUE.findall(text)) <= values, message
        assert {value for text in told for value in VALUE.findall(text)} == values, message


TAGS = re.compile(r"<(script|style)\b.*?</\1>|<!--.*?-->|<svg\b.*?</svg>", re.DOTALL)
MARKED = re.compile(r"{% *trans\b.*?endtrans *%}|{{.*?}}|{%.*?%}|{#.*?#}", re.DOTALL)
SPOKEN_ATTRIBUTES = re.compile(r"\b(?:aria-label|title|alt|placeholder)=([\"'])(.*?)\1", re.DOTALL)


@pytest.mark.parametrize("path", TEMPLATE_FILES, ids=names(TEMPLATE_FILES))
def test_no_words_of_a_template_are_out_of_reach_of_a_translation(path: Path) -> None:
    text = TAGS.sub(" ", MARKED.sub(" ", path.read_text("utf-8")))
    attributes = " ".join(found[1] for found in SPOKEN_ATTRIBUTES.findall(text))
    outside = re.sub(r"<code>.*?</code>|<[^<>]*>", " ", text) if path.stem not in INCLUDED_SCRIPTS else ""
    words = re.findall(r"[^\W\d_]{2,}", re.sub(r"&\w+;", " ", f"{attributes} {outside}"))
    assert words == []


INCLUDED_SCRIPTS = {"guard"}  # a script, included into others


def test_every_language_has_its_folder() -> None:
    assert {path.name for path in CATALOGUES.iterdir()} == set(TRANSLATED)


def german() -> Language:
    return Language("de", read_languages(["de"]).messages["de"])


NOW = 1_800_000_000  # 2027-01-15 08:00:00 UTC
MINUTE, HOUR, DAY = 60, 3600, 86400


@pytest.mark.parametrize(
    ("seconds", "words", "in_german"),
    [
        pytest.param(-5, "just now", "gerade eben", id="a clock that is ahead"),
        pytest.param(0, "just now", "gerade eben", id="now"),
        pytest.param(59, "just now", "gerade eben", id="a moment"),
        pytest.param(MINUTE, "1 minute ago", "vor 1 Minute", id="a minute"),
        pytest.param(HOUR - 1, "59 minutes ago", "vor 59 Minuten", id="minutes"),
        pytest.param(HOUR, "1 hour ago", "vor 1 Stunde", id="an hour"),
        pytest.param(DAY - 1, "23 hours ago", "vor 23 Stunden", id="hours"),
        pytest.param(DAY, "1 day ago", "vor 1 Tag", id="a day"),
        pytest.param(30 * DAY, "30 days ago", "vor 30 Tagen", id="days"),
        pytest.param(31 * DAY, "on 15 December 2026", "am 15. Dezember 2026", id="a date"),
    ],
)
def test_times_in_words(seconds: int, words: str, in_german: str) -> None:
    moment = Moment(NOW - seconds, NOW)
    assert ago(moment) == words
    with spoken(german()):
        assert ago(moment) == in_german


def test_what_is_said_without_a_translation_is_said_in_english() -> None:
    with spoken(german()):
        unknown = "No catalogue has this; %(what)s"
        assert say(unknown, what="so") == "No catalogue has this; so"
        assert say_many("%(num)s odd", "%(num)s odds", 2) == "2 odds"
        assert mark("Sign in") == "Sign in"
        assert say(mark("Sign in")) == "Anmelden"
    assert say("Sign in") == "Sign in"
