"""The Redis user that docs/ops/redis.md has operators make: it can do what the store does, and no more."""

import re
from pathlib import Path

import pytest

from gateway.errors import StoreUnavailableError
from gateway.store import Store
from tests.redis_kinds import RedisKinds, acl_line

SOURCES = Path("gateway/store").glob("*.py")
METHODS = {"delete": "del"}  # redis-py's names that are not Redis's
CONNECTION = {"ping", "select", "info", "eval", "evalsha", "cluster|slots", "asking", "client|tracking"}
LINK = {"publish", "subscribe", "spublish", "ssubscribe"}


def used() -> set[str]:
    text = "\n".join(path.read_text() for path in SOURCES)
    in_lua = re.findall(r"redis\.p?call\('([A-Z]+)'", text)
    in_python = re.findall(r"\bredis\.([a-z]+)\(", text)
    found = {METHODS.get(name, name) for name in (*in_python, *map(str.lower, in_lua))}
    return found - {"call", "pcall"} | CONNECTION | LINK


def test_the_guide_names_the_commands_that_are_used() -> None:
    assert set(re.findall(r"\+(\S+)", acl_line())) == used()


@pytest.mark.parametrize("prefix", ["other:", "bookgatex:"])
async def test_the_user_reaches_nothing_else(redis_kinds: RedisKinds, prefix: str) -> None:
    store = Store.open(redis_kinds.url("tls and a user"), prefix, 5.0)
    with pytest.raises(StoreUnavailableError, match="NoPermission"):
        await store.get("k")
    await store.close()
