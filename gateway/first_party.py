"""Whether a cookie that only pages of its own host should send counts on a request (docs/protocol.md)."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Self


class Said(NamedTuple):
    """What the browser says of whoever asks: the lines of Origin, Sec-Fetch-Site and Sec-Fetch-Dest."""

    origin: Sequence[str]
    site: Sequence[str]
    dest: Sequence[str]

    @classmethod
    def of(cls, lines: Callable[[str, Sequence[str]], Sequence[str]]) -> Self:
        """lines: (name, default) -> a header's lines, as they came."""
        return cls(lines("Origin", ()), lines("Sec-Fetch-Site", ()), lines("Sec-Fetch-Dest", ()))


def counts(method: str, said: Said, own: str) -> bool:
    """It does when the request comes from the host's own page, or is a top-level GET navigation.

    own: the host's origin.
    """
    if list(said.origin) == [own] or list(said.site) == ["same-origin"]:
        return True
    return is_navigation(method, said)


def is_navigation(method: str, said: Said) -> bool:
    """Whether a request is a top-level GET navigation, by Fetch Metadata where the browser sends it."""
    return method == "GET" and not said.origin and list(said.dest) in ([], ["document"])
