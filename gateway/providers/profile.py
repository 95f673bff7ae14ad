"""What a provider tells about a person, in our words, and whether such a person is let in."""

from collections.abc import Collection, Iterable, Mapping

import orjson

from gateway.errors import ProviderRefusedError
from gateway.providers.contract import Allow

LONGEST_NAME = 120  # characters
LONGEST_CLAIM = 4096
MOST_VALUES = 500  # of a claim that rules name: a person may be in many groups


def display_name(told: Mapping[str, object]) -> str | None:
    """A name to show, on one line; never a key to anything."""
    full = _line(told.get("name"))
    parts = " ".join(filter(None, (_line(told.get("given_name")), _line(told.get("family_name")))))
    return full or parts or _line(told.get("preferred_username")) or None


def verified_email(told: Mapping[str, object]) -> str | None:
    """The address, only if the provider vouches for it with a true boolean."""
    email = told.get("email")
    if told.get("email_verified") is not True or not isinstance(email, str):
        return None
    return email if email.count("@") == 1 and len(email) <= 254 and email.isprintable() else None


def primary_email(addresses: Iterable[object]) -> Mapping[str, object]:
    """The address that a list marks as verified and as the first one; none where no entry is both."""
    for entry in addresses:
        match entry:
            case {"email": str(email), "verified": True, "primary": True}:
                return {"email": email, "email_verified": True}
            case _:
                continue
    return {}


def told_in_form(user: str | None) -> Mapping[str, object]:
    """The name of a callback's `user`: what Apple says of a person, once; nobody signed it.

    It is a name to show and no more: the address that stands there is not read.
    """
    try:
        said = orjson.loads(user or "{}")
    except orjson.JSONDecodeError:
        return {}
    match said:
        case {"name": {**parts}}:
            return {"given_name": parts.get("firstName"), "family_name": parts.get("lastName")}
        case _:
            return {}


def mapped(told: Mapping[str, object], names: Mapping[str, str]) -> Mapping[str, str]:
    """The claims that the block asks for under our names; what is not text travels as JSON."""
    found: dict[str, str] = {}
    for ours, theirs in names.items():
        value = told.get(theirs)
        text = value if isinstance(value, str) else orjson.dumps(value).decode()
        if value is not None and len(text) <= LONGEST_CLAIM:
            found[ours] = text
    return found


def said(told: Mapping[str, object], names: Collection[str]) -> Mapping[str, tuple[str, ...]]:
    """The claims that rules name, each as its texts; what is not text says nothing."""
    found: dict[str, tuple[str, ...]] = {}
    for name in names:
        value = told.get(name)
        values = value if isinstance(value, list) else [value]
        texts = [text for text in values if isinstance(text, str) and 0 < len(text) <= LONGEST_CLAIM]
        if texts:
            found[name] = tuple(dict.fromkeys(texts))[:MOST_VALUES]
    return found


def let_in(told: Mapping[str, object], names: Mapping[str, str], allow: Allow) -> None:
    """Raises ProviderRefusedError for a person whom the block's `allow` does not name."""
    if allow.groups:
        claim = told.get(names.get("groups", "groups"))
        groups = claim if isinstance(claim, list) else [claim]
        if not any(isinstance(group, str) and group in allow.groups for group in groups):
            raise ProviderRefusedError("in none of the groups that are let in")
    if allow.email_domains:
        email = verified_email(told)
        if email is None or email.rpartition("@")[2].lower() not in allow.email_domains:
            raise ProviderRefusedError("no verified e-mail address of a domain that is let in")


def _line(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    visible = "".join(character if character.isprintable() else " " for character in value)
    return " ".join(visible.split())[:LONGEST_NAME].strip()
