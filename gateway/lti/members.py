"""Who is in a course, as its platform says (LTI Names and Role Provisioning Services 2.0)."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from gateway.errors import ProviderUnavailableError
from gateway.lti.launch import line_of, teaches

MEDIA_TYPE: Final = "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"
PAGES: Final = 20  # that are asked for at most
MEMBERS: Final = 2000  # that are read at most
_AT_ONCE: Final = 100  # of one page, where the platform takes our word


@dataclass(frozen=True, slots=True)
class Listed:
    """A student of a course. subject: as launches call them. name: None: the platform does not say."""

    subject: str
    name: str | None


@dataclass(frozen=True, slots=True)
class Missing:
    """Who has not come yet. names: by the alphabet; nameless: how many more; of: students in the course.

    whole: False: there are more than are read.
    """

    names: tuple[str, ...]
    nameless: int
    of: int
    whole: bool


def first_page(memberships: str) -> str:
    """The address of the first page, in pages of our size (section 2.4.4)."""
    parts = urlsplit(memberships)
    asked = [
        (name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name != "limit"
    ]
    return urlunsplit(parts._replace(query=urlencode([*asked, ("limit", _AT_ONCE)])))


def next_page(said: str | None, memberships: str) -> str | None:
    """The address of the next page; None: that was the last.

    Raises ProviderUnavailableError: it is of another host, to which our token is no business.
    """
    if said is None:
        return None
    if _origin(said) != _origin(memberships):
        raise ProviderUnavailableError(f"members: a next page elsewhere: {said[:100]!r}")
    return said


def read_members(document: Mapping[str, object]) -> list[Listed]:
    """The active students of a page. Raises ProviderUnavailableError: it is no page of members."""
    listed = document.get("members")
    if not isinstance(listed, list):
        raise ProviderUnavailableError("members: no list")
    return [found for member in listed if (found := _student(member)) is not None]


def missing(course: Iterable[Listed], came: Collection[str], *, whole: bool) -> Missing:
    """came: the subjects of those who are in the class."""
    students = {each.subject: each for each in course}
    absent = [each for subject, each in students.items() if subject not in came]
    names = sorted((each.name for each in absent if each.name is not None), key=str.casefold)
    return Missing(tuple(names), len(absent) - len(names), len(students), whole)


def _student(member: object) -> Listed | None:
    """None: not active, not a student, or nobody."""
    if not isinstance(member, dict):
        return None
    subject, roles = member.get("user_id"), member.get("roles")
    if not isinstance(subject, str) or not subject or member.get("status", "Active") != "Active":
        return None
    if teaches(roles) or not _learns(roles):
        return None
    given, family = line_of(member.get("given_name")), line_of(member.get("family_name"))
    return Listed(subject, line_of(member.get("name")) or f"{given} {family}".strip() or None)


def _learns(roles: object) -> bool:
    listed = roles if isinstance(roles, list) else []
    return any(isinstance(role, str) and role.rpartition("#")[2] in {"Learner", "Student"} for role in listed)


def _origin(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", url
    return parts.scheme, parts.netloc.lower()
