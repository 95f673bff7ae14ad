"""What a new origins.yaml changes for each origin: wider, narrower, new, gone.

Compared is the *effective* policy, so that moving an entry to another group says nothing and removing
an exact entry below a wildcard says what the wildcard now makes of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from gateway.origins import DEFAULT_PORTS, Limits, Origin, Policy, PolicyTable, Rate, Trust, parse_origin

_RANK = {Trust.DENIED: 0, Trust.CONSENT: 1, Trust.TRUSTED: 2}
_SETS = ("backends", "methods", "request_headers", "expose_headers", "redirects")


@dataclass(frozen=True, slots=True)
class _Change:
    text: str
    wider: bool | None  # None: neither


def entries(table: PolicyTable) -> dict[str, Policy]:
    """All entries by what stands in the file: the origin, `https://*.base`, `http://localhost:*`."""
    wildcards = {wildcard_entry(*key): policy for key, policy in table.wildcards.items()}
    any_port = {any_port_entry(*key): policy for key, policy in table.any_port.items()}
    return {**table.exact, **any_port, **wildcards}


def wildcard_entry(scheme: str, base: str, port: int) -> str:
    return str(Origin(scheme, f"*.{base}", port))


def any_port_entry(scheme: str, host: str) -> str:
    return f"{scheme}://{host}:*"


def parse_wildcard(entry: str) -> tuple[str, str, int] | None:
    """The key of an entry that stands for all names below one; None: it is another kind of entry."""
    scheme, found, authority = entry.partition("://*.")
    if not found:
        return None
    base, _, port = authority.partition(":")
    return scheme, base, int(port) if port else DEFAULT_PORTS[scheme]


def parse_any_port(entry: str) -> tuple[str, str] | None:
    """The key of an entry that stands for a host at every port; None: it is another kind of entry."""
    if not entry.endswith(":*"):
        return None
    scheme, _, host = entry.removesuffix(":*").partition("://")
    return scheme, host


def lost(old: PolicyTable, new: PolicyTable) -> frozenset[str]:
    """The entries that are in no group any more, not even among the denied."""
    return frozenset(entries(old)) - frozenset(entries(new))


def diff(old: PolicyTable, new: PolicyTable, today: date) -> tuple[str, ...]:
    """One line for each origin whose effective policy changes."""
    before, after = entries(old), entries(new)
    lines = []
    for entry in sorted({*before, *after}):
        was, now = effective(old, entry, today), effective(new, entry, today)
        changes = list(_changes(was, now))
        if entry not in before:
            lines.append(f"new: {entry}: {_said(now, changes)}")
        elif entry not in after:
            lines.append(f"gone: {entry}: {_said(now, changes)}")
        elif changes:
            lines.append(f"{_direction(changes)}: {entry}: {_joined(changes)}")
    if changes := list(_changes(old.unlisted, new.unlisted)):
        lines.append(f"{_direction(changes)}: unlisted: {_joined(changes)}")
    return tuple(lines)


def effective(table: PolicyTable, entry: str, today: date) -> Policy | None:
    """What a table makes of an entry's origins, whether or not it holds the entry itself."""
    if entry == "null":
        return table.find_null(today)
    if (any_port := parse_any_port(entry)) is not None:
        # port 0 is nobody's, so that no exact entry answers for all the others
        return table.find(Origin(*any_port, 0), today)
    if (wildcard := parse_wildcard(entry)) is not None:
        # a label that no exact entry can have stands for all of them
        scheme, base, port = wildcard
        return table.find(Origin(scheme, f"_.{base}", port), today)
    origin = parse_origin(entry)
    return None if origin is None else table.find(origin, today)


def _said(policy: Policy | None, changes: list[_Change]) -> str:
    standing = "denied" if policy is None else f"{policy.trust} ({policy.group})"
    return f"{standing}; {_joined(changes)}" if changes else f"{standing}, as before"


def _joined(changes: list[_Change]) -> str:
    return "; ".join(change.text for change in changes)


def _direction(changes: list[_Change]) -> str:
    directions = {change.wider for change in changes} - {None}
    if len(directions) == 1:
        return "wider" if directions.pop() else "narrower"
    return "changed"


def _changes(was: Policy | None, now: Policy | None) -> Iterator[_Change]:
    if was is None and now is None:
        return
    if was is None or now is None:
        names = [Trust.DENIED if policy is None else policy.trust for policy in (was, now)]
        yield _Change(f"{names[0]} -> {names[1]}", was is None)
        return
    if was.trust is not now.trust:
        yield _Change(f"{was.trust} -> {now.trust}", _RANK[now.trust] > _RANK[was.trust])
    for name in _SETS:
        yield from _set_changes(name, frozenset(getattr(was, name)), frozenset(getattr(now, name)))
    yield from _sign_in_changes(was.sign_in, now.sign_in)
    if was.credentials is not now.credentials:
        yield _Change(f"credentials {str(now.credentials).lower()}", now.credentials)
    if was.expires != now.expires:
        later = (now.expires or date.max) > (was.expires or date.max)
        yield _Change(f"expires {was.expires or 'never'} -> {now.expires or 'never'}", later)
    yield from _neutral_changes(was, now)


def _set_changes(name: str, was: frozenset[str], now: frozenset[str]) -> Iterator[_Change]:
    for value in sorted(now - was):
        yield _Change(f"{name} +{value}", wider=True)
    for value in sorted(was - now):
        yield _Change(f"{name} -{value}", wider=False)


def _sign_in_changes(was: frozenset[str] | None, now: frozenset[str] | None) -> Iterator[_Change]:
    if was is not None and now is not None:
        yield from _set_changes("sign_in", was, now)
    elif was is not now:
        yield _Change("sign_in all" if now is None else f"sign_in only {', '.join(sorted(now))}", now is None)


def _neutral_changes(was: Policy, now: Policy) -> Iterator[_Change]:
    if was.limits != now.limits:
        yield _Change(f"limits {_limits(was.limits)} -> {_limits(now.limits)}", None)
    if tuple(was.books.items()) != tuple(now.books.items()):
        yield _Change(f"books {_books(was)} -> {_books(now)}", None)
    if was.max_age != now.max_age:
        yield _Change(f"max_age {was.max_age}s -> {now.max_age}s", None)


def _books(policy: Policy) -> str:
    return ", ".join(f"{path}={book}" for path, book in policy.books.items()) or "by host"


def _limits(limits: Limits) -> str:
    rates = {"per_person": limits.per_person, "per_origin": limits.per_origin, "bytes": limits.bytes}
    return ", ".join(f"{name} {_rate(rate)}" for name, rate in rates.items() if rate) or "none"


def _rate(rate: Rate) -> str:
    return f"{rate.amount} in {rate.window}s"
