"""The keys of a site as a table: what each does now, and until when."""

from collections.abc import Sequence

from gateway.config.key_file import Ring, RootKey, spelt
from gateway.config.settings import Settings
from gateway.sealing import key_id
from gateway.signing_keys import Scheduled, published, signing

Row = dict[str, str]
Table = dict[str, list[Row]]

SLACK = 3600  # seconds that a clock or a worker may lag


def longest_life(settings: Settings) -> int:
    """Seconds after which nothing that a key sealed last can be alive."""
    limits = settings.sessions
    lives = (limits.sign_in, limits.book, limits.guest, limits.shared_device)
    return max(life.absolute for life in lives) + SLACK


def of(settings: Settings, ring: Ring, stored: Sequence[Scheduled], now: float) -> Table:
    """ring: the lines of the root keys' file; empty: they come from the environment."""
    longest = longest_life(settings)
    place = "environment" if settings.keys.root_file is None else str(settings.keys.root_file)
    apart = [{"key": key_id(key), "does": "opens", "in": "keys.previous"} for key in settings.keys.apart]
    roots = [{**_root(line, longest), "in": place} for line in ring or (RootKey(settings.keys.root),)]
    return {"root": [*roots, *apart], "assertion": _assertion(stored, now)}


def _root(line: RootKey, longest: int) -> Row:
    row = {"key": key_id(line.key), "does": "seals"}
    if line.waits and line.since is not None:
        return {**row, "does": "waits", "since": spelt(line.since)}
    if line.until is not None:
        return {**row, "does": "opens", "until": spelt(line.until), "may_go": spelt(line.until + longest)}
    return row


def _assertion(stored: Sequence[Scheduled], now: float) -> list[Row]:
    if not stored:
        return []
    signs, out = signing(stored, now).kid, {key.kid for key in published(stored, now)}
    rows = []
    for key in stored:
        if key.kid == signs:
            does = "signs"
        elif key.begins > now:
            does = "waits"
        else:
            does = "verifies" if key.kid in out else "is over"
        rows.append({"key": key.kid, "does": does, "begins": spelt(key.begins)})
    return rows


def text(table: Table) -> str:
    """One line a key."""
    lines = []
    for kind, rows in table.items():
        lines.append(kind)
        for row in rows:
            rest = ", ".join(
                f"{name.replace('_', ' ')} {value}"
                for name, value in row.items()
                if name not in {"key", "does"}
            )
            lines.append(f"  {row['key']}  {row['does']:8}  {rest}")
    return "\n".join([*lines, "people, research", "  never change"])
