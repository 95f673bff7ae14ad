"""Research with people's consent: which studies ask whom, and how much is open of somebody in a book."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

NO = "no"  # the answer; yes is the version of the text that was read

# The answers of a person, by study: hashable, as sessions' callers are.
Answers = tuple[tuple[str, str], ...]


class Basis(StrEnum):
    """By what right: the person said yes, or a board waived that and they did not say no (45 CFR 46.116)."""

    CONSENT = "consent"
    WAIVER = "waiver"


@dataclass(frozen=True, slots=True)
class Study:
    """One study. level: of consent, 3 or 4. books: it is about. Days: the first and the last."""

    id: str
    title: str
    irb: str
    basis: Basis
    level: int
    books: frozenset[str]
    text: str
    begins: date
    ends: date

    @property
    def version(self) -> str:
        """Of the text: who agreed to another one is asked again."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:12]

    @property
    def since(self) -> int:
        """Its first second."""
        return _second(self.begins)

    @property
    def until(self) -> int:
        """The first second that is not of it any more."""
        return _second(self.ends + timedelta(days=1))

    def runs(self, today: date) -> bool:
        return self.begins <= today <= self.ends


@dataclass(frozen=True, slots=True)
class Participant:
    """Somebody in a book of a study. since: the second from which on it may have what they do."""

    person: str
    book: str
    since: int


def _second(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def research_cap(studies: Iterable[Study], answers: Answers, book: str, today: date, default: int) -> int:
    """The highest consent level that is open to somebody in a book."""
    said = dict(answers)
    open_levels = [
        study.level
        for study in studies
        if book in study.books and study.runs(today) and takes_part(study, said.get(study.id))
    ]
    return max([default, *open_levels])


def books_with_a_question(
    studies: Iterable[Study], answers: Mapping[str, str], books: Iterable[str], today: date
) -> list[str]:
    """Of these books those with a study that runs and has no answer to its text of today, in their order."""
    open_to = [
        study for study in studies if study.runs(today) and not is_answered(study, answers.get(study.id))
    ]
    return [book for book in books if any(book in study.books for study in open_to)]


def is_answered(study: Study, answer: str | None) -> bool:
    """answer: None where none was given."""
    return answer in {NO, study.version}


def takes_part(study: Study, answer: str | None) -> bool:
    """answer: None where none was given."""
    if study.basis is Basis.WAIVER:
        return answer != NO
    return answer == study.version


def asked_of(studies: Iterable[Study], books: Iterable[str], today: date) -> list[Study]:
    """Those that run and are about a book of these."""
    theirs = frozenset(books)
    return [study for study in studies if study.runs(today) and study.books & theirs]


def participants(
    study: Study, answers: Mapping[str, tuple[str, int]], readers: Iterable[tuple[str, str]]
) -> list[Participant]:
    """Who takes part. answers: each person's newest and its second. readers: (person, book), no guests."""
    found: list[Participant] = []
    for person, book in readers:
        answer, answered = answers.get(person, (None, study.since))
        if book in study.books and takes_part(study, answer):
            found.append(Participant(person, book, max(answered, study.since)))
    return found
