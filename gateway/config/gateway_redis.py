"""The block `redis` of gateway.yaml."""

import re
from pathlib import Path

from gateway import redis_address
from gateway.config.faults import Faults
from gateway.config.gateway_readers import part
from gateway.config.gateway_secrets import FetchedNode
from gateway.config.nodes import Block, Node, duration, matching, text
from gateway.config.settings import RedisSettings
from gateway.store.servers import Servers

# No braces: in a cluster they would put everything into one slot.
_PREFIX = re.compile(r"[A-Za-z0-9._:-]{1,40}", re.ASCII)


def read_redis(top: Block, faults: Faults) -> RedisSettings:
    redis = part(top, "redis", faults, ("url", "prefix", "deadline"))
    default = RedisSettings(url=None)
    prefix = matching(_PREFIX, "bad-prefix", "Write a short word of letters, digits and : - _ .")
    return RedisSettings(
        url=redis.find("url", _url),
        prefix=redis.get("prefix", prefix, default.prefix),
        deadline=redis.get("deadline", duration(0.05, 5), default.deadline),
    )


def _url(node: Node, faults: Faults, what: str) -> str | None:
    """As it stands, if `redis_address` takes it. It is repeated nowhere: it may hold a password."""
    url = text(node, faults, what)
    if url is None:
        return None
    try:
        address = redis_address.parse(url)
    except ValueError as error:
        remedy = "Write redis://HOST:PORT/0, or another of docs/ops/redis.md, or remove `redis`: embedded."
        faults.add(node.line, "bad-url", f"{what}: {error}.", remedy)
        return None
    if address.holds_a_secret and not isinstance(node, FetchedNode):
        message = f"{what} holds a password and stands in the file."
        faults.add(node.line, "secret-in-file", message, "Write {env: NAME} or {file: PATH}, and change it.")
        return None
    for path in address.files:
        if not Path(path).is_file():
            faults.add(node.line, "missing-file", f"{what}: there is no {path}.", "Give its absolute path.")
            return None
    try:
        Servers(address, deadline=1)
    except OSError as error:
        message = f"{what}: a file of TLS is none: {error.strerror or type(error).__name__}."
        faults.add(node.line, "bad-certificate", message, "Give PEM files, and the key of the certificate.")
        return None
    return url
