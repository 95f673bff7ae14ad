"""What a launch from a course leaves behind: its class, who is in it, and where scores of the page go."""

from gateway.classes_rules import BookPlace, Role
from gateway.directory import Course, LineItem
from gateway.lti import Launch
from gateway.lti.scores import page_of
from gateway.lti_platforms import Platform
from gateway.pages.flow import Parts
from gateway.pages.language import Language, Languages, say, spoken
from gateway.records import Continuation, Launched


def launched(platform: Platform, launch: Launch, target: str) -> Launched:
    """What is kept of a launch until it is known whose it is; of services only those that may be used."""
    services = platform.services
    takes_scores = services is not None and services.scores and not launch.teaches
    return Launched(
        target,
        launch.teaches,
        launch.context,
        launch.title,
        memberships=None if services is None else launch.services.memberships,
        line_item=launch.services.line_item if takes_scores else None,
    )


async def enrol(parts: Parts, known: Continuation, launch: Launched, place: BookPlace, person: str) -> None:
    """The course is a class of the book with whoever comes from it. Scores go where its link says."""
    await _note_line_item(parts, known, launch, place, person)
    if launch.context is None:
        return
    role = Role.TEACHER if launch.teaches else Role.STUDENT
    title = launch.title or say("A course")
    course = Course(known.issuer, launch.context, title, launch.memberships)
    await parts.directory.classes.of_platform(course, place, person, role)


async def _note_line_item(
    parts: Parts, known: Continuation, launch: Launched, place: BookPlace, person: str
) -> None:
    origin, page = str(place.origin), page_of(launch.target)
    if launch.line_item is None:
        await parts.directory.line_items.forget(person, origin, page)
        return
    item = LineItem(person, origin, page, known.issuer, known.subject, launch.line_item)
    await parts.directory.line_items.note(item)


def self_reported(languages: Languages, code: str) -> str:
    """What a gradebook is told of a score that nobody but the book vouches for, in the course's language."""
    with spoken(Language(code, languages.messages[code])):
        return say("Self-reported by the book")
