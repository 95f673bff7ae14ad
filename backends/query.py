"""Query parameters: each one known and given once, else refused.

A parameter that is not known is refused rather than ignored: `?coures=` instead of `?course=` would save
work where nobody finds it again.
"""

from collections.abc import Collection, Iterable

from backends.problem import InvalidParameter


def parse(pairs: Iterable[tuple[str, str]], known: Collection[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in pairs:
        if name not in known:
            raise InvalidParameter(f"Known here: {', '.join(sorted(known)) or 'none'}.")
        if name in found:
            raise InvalidParameter(f"{name} was given twice.")
        found[name] = value
    return found


def number(text: str | None, name: str, *, default: int, largest: int) -> int:
    """A whole number from 1 to `largest`, in plain decimal digits."""
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 16 and 1 <= int(text) <= largest):
        raise InvalidParameter(f"{name} is a number from 1 to {largest}.")
    return int(text)
