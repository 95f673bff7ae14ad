"""Where a sign-in without a book leads to afterwards: the account page, or another page of ours."""

import re
from typing import Final

from gateway.errors import InvalidRequestError

_OURS: Final = re.compile(r"/auth(?:/[A-Za-z0-9_-]+)+", re.ASCII)


def parse_back(text: str | None) -> str | None:
    """The address of a page of ours, whole: nothing in it leads to another host (RFC 9700 section 4.11).

    None: none was named. InvalidRequestError: it is not one of ours.
    """
    if not text:
        return None
    if _OURS.fullmatch(text) is None:
        raise InvalidRequestError("`back` is not an address of ours")
    return text
