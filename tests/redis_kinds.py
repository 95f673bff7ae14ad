"""Every way to Redis that `redis.url` knows, with real servers behind it."""

import re
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import trustme

from tests.redis_cluster import RedisCluster
from tests.redis_sentinel import RedisSentinel
from tests.redis_server import RedisServer, valkey_binary

GUIDE = Path(__file__).parent.parent / "docs/ops/redis.md"
WORD = "a-word-for-bookgate"
_ADMIN = "user default on >admin ~* &* +@all"


def acl_line() -> str:
    """What the guide tells operators to write."""
    line = re.search(r"^user bookgate .*$", GUIDE.read_text("utf-8"), re.MULTILINE)
    assert line is not None
    return line[0].replace("PASSWORD", WORD)


class RedisKinds:
    """Starts each kind when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._urls: dict[str, str] = {}
        self._running = ExitStack()

    def url(self, kind: str) -> str:
        if kind not in self._urls:
            self._urls[kind] = _STARTS[kind](self._folder / kind.replace(" ", "-"), self._running)
        return self._urls[kind]

    def stop(self) -> None:
        self._running.close()


def _single(folder: Path, running: ExitStack) -> str:
    server = RedisServer(folder).start()
    running.callback(server.stop)
    return server.url


def _valkey(folder: Path, running: ExitStack) -> str:
    server = RedisServer(folder, binary=valkey_binary()).start()
    running.callback(server.stop)
    return server.url


def _unix(folder: Path, running: ExitStack) -> str:
    server = RedisServer(folder).start()
    running.callback(server.stop)
    return server.unix_url


def _tls(folder: Path, running: ExitStack) -> str:
    """Both sides show certificates, and the user may do what the guide says."""
    query, settings = tls_settings(folder)
    settings += [acl_line(), _ADMIN]
    server = RedisServer(folder, settings=settings, password="admin", in_tls=True).start()
    running.callback(server.stop)
    return f"rediss://bookgate:{WORD}@localhost:{server.port}/0?{query}"


def tls_settings(folder: Path) -> tuple[str, list[str]]:
    """What follows the ? in the URL, and the server's lines."""
    folder.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    for name, certificate in {
        "server": authority.issue_cert("localhost", "127.0.0.1"),
        "client": authority.issue_cert("bookgate@localhost"),
    }.items():
        certificate.private_key_pem.write_to_path(folder / f"{name}.key")
        certificate.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")
    query = f"ca={folder}/ca.pem&certificate={folder}/client.pem&key={folder}/client.key"
    files = {"tls-cert-file": "server.pem", "tls-key-file": "server.key", "tls-ca-cert-file": "ca.pem"}
    return query, [f"{key} {folder / name}" for key, name in files.items()]


def _sentinel(folder: Path, running: ExitStack) -> str:
    """The sentinels know a user who may only ask where the master is."""
    query, settings = tls_settings(folder)
    settings.append("tls-replication yes")
    asking = f"user bookgate on >{WORD} -@all +sentinel|masters"
    group = RedisSentinel(folder, [*settings, acl_line()], [*settings, asking], in_tls=True)
    running.callback(group.stop)
    place = group.start().place
    sentinels = f"sentinel_username=bookgate&sentinel_password={WORD}"
    return f"rediss+sentinel://bookgate:{WORD}@{place}?{sentinels}&{query}"


def _cluster(folder: Path, running: ExitStack) -> str:
    query, settings = tls_settings(folder)
    settings += ["tls-replication yes", "tls-cluster yes", acl_line(), _ADMIN, "masterauth admin"]
    cluster = RedisCluster(folder, settings, password="admin", in_tls=True)
    running.callback(cluster.stop)
    return f"rediss+cluster://bookgate:{WORD}@{cluster.start().hosts}?{query}"


_STARTS: dict[str, Callable[[Path, ExitStack], str]] = {
    "redis": _single,
    "valkey": _valkey,
    "unix": _unix,
    "tls and a user": _tls,
    "sentinel": _sentinel,
    "cluster": _cluster,
}
KINDS = tuple(_STARTS)
