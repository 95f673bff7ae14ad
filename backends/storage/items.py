"""What storage keeps, as values: items, their kinds, names and entity tags."""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from backends.problem import InvalidParameter, InvalidRequest

KIB: Final = 1024
QUOTA: Final = 50 * KIB * KIB  # of one person in one book
OVERHEAD: Final = 256  # what each version counts beside its body, so that empty bodies are not free
DAY: Final = 86400


class Kind(StrEnum):
    """What an item is. It says how large it may be and whether every write counts as an attempt."""

    ANSWER = "answer"
    PROGRAM = "program"
    NOTEBOOK = "notebook"
    PROGRESS = "progress"
    ATTACHMENT = "attachment"


LARGEST: Final[Mapping[Kind, int]] = {
    Kind.ANSWER: 64 * KIB,
    Kind.PROGRAM: KIB * KIB,
    Kind.NOTEBOOK: 5 * KIB * KIB,
    Kind.PROGRESS: 64 * KIB,
    Kind.ATTACHMENT: 5 * KIB * KIB,
}


class Mode(StrEnum):
    """How a write meets what is there already."""

    CHECKED = "checked"  # If-Match or If-None-Match decides
    LWW = "lww"  # the last writer wins
    APPEND = "append"  # as lww, and this body is an attempt that is never thinned
    SYNC = "sync"  # the kind says what becomes of a write that did not know what is there


class Role(StrEnum):
    """Why a version is kept."""

    MAIN = "main"  # it was or is the item's content; older ones are thinned
    ATTEMPT = "attempt"  # the same, never thinned
    BRANCH = "branch"  # it lost a conflict; never thinned


@dataclass(frozen=True, slots=True)
class Shelf:
    """One person's work in one book. Nothing is ever read or written outside of one.

    asserted: when the gateway said who it is (`iat`, Unix seconds): what was deleted since is over.
    """

    person: str
    book: str
    asserted: int = field(default=0, compare=False)


# The whole grammar of an item id, and of a course that is not empty: one path segment that needs no
# percent-encoding (RFC 3986 unreserved, and the colon and at sign of pchar), begins with a letter, digit or
# underscore (so it is neither "." nor "..", nor an option of a command) and has at most 200 characters.
# `internal` is left out because the gateway forwards no path with such a segment.
NAME: Final = re.compile(r"(?!internal\Z)[A-Za-z0-9_][A-Za-z0-9._~:@-]{0,199}")
PREFIX: Final = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9._~:@-]{0,199})?")
AFTER_EVERY_NAME: Final = "\x7f"  # sorts behind every character of a name


class InvalidItemId(InvalidRequest):
    code = "invalid_item_id"
    title = (
        "An item id has 1 to 200 characters of A-Z a-z 0-9 . _ ~ : @ - and begins with a letter, digit or _."
    )


@dataclass(frozen=True, slots=True)
class Key:
    """An item's name on its shelf."""

    course: str
    id: str

    @classmethod
    def parse(cls, item: str, course: str | None) -> "Key":
        if NAME.fullmatch(item) is None:
            raise InvalidItemId
        return cls(parse_course(course), item)


def parse_ids(text: str | None, course: str | None, most: int) -> list[Key]:
    """Ids between commas, which no id contains; each once."""
    ids = dict.fromkeys((text or "").split(","))
    if len(ids) > most:
        raise InvalidParameter(f"ids are at most {most}.")
    return [Key.parse(item, course) for item in ids]


def parse_course(text: str | None) -> str:
    """Absent and empty are the same; else the grammar of item ids."""
    if text and NAME.fullmatch(text) is None:
        raise InvalidParameter("course has the form of an item id.")
    return text or ""


def parse_prefix(text: str | None) -> str:
    if PREFIX.fullmatch(text or "") is None:
        raise InvalidParameter("prefix is the beginning of an item id.")
    return text or ""


def parse_kind(text: str | None) -> Kind | None:
    if text is None:
        return None
    try:
        return Kind(text)
    except ValueError as error:
        raise InvalidParameter(f"kind is one of {', '.join(Kind)}.") from error


def parse_mode(text: str | None) -> Mode:
    if text is None:
        return Mode.CHECKED
    if text not in {Mode.LWW, Mode.APPEND}:
        raise InvalidParameter("mode is lww or append.")
    return Mode(text)


def digest(body: bytes) -> str:
    """A body's content hash: 96 bits of its SHA-256, as entity tags show it."""
    return base64.urlsafe_b64encode(hashlib.sha256(body).digest()[:12]).decode()


def entity_tag(revision: int, content: str) -> str:
    """A strong validator (RFC 9110 section 8.8.3): no two revisions of an item share one."""
    return f'"{revision}-{content}"'


def revision_in(tag: str) -> int | None:
    """The revision that a tag of ours names."""
    form = re.fullmatch(r'"([0-9]{1,15})-[A-Za-z0-9_-]{16}"', tag)
    return None if form is None else int(form[1])


@dataclass(frozen=True, slots=True)
class Item:
    """An item as it stands. `revision` 0: it has never had content, only branches of writes that lost."""

    course: str
    id: str
    kind: Kind
    revision: int
    last_revision: int
    digest: str
    size: int
    content_type: str
    updated: int
    deleted: int | None
    changed: int  # which of its shelf's changes was its last one

    @property
    def is_live(self) -> bool:
        return self.revision > 0 and self.deleted is None

    @property
    def etag(self) -> str | None:
        """The entity tag of its content, None when it has none."""
        return entity_tag(self.revision, self.digest) if self.is_live else None


@dataclass(frozen=True, slots=True)
class Version:
    """A body that an item has, had, or lost in a conflict."""

    revision: int
    role: Role
    base: int | None
    digest: str
    size: int
    content_type: str
    saved: int
    client_ts: int | None  # the device's clock, which may be wrong

    @property
    def etag(self) -> str:
        return entity_tag(self.revision, self.digest)
