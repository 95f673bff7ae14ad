"""The `roles:` of gateway.yaml: what makes somebody a teacher, a researcher, an operator."""

from dataclasses import replace

from gateway.config.faults import Faults
from gateway.config.gateway_readers import block
from gateway.config.nodes import NAME, Block, Entry, Node, did_you_mean, items, list_of, named, text
from gateway.config.settings import ProviderSettings
from gateway.roles import RoleRule

_GROUPS = "groups"


def read_roles(top: Block, faults: Faults, providers: tuple[ProviderSettings, ...]) -> tuple[RoleRule, ...]:
    """The rules in the file's order. A rule names a provider, and a claim with its value or a group."""
    node = top.node("roles")
    if node is None:
        return ()
    rules: list[RoleRule] = []
    for entry in named(node, faults, "roles", NAME).values():
        listed = items(entry.value, faults, f"role {entry.key}")
        if listed == ():
            message = f"Nobody is {entry.key}."
            faults.add(entry.line, "no-rule", message, "Name a provider and a claim, or remove the role.")
        for item in listed or ():
            rule = _rule(entry, item, faults, providers)
            if rule is not None:
                rules.append(rule)
    return tuple(rules)


def _rule(
    role: Entry, node: Node, faults: Faults, providers: tuple[ProviderSettings, ...]
) -> RoleRule | None:
    what = f"a rule of {role.key}"
    keys = block(
        node, faults, what, keys=("provider", "claim", "has", "group", "books"), required=("provider",)
    )
    name = keys.find("provider", text)
    claim, value, group = keys.find("claim", text), keys.find("has", text), keys.find("group", text)
    books = keys.find("books", list_of(text))
    provider = next((one for one in providers if one.id == name), None)
    if name is not None and provider is None:
        known = [one.id for one in providers]
        remedy = f"{did_you_mean(name, known)} Write the name of a provider."
        faults.add(keys.line_of("provider"), "unknown-provider", f"There is no provider `{name}`.", remedy)
    whole = (claim is not None and value is not None and group is None) or (
        group is not None and claim is None and value is None
    )
    if not whole:
        message = f"{what} says neither which claim nor which group, or both."
        faults.add(node.line, "half-a-rule", message, "Write `claim: NAME, has: VALUE`, or `group: NAME`.")
    if provider is None or not whole:
        return None
    where = None if books is None else frozenset(books)
    if group is not None:
        return RoleRule(role.key, provider.id, provider.claims.get(_GROUPS, _GROUPS), group, where)
    return RoleRule(role.key, provider.id, claim or "", value or "", where)


def asked_for(
    providers: tuple[ProviderSettings, ...], rules: tuple[RoleRule, ...]
) -> tuple[ProviderSettings, ...]:
    """The providers as they are when roles have been read: what rules name is taken along."""
    return tuple(
        replace(one, asks_for=one.asks_for | {rule.claim for rule in rules if rule.provider == one.id})
        for one in providers
    )
