"""Whether a request's preconditions let it happen (RFC 9110 section 13)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from backends.problem import InvalidHeader
from backends.storage.items import Mode, revision_in

TAG: Final = re.compile(r'(W/)?("[\x21\x23-\x7e]*")')
BETWEEN: Final = re.compile(r"[ \t]*(?:,[ \t]*)*")
SEPARATOR: Final = re.compile(r"[ \t]*(?:,[ \t]*)+")
LONGEST: Final = 4096


class InvalidEntityTag(InvalidHeader):
    code = "invalid_etag"
    title = "If-Match and If-None-Match are * or a list of quoted entity tags."


@dataclass(frozen=True, slots=True)
class Tags:
    """The value of one of the two headers: `any` for the asterisk, else strong and weak tags apart."""

    any: bool = False
    strong: frozenset[str] = frozenset()
    weak: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Conditions:
    match: Tags | None = None
    none_match: Tags | None = None
    revision: int | None = None  # what a sync says instead; 0: nothing is there

    @classmethod
    def parse(cls, match: Sequence[str], none_match: Sequence[str]) -> "Conditions":
        """From the lines of If-Match and of If-None-Match."""
        return cls(_parse(match), _parse(none_match))

    @property
    def base(self) -> int | None:
        """The revision that the writer began from, as far as it was said."""
        if self.revision is not None:
            return self.revision or None
        revisions = {revision_in(tag) for tag in self.match.strong} if self.match else set()
        return revisions.pop() if len(revisions) == 1 else None


class Judgement(Enum):
    GO = auto()
    FAILED = auto()  # a precondition is false: 412, or 304 for a read
    REQUIRED = auto()  # a write that says nothing about what it replaces: 428 (RFC 6585 section 3)


def judge_write(conditions: Conditions, current: str | None, mode: Mode) -> Judgement:
    """`current` is the entity tag of what is there, None when there is nothing."""
    match, none_match = conditions.match, conditions.none_match
    if conditions.revision is not None:
        there = 0 if current is None else revision_in(current)
        return Judgement.GO if there == conditions.revision else Judgement.FAILED
    if match is None and none_match is None:
        return Judgement.REQUIRED if mode is Mode.CHECKED else Judgement.GO
    # Section 13.1.1: strong comparison. Section 13.2.2: If-Match comes first.
    if match is not None and (current is None or not (match.any or current in match.strong)):
        return Judgement.FAILED
    if none_match is not None and _weakly_among(none_match, current):
        return Judgement.FAILED
    return Judgement.GO


def judge_read(conditions: Conditions, current: str) -> Judgement:
    """FAILED because of If-None-Match means 304; a false If-Match is told apart by `match_fails`."""
    if conditions.none_match is not None and _weakly_among(conditions.none_match, current):
        return Judgement.FAILED
    return Judgement.GO


def match_fails(conditions: Conditions, current: str) -> bool:
    match = conditions.match
    return match is not None and not (match.any or current in match.strong)


def _weakly_among(tags: Tags, current: str | None) -> bool:
    """Section 13.1.2: weak comparison; the asterisk means anything that is there."""
    return current is not None and (tags.any or current in tags.strong or current in tags.weak)


def _parse(lines: Sequence[str]) -> Tags | None:
    if not lines:
        return None
    # Section 5.3: lines of one name are one list.
    text = ", ".join(lines).strip(" \t")
    if text == "*":
        return Tags(any=True)
    if len(text) > LONGEST:
        raise InvalidEntityTag
    strong: set[str] = set()
    weak: set[str] = set()
    position = BETWEEN.match(text).end()  # type: ignore[union-attr]  # it matches the empty string
    while position < len(text):
        tag = TAG.match(text, position)
        if tag is None:
            raise InvalidEntityTag
        (weak if tag[1] else strong).add(tag[2])
        separator = SEPARATOR.match(text, tag.end())
        if separator is None and tag.end() != len(text):
            raise InvalidEntityTag
        position = len(text) if separator is None else separator.end()
    if not strong and not weak:
        raise InvalidEntityTag
    return Tags(strong=frozenset(strong), weak=frozenset(weak))
