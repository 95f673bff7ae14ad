"""A score that a book reports of its reader, and what its platform is told of it.

LTI Assignment and Grade Services 2.0.
"""

import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from gateway.errors import InvalidRequestError

MEDIA_TYPE: Final = "application/vnd.ims.lis.v1.score+json"
COMMENT_LENGTH: Final = 500  # characters
_LARGEST: Final = 1_000_000.0  # points
_PAGE_LENGTH: Final = 2000  # characters
_INDEX: Final = ("index.html", "index.htm")


@dataclass(frozen=True, slots=True)
class Score:
    """points of maximum. pages: by which its line item is found, the first that there is."""

    points: float
    maximum: float
    comment: str
    pages: tuple[str, ...]


def read_score(form: Mapping[str, str]) -> Score:
    """What a book sends: `score`, `of`, `page` (path and query of the page), `comment`.

    Raises InvalidRequestError: a field is missing, no number, or too large; points above the maximum.
    """
    maximum, points = _number(_said(form, "of"), "of"), _number(_said(form, "score"), "score")
    if maximum <= 0 or points > maximum:
        raise InvalidRequestError("a score above its maximum, or of nothing")
    page, comment = _said(form, "page"), form.get("comment", "")
    if len(page) > _PAGE_LENGTH or len(comment) > COMMENT_LENGTH:
        raise InvalidRequestError("a page or a comment that is too long")
    path, _, query = page.partition("#")[0].partition("?")
    return Score(
        points, maximum, plain(comment), tuple(dict.fromkeys((page_name(path, query), page_name(path))))
    )


def page_of(target: str) -> str:
    """By which the line item of a launch to that page is found."""
    parts = urlsplit(target)
    return page_name(parts.path, parts.query)


def page_name(path: str, query: str = "") -> str:
    """A page, however it is written: with `index.html` or a slash at its end, or without."""
    folder, _, last = unquote(path).rpartition("/")
    name = folder if last in _INDEX else f"{folder}/{last}"
    name = name.rstrip("/") or "/"
    return f"{name}?{query}" if query else name


def plain(text: str) -> str:
    """One line of text that is no markup: some platforms show comments as HTML."""
    visible = "".join(" " if unicodedata.category(each)[0] in "CZ" else each for each in text)
    return " ".join(visible.split()).replace("<", "\u2039").replace(">", "\u203a")


def scores_address(line_item: str) -> str:
    """Where a line item takes scores (section 3.4.1): its path, with `/scores` at the end."""
    parts = urlsplit(line_item)
    return urlunsplit(parts._replace(path=f"{parts.path}/scores"))


def score_document(subject: str, score: Score, told: str, scored: int) -> Mapping[str, object]:
    """What the platform is sent (section 3.4.2). told: that it is self-reported. scored: Unix milliseconds.

    There is nobody who grades, so it is graded in full; whoever has all points has completed it, and anybody
    else may go on.
    """
    moment = datetime.fromtimestamp(scored / 1000, UTC)
    return {
        "userId": subject,
        "scoreGiven": score.points,
        "scoreMaximum": score.maximum,
        "comment": f"{told}: {score.comment}" if score.comment else told,
        "timestamp": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "activityProgress": "Completed" if score.points == score.maximum else "Submitted",
        "gradingProgress": "FullyGraded",
    }


def _said(form: Mapping[str, str], name: str) -> str:
    if not form.get(name):
        raise InvalidRequestError(f"missing field {name}")
    return form[name]


def _number(text: str, name: str) -> float:
    try:
        found = float(text) if text.isascii() and len(text) <= 30 and "_" not in text else math.nan
    except ValueError:
        found = math.nan
    if not 0 <= found <= _LARGEST:  # neither is a number that is none
        raise InvalidRequestError(f"{name} is no number from 0 to {_LARGEST:.0f}")
    return found
