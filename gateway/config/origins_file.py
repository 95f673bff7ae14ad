"""origins.yaml, or a directory of such files: proved into one policy table, or refused with every fault."""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from types import MappingProxyType

from gateway.config.document import read_document
from gateway.config.faults import ConfigError, Fault, Faults
from gateway.config.nodes import Block, Entry, ScalarNode, did_you_mean, named, one_of, text
from gateway.config.origin_groups import Listed, Surroundings, make_policy, read_group
from gateway.config.policy_keys import BUILT_IN, POLICY_KEYS, PolicyKeys, nearest, read_policy_keys
from gateway.config.shared_hosts import SHARED_HOSTS, PublicSuffixes
from gateway.origins import Origin, Policy, PolicyTable, Trust

_TOP_KEYS = ("version", "unlisted", "unlisted_policy", "defaults", "policies", "groups")
_ONCE_KEYS = ("unlisted", "unlisted_policy", "defaults")  # in one file of a directory
_WARN_BEFORE = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Parsed:
    table: PolicyTable
    warnings: tuple[Fault, ...]


def parse_origins(
    data: Mapping[str, bytes], backend_names: Collection[str], today: date | None = None
) -> Parsed:
    """The table that the files make together; ConfigError with all faults of all files.

    data: file name -> bytes. today: for warnings of entries that end soon; they never change the table.
    """
    files = [_File(name, data[name]) for name in sorted(data)]
    if not files:
        raise ConfigError(
            (Fault("origins", 0, "no-files", "There is no file to read.", "Add one that ends in .yaml."),)
        )
    _check_once(files)
    policies = _policies(files, backend_names)
    defaults = nearest(*(file.policy_keys("defaults", backend_names) for file in files))
    surroundings = Surroundings(backend_names, policies, defaults, _suffixes())
    listed = [one for file in files for one in file.listed(surroundings)]
    by_file = {file.faults.file: file.faults for file in files}
    _check_names(files, "groups", "group")
    _check_twice(listed, by_file)
    _check_books(listed, by_file)
    unlisted = _unlisted(files, surroundings)
    faults = tuple(fault for file in files for fault in file.faults.found)
    if faults:
        raise ConfigError(faults)
    table = _table(listed, unlisted, generation_of(data))
    return Parsed(table, () if today is None else ending_soon(listed, today))


def generation_of(data: Mapping[str, bytes]) -> str:
    """The name of these very bytes."""
    digest = hashlib.sha256()
    for name in sorted(data):
        digest.update(f"{len(name)}:{name}:{len(data[name])}:".encode())
        digest.update(data[name])
    return digest.hexdigest()[:16]


@cache
def _suffixes() -> PublicSuffixes:
    return PublicSuffixes()


class _File:
    """One file's top block and its faults."""

    def __init__(self, name: str, data: bytes) -> None:
        self.faults = Faults(name)
        node = read_document(data, self.faults)
        if node is None:
            self.block = Block(0, {}, self.faults)
            return
        self.block = Block.read(node, self.faults, "the file", keys=_TOP_KEYS)
        version = self.block.node("version")
        if self.block.entries and version is None:
            self.faults.add(1, "no-version", "The file says no version.", "Begin with `version: 1`.")
        elif version is not None and version != ScalarNode(version.line, "1"):
            message = "This version of the file format is not known."
            self.faults.add(version.line, "wrong-version", message, "Write `version: 1`.")

    def named(self, key: str) -> dict[str, Entry]:
        node = self.block.node(key)
        return {} if node is None else named(node, self.faults, key)

    def policy_keys(self, key: str, backend_names: Collection[str]) -> PolicyKeys:
        node = self.block.node(key)
        if node is None:
            return PolicyKeys()
        return read_policy_keys(Block.read(node, self.faults, key, keys=POLICY_KEYS), backend_names)

    def listed(self, surroundings: Surroundings) -> list[Listed]:
        groups = self.named("groups").values()
        return [one for group in groups for one in read_group(group, self.faults, surroundings)]


# --- the file as a whole


def _check_once(files: list[_File]) -> None:
    for key in _ONCE_KEYS:
        saying = [file for file in files if key in file.block]
        for file in saying[1:]:
            message = f"`{key}` stands here and in {saying[0].faults.file}."
            file.faults.add(file.block.line_of(key), "said-twice", message, "Keep it in one file.")


def _check_names(files: list[_File], key: str, what: str) -> None:
    """A group or policy has one home; keys twice within a file are faults of the document already."""
    first: dict[str, str] = {}
    for file in files:
        node = file.block.node(key)
        for entry in named(node, Faults(""), key).values() if node is not None else ():
            if entry.key in first:
                message = f"The {what} `{entry.key}` stands here and at {first[entry.key]}."
                file.faults.add(entry.line, "name-twice", message, "Give one of them another name.")
            first.setdefault(entry.key, f"{file.faults.file}:{entry.line}")


def _policies(files: list[_File], backend_names: Collection[str]) -> dict[str, PolicyKeys]:
    policies: dict[str, PolicyKeys] = {}
    for file in files:
        for entry in file.named("policies").values():
            block = Block.read(
                entry.value, file.faults, f"policy {entry.key}", keys=POLICY_KEYS, line=entry.line
            )
            policies[entry.key] = read_policy_keys(block, backend_names)
    _check_names(files, "policies", "policy")
    return policies


def _unlisted(files: list[_File], surroundings: Surroundings) -> Policy | None:
    """What an origin in no group may do; None: nothing. It is never trusted."""
    file = next(
        (file for file in files if "unlisted" in file.block or "unlisted_policy" in file.block), files[0]
    )
    block = file.block
    trust = block.find("unlisted", one_of(tuple(Trust), "unknown-trust"))
    name = block.find("unlisted_policy", text)
    line = block.line_of("unlisted_policy")
    if trust == Trust.TRUSTED:
        message = "Origins that nobody looked at cannot be trusted."
        file.faults.add(
            block.line_of("unlisted"), "unlisted-trusted", message, "Write `consent` or `denied`."
        )
    if trust != Trust.CONSENT:
        if name is not None and (trust == Trust.DENIED or "unlisted" not in block):
            message = "`unlisted_policy` has no meaning where unlisted origins are denied."
            file.faults.add(
                line, "unlisted-policy-denied", message, "Remove it, or write `unlisted: consent`."
            )
        return None
    if name is None:
        message = "`unlisted: consent` does not say what such an origin may do."
        file.faults.add(
            block.line_of("unlisted"), "unlisted-policy-missing", message, "Add `unlisted_policy:`."
        )
        return None
    if name not in surroundings.policies:
        remedy = did_you_mean(name, surroundings.policies)
        file.faults.add(line, "unknown-policy", f"There is no policy `{name}`.", remedy)
        return None
    keys = surroundings.policies[name]
    if keys.trust not in {None, Trust.CONSENT}:
        message = f"The policy `{name}` is {keys.trust}, and unlisted origins are asked for consent."
        file.faults.add(line, "unlisted-trusted", message, "Name a policy without `trust`.")
    keys = nearest(PolicyKeys(trust=Trust.CONSENT), keys, surroundings.defaults, BUILT_IN)
    if keys.backends is None:
        message = f"The policy `{name}` has no backends, so unlisted origins may do nothing."
        file.faults.add(line, "no-backends", message, "Add `backends:` to it, or write `unlisted: denied`.")
    return make_policy(keys, group="unlisted", place=(file.faults.file, 0))


def _check_twice(listed: Iterable[Listed], faults: Mapping[str, Faults]) -> None:
    first: dict[str, Listed] = {}
    for one in listed:
        other = first.setdefault(one.pattern.text, one)
        if other is not one:
            message = f"`{one.pattern.text}` stands here and at {other.place} ({other.policy.group})."
            faults[one.policy.file].add(one.policy.line, "origin-twice", message, "Remove one of them.")


def _check_books(listed: Iterable[Listed], faults: Mapping[str, Faults]) -> None:
    """A book id keeps readers' work apart: two origins share one only where the file says so."""
    owners: dict[str, Listed] = {}
    for one in listed:
        if one.policy.trust is Trust.DENIED or one.shares_book:
            continue
        file, line, exact = faults[one.policy.file], one.policy.line, one.pattern.exact
        if exact is None and one.policy.books:
            message = f"All origins of `{one.pattern.text}` would be the same book."
            file.add(
                line, "book-of-many", message, "Add `shares_book: true`, or list the origins one by one."
            )
        for book in dict.fromkeys(_books_of(one, exact)):
            other = owners.setdefault(book, one)
            if other is not one:
                message = f"The book `{book}` is here and at {other.place}."
                remedy = "Give it another id, or add `shares_book: true` to the mirror."
                file.add(line, "book-twice", message, remedy)
            elif _is_host_of_another(book, exact):
                message = f"`{book}` is what the book at that host is called."
                remedy = "Use an id without a dot, or add `shares_book: true` if the book moved from there."
                file.add(line, "book-names-a-host", message, remedy)


def _books_of(one: Listed, exact: Origin | None) -> Iterable[str]:
    if one.policy.books:
        return one.policy.books.values()
    return () if exact is None else (exact.default_book,)


def _is_host_of_another(book: str, exact: Origin | None) -> bool:
    if exact is not None and book == exact.default_book:
        return False
    return "." in book or book.startswith("localhost")


def _table(listed: Iterable[Listed], unlisted: Policy | None, generation: str) -> PolicyTable:
    exact: dict[str, Policy] = {}
    wildcards: dict[tuple[str, str, int], Policy] = {}
    any_port: dict[tuple[str, str], Policy] = {}
    for one in listed:
        pattern = one.pattern
        if pattern.port is None and not pattern.is_null:
            any_port[pattern.scheme, pattern.host] = one.policy
        elif pattern.wildcard and pattern.port is not None:
            wildcards[pattern.scheme, pattern.host, pattern.port] = one.policy
        else:
            exact[pattern.text] = one.policy
    return PolicyTable(
        exact=MappingProxyType(exact),
        wildcards=MappingProxyType(wildcards),
        any_port=MappingProxyType(any_port),
        unlisted=unlisted,
        generation=generation,
        shared_hosts=SHARED_HOSTS,
    )


def ending_soon(listed: Iterable[Listed], today: date) -> tuple[Fault, ...]:
    """A warning for each entry that has ended or ends within two weeks."""
    warnings = []
    for one in listed:
        expires = one.policy.expires
        if expires is not None and expires - _WARN_BEFORE <= today:
            verb = "ended" if expires < today else "ends"
            message = f"`{one.pattern.text}` {verb} with {expires}."
            remedy = "Move the day, or remove the entry when it is over."
            warnings.append(Fault(one.policy.file, one.policy.line, "ends-soon", message, remedy))
    return tuple(warnings)
