"""Texts of gateway.yaml that tests share, a folder that has what they point to, and the ways to read them."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from gateway.config.faults import ConfigError
from gateway.config.gateway_file import parse_gateway
from gateway.config.settings import Settings

ENV = {"SECRET": "s3cret", "REDIS": "rediss://user:word@redis.internal:6380/1", "DIRECTORY": "sqlite:///x.db"}

MINIMAL = """\
version: 1
public_url: https://gw.example.edu
providers:
  campus: {preset: oidc, issuer: "https://idp.example.edu", client_id: bookgate}
backends:
  storage: {urls: ["http://10.0.0.5:8001"], routes: [{path: /storage/, strip: true}]}
"""

WHOLE = """\
version: 1
public_url: https://gw.example.edu
contact: books-help@example.edu
listen: {public: "0.0.0.0:8443", private: "unix:private.sock"}
tls: {certificate: {file: tls.crt}, key: {file: tls.key}}
trusted_proxies: [127.0.0.1/32, "2001:db8::/32"]
workers: 3
data_path: plain
state: state
origins: {directory: origins.d}
outbound: {proxy: "http://proxy.example.edu:3128", ca: {file: campus.pem}}
redis: {url: {env: REDIS}, prefix: "gw:", deadline: 300ms}
directory: {url: {env: DIRECTORY}}
keys:
  root: {file: secrets/root}
  previous: [{file: secrets/older}]
  people: {file: secrets/people}
  research: {file: secrets/research}
sessions:
  sign_in: {idle: 1d, absolute: 2d}
  book: {idle: 2h, absolute: 1d}
  guest: {idle: 3h, absolute: 4d}
  shared_device: {idle: 10m, absolute: 1h}
  token_mode: {access: 5m}
providers:
  campus:
    preset: oidc
    issuer: https://idp.example.edu/realm
    client_id: bookgate
    client_secret: {env: SECRET}
    label: Example University
    claims: {username: uid, groups: isMemberOf}
    allow: {groups: [staff], email_domains: [example.edu]}
    logout: provider
  home: {preset: oidc, issuer: "http://127.0.0.1:8090", client_id: home}
sign_in: {guests: true, under_13: true}
backends:
  grades:
    urls: ["https://grades.internal:8443/api", "https://10.0.0.9/api/"]
    tls: {ca: {file: campus.pem}, certificate: {file: tls.crt}, key: {file: tls.key}}
    routes:
      - {path: /grades/, strip: true, methods: [GET, POST]}
      - {path: /grades/terms/, sign_in: none, embed: true}
    identity:
      subject: pairwise
      assertion: {header: Authorization, scheme: Bearer, audience: marks, claims: [name]}
      headers: {X-Forwarded-User: campus.username}
      provider_token: none
    request: {host: public, origin: send, cookies: [lang]}
    response: {cookies: [lang], html: sandbox, rewrite_location: false}
    timeouts: {connect: 1s, first_byte: 5s, idle: 10s}
    in_flight: {max: 10, queue: 0, wait: 100ms}
    health: {path: /healthz, every: 10s, fall: 4, rise: 1}
    max_body: 1MB
    websocket: true
  socket:
    urls: ["unix:app.sock"]
    routes: [{path: /s/}]
    identity: {subject: pseudonym}
    guests: true
    lifecycle: [merge]
limits:
  head: 32KiB
  guests: {per_address: 100/h, per_origin: 5/min}
  sign_in: {per_address: 2000/min, per_person: 20/min}
  connections_per_address: 1000
  requests: {per_person: 30/s, per_origin: 3000/s}
pages: {name: Books, colour: "#8a1538", links: {help: "https://help.example.edu"}}
privacy: {default_level: 2, delete_inactive_after: 1095d, log_addresses: none}
telemetry: {log: {to: stdout, requests: errors}, metrics: false}
"""


def make_site(tmp_path: Path) -> Path:
    """A folder with everything that the texts above point to."""
    for folder in ("secrets", "origins.d", "state/keys"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("root", "older", "people", "research"):
        (tmp_path / "secrets" / name).write_text(name.ljust(43, "x") + "\n")
        (tmp_path / "state" / "keys" / name).write_text(name.ljust(43, "y"))
    for name in ("tls.crt", "tls.key", "campus.pem", "origins.yaml"):
        (tmp_path / name).write_text("")
    return tmp_path


def parse(text: str, site: Path, env: Mapping[str, str] = ENV) -> Settings:
    return parse_gateway(text.encode(), site / "gateway.yaml", env)


def faults(text: str, site: Path, env: Mapping[str, str] = ENV) -> list[tuple[int, str]]:
    with pytest.raises(ConfigError) as refused:
        parse(text, site, env)
    assert all(
        fault.file == "gateway.yaml" and fault.message and fault.remedy for fault in refused.value.faults
    )
    return [(fault.line, fault.code) for fault in refused.value.faults]


def with_state(text: str) -> str:
    return text + "state: state\n"
