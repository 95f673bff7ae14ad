"""The YAML nodes of a configuration file and the typed readers that turn them into values.

A reader is `reader(node, faults, what) -> value or None`: None means that a fault was recorded, so a
parser reads on to the end with its defaults and `faults.refuse()` reports everything at once:

    block = Block.read(node, faults, "sessions", keys=("idle", "absolute"))
    idle = block.get("idle", seconds(at_most=365 * DAY), default=30 * DAY)

Scalars are text until a reader converts them: YAML 1.1 would read `no` as false and `1:30` as 90.
"""

import difflib
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import TypeAlias, TypeVar

from gateway.config.faults import Faults
from gateway.origins import Rate

T = TypeVar("T")

NAME = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*", re.ASCII)

_NAME_REMEDY = "Use lower-case letters, digits, `-` and `_`."
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_DURATIONS = MappingProxyType({"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000})
_WINDOWS = MappingProxyType({"s": 1, "min": 60, "h": 3600, "d": 86_400})
_SIZES = MappingProxyType(
    {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
)
_QUANTITY = re.compile(r"([0-9]{1,12})([A-Za-z]*)", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ScalarNode:
    line: int
    text: str
    plain: bool = True  # written without quotes

    @property
    def is_null(self) -> bool:
        return self.plain and self.text in _NULLS


@dataclass(frozen=True, slots=True)
class SequenceNode:
    line: int
    items: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Entry:
    """One `key: value` of a mapping; line: the key's."""

    key: str
    line: int
    value: "Node"


@dataclass(frozen=True, slots=True)
class MappingNode:
    line: int
    entries: tuple[Entry, ...]  # keys are unique


Node: TypeAlias = ScalarNode | SequenceNode | MappingNode
Reader: TypeAlias = Callable[[Node, Faults, str], T | None]


def did_you_mean(word: str, options: Collection[str]) -> str:
    """What to write instead of a word that is not known."""
    close = difflib.get_close_matches(word, sorted(options), n=1)
    if close:
        return f"Did you mean `{close[0]}`?"
    if not options:
        return "None is defined."
    return "Known are: " + ", ".join(sorted(options)) + "."


# --- mappings


class Block:
    """A mapping with known keys."""

    def __init__(self, line: int, entries: dict[str, Entry], faults: Faults) -> None:
        self.line = line
        self.entries = entries
        self.faults = faults
        self.faulty: set[str] = set()  # keys that were read in vain

    @classmethod
    def read(
        cls,
        node: Node,
        faults: Faults,
        what: str,
        *,
        keys: Collection[str],
        required: Iterable[str] = (),
        line: int | None = None,
    ) -> "Block":
        """The mapping `node`; unknown and missing keys are faults. Not a mapping: a fault, an empty block.

        line: where the block begins for a reader, its name's line; None: its first key's.
        """
        begins = node.line if line is None else line
        if not isinstance(node, MappingNode):
            faults.add(
                node.line,
                "not-a-mapping",
                f"{what} must be a mapping.",
                f"Write {what} as `key: value` lines.",
            )
            return cls(begins, {}, faults)
        entries = {entry.key: entry for entry in node.entries}
        for entry in node.entries:
            if entry.key not in keys:
                message = f"{what} has no key `{entry.key}`."
                faults.add(entry.line, "unknown-key", message, did_you_mean(entry.key, keys))
        for key in required:
            if key not in entries:
                faults.add(begins, "missing-key", f"{what} has no `{key}`.", f"Add `{key}:`.")
        return cls(begins, entries, faults)

    def __contains__(self, key: str) -> bool:
        return key in self.entries

    def line_of(self, key: str) -> int:
        """The key's line, or the block's where it is absent."""
        return self.entries[key].line if key in self.entries else self.line

    def node(self, key: str) -> Node | None:
        return self.entries[key].value if key in self.entries else None

    def find(self, key: str, reader: Reader[T]) -> T | None:
        """The key's value; None: absent or faulty."""
        node = self.node(key)
        if node is None:
            return None
        value = reader(node, self.faults, key)
        if value is None:
            self.faulty.add(key)
        return value

    def get(self, key: str, reader: Reader[T], default: T) -> T:
        """The key's value; the default where it is absent or faulty."""
        value = self.find(key, reader)
        return default if value is None else value


def named(
    node: Node, faults: Faults, what: str, pattern: re.Pattern[str] = NAME, remedy: str = _NAME_REMEDY
) -> dict[str, Entry]:
    """A mapping whose keys are names that the file's author chooses: groups, backends, providers."""
    if not isinstance(node, MappingNode):
        faults.add(
            node.line,
            "not-a-mapping",
            f"{what} must be a mapping of names.",
            f"Write {what} as `name:` blocks.",
        )
        return {}
    for entry in node.entries:
        if pattern.fullmatch(entry.key) is None:
            message = f"`{entry.key}` cannot be a name in {what}."
            faults.add(entry.line, "bad-name", message, remedy)
    return {entry.key: entry for entry in node.entries if pattern.fullmatch(entry.key)}


# --- lists


def items(node: Node, faults: Faults, what: str) -> tuple[Node, ...] | None:
    """The nodes of a list, which may be empty."""
    if isinstance(node, SequenceNode):
        return node.items
    faults.add(
        node.line,
        "not-a-list",
        f"{what} must be a list.",
        f"Write `{what}: [one, two]` or one `- item` a line.",
    )
    return None


def list_of(reader: Reader[T]) -> Reader[tuple[T, ...]]:
    """A reader of a list whose items `reader` reads; faulty items are left out. One item twice is a fault."""

    def read(node: Node, faults: Faults, what: str) -> tuple[T, ...] | None:
        nodes = items(node, faults, what)
        if nodes is None:
            return None
        values: list[T] = []
        for item in nodes:
            value = reader(item, faults, f"an item of {what}")
            if value is None:
                continue
            if value in values:
                faults.add(item.line, "twice", f"{what} lists `{value}` twice.", "Remove one of them.")
            else:
                values.append(value)
        return tuple(values)

    return read


# --- scalars


def text(node: Node, faults: Faults, what: str) -> str | None:
    """A string, quoted or not; empty and null are faults."""
    if not isinstance(node, ScalarNode):
        faults.add(node.line, "not-text", f"{what} must be a single value.", f"Write `{what}: value`.")
        return None
    if node.is_null or not node.text.strip():
        faults.add(node.line, "empty", f"{what} has no value.", "Write one, or remove the key.")
        return None
    return node.text


def boolean(node: Node, faults: Faults, what: str) -> bool | None:
    """`true` or `false`, without quotes, and no other spelling."""
    if isinstance(node, ScalarNode) and node.plain and node.text in {"true", "false"}:
        return node.text == "true"
    faults.add(
        node.line,
        "not-a-boolean",
        f"{what} must be true or false.",
        "Write `true` or `false`, without quotes.",
    )
    return None


def one_of(options: Collection[str], code: str = "unknown-value") -> Reader[str]:
    """A reader of one of these words."""

    def read(node: Node, faults: Faults, what: str) -> str | None:
        value = text(node, faults, what)
        if value is None or value in options:
            return value
        faults.add(node.line, code, f"{what} cannot be `{value}`.", did_you_mean(value, options))
        return None

    return read


def matching(pattern: re.Pattern[str], code: str, remedy: str) -> Reader[str]:
    """A reader of a string of which `pattern` matches the whole."""

    def read(node: Node, faults: Faults, what: str) -> str | None:
        value = text(node, faults, what)
        if value is None or pattern.fullmatch(value):
            return value
        faults.add(node.line, code, f"{what} cannot be `{value}`.", remedy)
        return None

    return read


def whole(at_least: int, at_most: int) -> Reader[int]:
    """A reader of a whole number in decimal digits."""

    def read(node: Node, faults: Faults, what: str) -> int | None:
        value = text(node, faults, what)
        if value is None:
            return None
        digits = re.fullmatch(r"0|[1-9][0-9]{0,15}", value, re.ASCII)
        if digits and at_least <= int(value) <= at_most:
            return int(value)
        remedy = f"Write a whole number from {at_least} to {at_most}."
        faults.add(node.line, "bad-number", f"{what} cannot be `{value}`.", remedy)
        return None

    return read


def _quantity(value: str, units: Collection[str]) -> tuple[int, str] | None:
    found = _QUANTITY.fullmatch(value)
    if found is None or found[2] not in units:
        return None
    return int(found[1]), found[2]


def duration(at_least: float = 0.001, at_most: float = 86_400 * 3660) -> Reader[float]:
    """A reader of seconds from a whole number with a unit: 250ms, 30s, 10m, 2h, 30d."""

    def read(node: Node, faults: Faults, what: str) -> float | None:
        value = text(node, faults, what)
        if value is None:
            return None
        found = _quantity(value, _DURATIONS)
        if found is None:
            remedy = "Write a whole number with a unit: 250ms, 30s, 10m, 2h or 30d."
            faults.add(node.line, "bad-duration", f"{what} cannot be `{value}`.", remedy)
            return None
        length = found[0] * _DURATIONS[found[1]] / 1000
        if at_least <= length <= at_most:
            return length
        remedy = f"Write from {_spelt(at_least)} to {_spelt(at_most)}."
        faults.add(node.line, "duration-out-of-range", f"{what} cannot be `{value}`.", remedy)
        return None

    return read


def seconds(at_least: int = 1, at_most: int = 86_400 * 3660) -> Reader[int]:
    """As `duration`, in whole seconds: `ms` is too fine."""
    precise = duration(at_least, at_most)

    def read(node: Node, faults: Faults, what: str) -> int | None:
        length = precise(node, faults, what)
        if length is None or length.is_integer():
            return None if length is None else int(length)
        faults.add(
            node.line,
            "bad-duration",
            f"{what} must be whole seconds.",
            "Write for example 30s, 10m, 2h or 30d.",
        )
        return None

    return read


def _spelt(length: float) -> str:
    """A number of seconds as one would write it in the file."""
    milliseconds = round(length * 1000)
    unit = next(unit for unit in ("d", "h", "m", "s", "ms") if milliseconds % _DURATIONS[unit] == 0)
    return f"{milliseconds // _DURATIONS[unit]}{unit}" if milliseconds else "0s"


def size(at_least: int = 1, at_most: int = 2**40) -> Reader[int]:
    """A reader of bytes: 512B, 16KB, 10MB, 1GB (powers of ten), 64KiB, 1MiB, 1GiB (powers of two)."""

    def read(node: Node, faults: Faults, what: str) -> int | None:
        value = text(node, faults, what)
        if value is None:
            return None
        found = _quantity(value, _SIZES)
        if found is not None and at_least <= found[0] * _SIZES[found[1]] <= at_most:
            return found[0] * _SIZES[found[1]]
        remedy = f"Write a whole number with a unit (16KB, 10MB, 64KiB), from {at_least} to {at_most} bytes."
        faults.add(node.line, "bad-size", f"{what} cannot be `{value}`.", remedy)
        return None

    return read


def _rate(units: Collection[str], example: str, scale: Callable[[str], int]) -> Reader[Rate]:
    def read(node: Node, faults: Faults, what: str) -> Rate | None:
        value = text(node, faults, what)
        if value is None:
            return None
        amount, _, window = value.partition("/")
        found = _quantity(amount, units)
        if found is not None and found[0] > 0 and window in _WINDOWS:
            return Rate(found[0] * scale(found[1]), _WINDOWS[window])
        remedy = f"Write a whole number a time: {example} (s, min, h or d)."
        faults.add(node.line, "bad-rate", f"{what} cannot be `{value}`.", remedy)
        return None

    return read


rate: Reader[Rate] = _rate(("",), "5/s or 3000/min", lambda _: 1)
"""Events in a time: 5/s, 3000/min, 1000/h."""

byte_rate: Reader[Rate] = _rate(_SIZES, "10MB/s or 1GB/d", _SIZES.__getitem__)
"""Bytes in a time: 1GB/d."""


def calendar_date(node: Node, faults: Faults, what: str) -> date | None:
    """A day: 2027-03-01, quoted or not."""
    value = text(node, faults, what)
    if value is None:
        return None
    if _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    faults.add(node.line, "bad-date", f"{what} cannot be `{value}`.", 'Write the day as "2027-03-01".')
    return None
