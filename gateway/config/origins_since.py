"""Since when an origin is granted what it is: sessions from before it was taken away do not come back.

Each entry stands for the origins that no narrower one speaks of. An entry that is gone goes on to do so where
another grants its origins now and has granted its own for longer.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from itertools import starmap
from typing import Final

from gateway.config.origins_diff import (
    any_port_entry,
    effective,
    entries,
    parse_any_port,
    parse_wildcard,
    wildcard_entry,
)
from gateway.origins import Limits, OriginEntry, Policy, PolicyTable, Trust

UNLISTED: Final = "*"
REMEMBERED: Final = 400 * 86400  # seconds: longer than any session lives

Since = tuple[int, int]  # Policy.since, Policy.trusted_since


def carry(old: PolicyTable, new: PolicyTable, today: date, now: int) -> PolicyTable:
    """The new table with what the old one knew, and what changes by it. now: Unix seconds."""
    before, after = _all(old), entries(new)
    found: dict[str, Since] = {}
    for entry in {*before, *after}:
        was = before[entry] if entry in before else effective(old, entry, today)
        is_now = after[entry] if entry in after else effective(new, entry, today)
        if (since := _since(was, is_now, today, now)) is not None:
            found[entry] = since
    return _with(new, found, _since(old.unlisted, new.unlisted, today, now), today, now)


def later_of(table: PolicyTable, other: PolicyTable, today: date, now: int) -> PolicyTable:
    """A table that knows what another one knows, too: of each origin the later time counts."""
    here, there = _all(table), _all(other)
    found: dict[str, Since] = {}
    for entry in {*here, *there}:
        known = [
            one[entry] if entry in one else effective(of, entry, today)
            for one, of in ((here, table), (there, other))
        ]
        found[entry] = _latest(known)
    return _with(table, found, _latest([table.unlisted, other.unlisted]), today, now)


def _since(was: Policy | None, is_now: Policy | None, today: date, now: int) -> Since | None:
    """None: it is not granted."""
    if is_now is None or not _grants(is_now, today):
        return None
    if was is None or not _grants(was, today):
        return now, now
    trusted_anew = is_now.trust is Trust.TRUSTED and was.trust is not Trust.TRUSTED
    return was.since, now if trusted_anew else was.trusted_since


def _latest(known: Iterable[Policy | None]) -> Since:
    policies = [policy for policy in known if policy is not None]
    return (
        max((policy.since for policy in policies), default=0),
        max((policy.trusted_since for policy in policies), default=0),
    )


def _grants(policy: Policy, today: date) -> bool:
    """Without credentials there are no sessions."""
    return policy.credentials and policy.grants(today)


def _with(
    table: PolicyTable, found: Mapping[str, Since], unlisted: Since | None, today: date, now: int
) -> PolicyTable:
    bare = replace(
        table,
        exact={name: _set(policy, found.get(name)) for name, policy in table.exact.items()},
        any_port={
            key: _set(policy, found.get(any_port_entry(*key))) for key, policy in table.any_port.items()
        },
        wildcards={
            key: _set(policy, found.get(wildcard_entry(*key))) for key, policy in table.wildcards.items()
        },
        unlisted=None if table.unlisted is None else _set(table.unlisted, unlisted),
        with_former=None,
    )
    former = {}
    listed = entries(bare)
    for entry, since in found.items():
        policy = None if entry in listed else effective(bare, entry, today)
        if policy is None or since == (policy.since, policy.trusted_since):
            continue
        if max(*since, policy.since, policy.trusted_since) > now - REMEMBERED:
            former[entry] = _set(policy, since)
    return replace(bare, with_former=_merged(bare, former)) if former else bare


def _set(policy: Policy, since: Since | None) -> Policy:
    if since is None or since == (policy.since, policy.trusted_since):
        return policy
    return replace(policy, since=since[0], trusted_since=since[1])


def _all(table: PolicyTable) -> dict[str, Policy]:
    """The entries, former ones too."""
    return entries(table.with_former or table)


def _merged(table: PolicyTable, more: Mapping[str, Policy]) -> PolicyTable:
    """The table with these entries besides its own."""
    exact, any_ports, wildcards = dict(table.exact), dict(table.any_port), dict(table.wildcards)
    for entry, policy in more.items():
        if (any_port := parse_any_port(entry)) is not None:
            any_ports[any_port] = policy
        elif (wildcard := parse_wildcard(entry)) is not None:
            wildcards[wildcard] = policy
        else:
            exact[entry] = policy
    return replace(table, exact=exact, any_port=any_ports, wildcards=wildcards)


# --- what is kept


def kept_of(table: PolicyTable) -> list[OriginEntry]:
    """What the next start has to know."""
    found = list(starmap(_kept, _all(table).items()))
    if table.unlisted is not None:
        found.append(_kept(UNLISTED, table.unlisted))
    return found


def table_of(kept: Iterable[OriginEntry], like: PolicyTable) -> PolicyTable:
    """What was kept as a table to compare with another one; only trust and times mean anything in it."""
    policies = {one.entry: _policy(one) for one in kept}
    unlisted = policies.pop(UNLISTED, None)
    bare = replace(like, exact={}, any_port={}, wildcards={}, unlisted=unlisted, with_former=None)
    return _merged(bare, policies)


def _kept(entry: str, policy: Policy) -> OriginEntry:
    trust = policy.trust if policy.credentials else Trust.DENIED
    return OriginEntry(entry, trust, policy.expires, policy.since, policy.trusted_since)


def _policy(kept: OriginEntry) -> Policy:
    return Policy(
        group="",
        line=0,
        trust=kept.trust,
        backends=frozenset(),
        methods=(),
        request_headers=frozenset(),
        expose_headers=(),
        max_age=0,
        credentials=True,
        books={},
        redirects=frozenset(),
        sign_in=None,
        limits=Limits(),
        expires=kept.expires,
        contact=None,
        since=kept.since,
        trusted_since=kept.trusted_since,
    )
