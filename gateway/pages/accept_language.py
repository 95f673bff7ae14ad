"""Which of the languages that we have a browser wants to read."""

import re
from collections.abc import Sequence
from typing import Final

_RANGE: Final = re.compile(
    r"\s*([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*|\*)\s*(?:;\s*[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\s*)?",
    re.ASCII,
)
_MOST: Final = 50  # ranges of one header that are looked at


def choose(lines: Sequence[str], offered: Sequence[str]) -> str:
    """The offered language that the Accept-Language lines want most; the first one where they want none.

    Ranges as in RFC 9110 section 12.5.4, looked up as in RFC 4647 section 3.4: `de-AT` finds `de`. What
    cannot be read counts as not said.
    """
    ranges = [_RANGE.fullmatch(part) for part in ",".join(lines).split(",", _MOST)[:_MOST]]
    wanted = [
        (-float(found[2] or 1), place, found[1].lower())
        for place, found in enumerate(ranges)
        if found is not None and float(found[2] or 1) > 0
    ]
    for _, _, language in sorted(wanted):
        if language == "*":
            return offered[0]
        parts = language.split("-")
        for length in range(len(parts), 0, -1):
            if (tag := "-".join(parts[:length])) in offered:
                return tag
    return offered[0]
