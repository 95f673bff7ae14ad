"""The `studies:` of gateway.yaml: research that readers are asked for."""

import re
from datetime import date

from gateway.config.faults import Faults
from gateway.config.gateway_readers import block
from gateway.config.nodes import Block, Entry, Node, list_of, matching, named, one_of, text, whole
from gateway.config.settings import Privacy
from gateway.studies_rules import Basis, Study

_KEYS = ("title", "irb", "basis", "level", "books", "text", "from", "to")
LONGEST = 20_000  # characters of a text that somebody is to read
# As origins.yaml has them; a host is the book of an entry that names none.
_BOOK = matching(
    re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?", re.ASCII),
    "bad-book",
    "Use letters, digits, `-`, `_` and dots, at most 128.",
)


def read_studies(top: Block, faults: Faults, privacy: Privacy) -> tuple[Study, ...]:
    """privacy: where children are, nobody is asked for research."""
    node = top.node("studies")
    if node is None:
        return ()
    if privacy.under_13:
        message = "`studies` ask for consent, which children cannot give."
        faults.add(node.line, "studies-of-children", message, "Remove `studies`, or `under_13`.")
    return tuple(_study(entry, faults) for entry in named(node, faults, "studies").values())


def _study(entry: Entry, faults: Faults) -> Study:
    keys = block(entry.value, faults, entry.key, keys=_KEYS, required=_KEYS)
    begins, ends = keys.get("from", _day, date.min), keys.get("to", _day, date.max)
    if begins > ends:
        faults.add(
            keys.line_of("to"), "study-ends-first", f"{entry.key} ends before it begins.", "Swap them."
        )
    books = keys.find("books", list_of(_BOOK))
    if books == ():
        faults.add(keys.line_of("books"), "no-books", f"{entry.key} is about no book.", "Name one.")
    return Study(
        id=entry.key,
        title=keys.get("title", text, ""),
        irb=keys.get("irb", text, ""),
        basis=Basis(keys.get("basis", one_of([basis.value for basis in Basis]), Basis.CONSENT.value)),
        level=keys.get("level", whole(3, 4), 3),
        books=frozenset(books or ()),
        text=keys.get("text", _words, ""),
        begins=begins,
        ends=ends,
    )


def _day(node: Node, faults: Faults, what: str) -> date | None:
    value = text(node, faults, what)
    try:
        return None if value is None else date.fromisoformat(value)
    except ValueError:
        faults.add(node.line, "bad-date", f"{what} cannot be `{value}`.", 'Write "2027-01-31", in quotes.')
        return None


def _words(node: Node, faults: Faults, what: str) -> str | None:
    """What readers are asked, as plain text: from a file, as any value may be."""
    words = text(node, faults, what)
    if words is not None and len(words) > LONGEST:
        message = f"{what} has {len(words)} characters."
        faults.add(node.line, "long-text", message, f"Write at most {LONGEST}: somebody is to read it.")
    return words
