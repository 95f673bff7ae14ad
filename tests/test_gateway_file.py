import textwrap
from ipaddress import ip_network
from pathlib import Path

import pytest
import trustme

from gateway.client_address import Addresses
from gateway.config.faults import ConfigError
from gateway.config.settings import (
    Address,
    Allow,
    Guests,
    Listen,
    ListenerTls,
    Outbound,
    Pages,
    Privacy,
    Telemetry,
)
from gateway.limits import SignInLimits
from gateway.origins import Limits, Rate
from gateway.routes import AssertionRule, InFlight, Purpose, Route, SignInNeed, Subject, Timeouts
from gateway.session_limits import Life, SessionLimits
from tests.gateway_texts import ENV, MINIMAL, WHOLE, faults, make_site, parse, with_state


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Path:
    return make_site(tmp_path)


def test_only_four_keys_are_required(site: Path) -> None:
    settings = parse(with_state(MINIMAL), site)
    assert settings.listen == Listen(Address("127.0.0.1", 8080), Address("127.0.0.1", 9090))
    assert settings.tls is None
    assert (settings.trusted_proxies, settings.workers, settings.data_path) == ((), 1, "fast")
    assert settings.origins == site / "origins.yaml"
    assert settings.redis.url is None
    assert settings.directory_url == f"sqlite+aiosqlite:///{site}/state/directory.sqlite3"
    assert settings.keys.root == b"root".ljust(43, b"y")
    assert settings.sessions == SessionLimits()
    assert settings.guests == Guests()
    assert not settings.guests.welcome
    assert settings.pages == Pages()
    assert settings.requests == Limits(per_person=Rate(20, 1), per_origin=Rate(2000, 1))
    assert settings.connections_per_address == 5000
    assert settings.privacy == Privacy()
    assert settings.telemetry == Telemetry("all", metrics=True)
    backend = settings.routes.backends["storage"]
    assert [address.url for address in backend.addresses] == ["http://10.0.0.5:8001/"]
    assert backend.assertion == AssertionRule(audience="storage")
    assert (backend.subject, backend.timeouts, backend.in_flight) == (Subject.PERSON, Timeouts(), InFlight())
    assert settings.routes.routes == (
        Route("storage", "/storage/", strip=True, sign_in=SignInNeed.REQUIRED, methods=None, embed=False),
    )


def test_every_built_key_arrives(site: Path) -> None:
    settings = parse(WHOLE, site)
    assert settings.contact == "books-help@example.edu"
    assert settings.listen == Listen(Address("0.0.0.0", 8443), Address(unix=site / "private.sock"))
    assert settings.tls == ListenerTls(site / "tls.crt", site / "tls.key")
    assert settings.trusted_proxies == (ip_network("127.0.0.1/32"), ip_network("2001:db8::/32"))
    assert (settings.workers, settings.data_path) == (3, "plain")
    assert (settings.state, settings.origins) == (site / "state", site / "origins.d")
    assert settings.outbound == Outbound("http://proxy.example.edu:3128", site / "campus.pem")
    assert (settings.redis.url, settings.redis.prefix, settings.redis.deadline) == (ENV["REDIS"], "gw:", 0.3)
    assert settings.directory_url == "sqlite+aiosqlite:///x.db"
    assert settings.keys.previous == (b"older".ljust(43, b"x"),)
    assert settings.sessions == SessionLimits(
        Life(86400, 172800), Life(7200, 86400), Life(600, 3600), 300, Life(10800, 345600)
    )
    assert settings.guests == Guests(True, Rate(100, 3600), Rate(5, 60))
    assert settings.sign_in == SignInLimits(Rate(2000, 60), Rate(20, 60))
    assert settings.requests == Limits(per_person=Rate(30, 1), per_origin=Rate(3000, 1))
    assert settings.connections_per_address == 1000
    told = settings.routes.backends
    assert [(backend.guests, sorted(backend.lifecycle)) for backend in told.values()] == [
        (False, []),
        (True, [Purpose.MERGE]),
    ]
    campus, home = settings.providers
    assert (campus.id, campus.client_secret, campus.label) == ("campus", "s3cret", "Example University")
    assert campus.claims == {"username": "uid", "groups": "isMemberOf"}
    assert campus.allow == Allow(frozenset({"staff"}), frozenset({"example.edu"}))
    assert campus.logout_at_provider
    assert (home.issuer, home.client_secret, home.label) == ("http://127.0.0.1:8090", None, "home")
    assert settings.max_head == 32768
    assert settings.pages == Pages("Books", "#8a1538", {"help": "https://help.example.edu"})
    assert settings.privacy == Privacy(2, 1095 * 86400, Addresses.NONE, under_13=True)
    assert settings.telemetry == Telemetry("errors", metrics=False)


LATER = [
    ("admin_token: {env: SECRET}", "top"),
    ("telemetry: {audit: {to: stdout}}", "top"),
    ("telemetry: {traces: {otlp: null}}", "top"),
    ("telemetry: {log: {requests: sample}}", "top"),
    ("identity: {assertion: {claims: [email]}}", "backend"),
]


def place(line: str, where: str) -> str:
    """A file with one more key at the top, in the provider, the backend or the route, all else sound."""
    more = {name: (f", {line}" if name == where else "") for name in ("provider", "backend", "route")}
    return textwrap.dedent(f"""\
        version: 1
        public_url: https://gw.example.edu
        state: state
        providers:
          campus: {{preset: oidc, issuer: "https://i.ed", client_id: x, claims: {{u: uid}}{more["provider"]}}}
        backends:
          b: {{urls: ["http://127.0.0.1:1"], routes: [{{path: /b/{more["route"]}}}]{more["backend"]}}}
        """) + (line if where == "top" else "")


LINES = {"top": 8, "provider": 5, "backend": 7, "route": 7}


@pytest.mark.parametrize(("line", "where"), LATER, ids=[line for line, _ in LATER])
def test_a_key_of_a_later_release_is_refused_by_name(line: str, where: str, site: Path) -> None:
    assert faults(place(line, where), site) == [(LINES[where], "not-built-yet")]


@pytest.mark.parametrize(
    "url",
    [
        "redis://redis.internal:6379/0",
        "rediss://redis.internal",
        "unix:///run/redis.sock",
        "redis+sentinel://s1,s2,s3/main",
        "rediss+sentinel://s1,s2,s3/main",
        "redis+cluster://a,b",
        "rediss+cluster://a,b",
    ],
)
def test_every_kind_of_redis_is_taken(site: Path, url: str) -> None:
    assert parse(place(f'redis: {{url: "{url}"}}', "top"), site).redis.url == url


def test_the_files_of_a_redis_in_tls(site: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(site / "ca.pem")
    certificate = authority.issue_cert("bookgate@localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(site / "own.pem")
    url = f"rediss://a?ca={site}/ca.pem&certificate={site}/own.pem&key={site}/own.pem"
    assert parse(place(f'redis: {{url: "{url}"}}', "top"), site).redis.url == url
    unfit = url.replace(f"ca={site}/ca.pem", f"ca={site}/campus.pem")
    assert faults(place(f'redis: {{url: "{unfit}"}}', "top"), site) == [(LINES["top"], "bad-certificate")]
    keyless = url.replace(f"key={site}/own.pem", f"key={site}/ca.pem")
    assert faults(place(f'redis: {{url: "{keyless}"}}', "top"), site) == [(LINES["top"], "bad-certificate")]


WRONG = [
    ("contac: x", "top", "unknown-key"),
    ("contact: ''", "top", "empty"),
    ("listen: {public: 8080}", "top", "bad-address"),
    ('listen: {public: "a:80", private: "a:80"}', "top", "address-twice"),
    ('listen: {public: "a:70000"}', "top", "bad-address"),
    ("tls: {certificate: {file: tls.crt}}", "top", "missing-key"),
    ("tls: {certificate: {file: none.crt}, key: {file: tls.key}}", "top", "missing-file"),
    ("tls: {certificate: tls.crt, key: {file: tls.key}}", "top", "not-a-file"),
    ("trusted_proxies: [10.0.0.1/8]", "top", "bad-network"),
    ("trusted_proxies: 10.0.0.0/8", "top", "not-a-list"),
    ("workers: 0", "top", "bad-number"),
    ("workers: 65", "top", "bad-number"),
    ("workers: many", "top", "bad-number"),
    ("data_path: quick", "top", "unknown-value"),
    ("origins: origins.yaml", "top", "not-a-file"),
    ("origins: {file: nowhere.yaml}", "top", "missing-file"),
    ('outbound: {proxy: "http://u:p@proxy:1"}', "top", "secret-in-file"),
    ('redis: {url: "redis://:word@redis:6379"}', "top", "secret-in-file"),
    ('redis: {url: "redis+sentinel://a:1/m?sentinel_password=word"}', "top", "secret-in-file"),
    ("redis: {url: localhost}", "top", "bad-url"),
    ('redis: {url: "redis+sentinel://a:1"}', "top", "bad-url"),
    ('redis: {url: "redis+cluster://a:1/2"}', "top", "bad-url"),
    ('redis: {url: "redis://a:1?socket_timeout=5"}', "top", "bad-url"),
    ('redis: {url: "rediss://a:1?ca=/nowhere/ca.pem"}', "top", "missing-file"),
    ("redis: {prefix: '{a}:'}", "top", "bad-prefix"),
    ("redis: {prefix: 'a b'}", "top", "bad-prefix"),
    ("redis: {deadline: 250}", "top", "bad-duration"),
    ("directory: {url: 'mysql://db/x'}", "top", "bad-url"),
    ("keys: {root: 0123456789012345678901234567890123456789}", "top", "secret-in-file"),
    ("keys: {root: {env: SECRET}}", "top", "short-key"),
    ("keys: {root: {env: NOWHERE}}", "top", "missing-environment"),
    ("keys: {root: {file: nowhere}}", "top", "missing-file"),
    ("keys: {root: {file: secrets/people}, people: {file: secrets/people}}", "top", "same-key"),
    ("keys: {previous: {env: SECRET}}", "top", "not-a-list"),
    ("sessions: {book: {idle: 2h, absolute: 1h}}", "top", "idle-too-long"),
    ("sessions: {guest: {idle: 2d, absolute: 1d}}", "top", "idle-too-long"),
    ("sign_in: {guests: maybe}", "top", "not-a-boolean"),
    ("limits: {guests: {per_address: 5}}", "top", "bad-rate"),
    ("limits: {sign_in: {per_person: often}}", "top", "bad-rate"),
    ("limits: {sign_in: {per_origin: 5/min}}", "top", "unknown-key"),
    ("limits: {requests: {per_person: 0/s}}", "top", "bad-rate"),
    ("limits: {requests: {per_origin: 10KB/s}}", "top", "bad-rate"),
    ("limits: {requests: {bytes: 1GB/d}}", "top", "unknown-key"),
    ("limits: {connections_per_address: 0}", "top", "bad-number"),
    ("limits: {connections_per_address: many}", "top", "bad-number"),
    ("sessions: {token_mode: {access: 2h}}", "top", "duration-out-of-range"),
    ("limits: {head: 1KB}", "top", "bad-size"),
    ("pages: {colour: red}", "top", "bad-colour"),
    ("telemetry: {log: {requests: some}}", "top", "unknown-value"),
    ("telemetry: {log: {to: syslog}}", "top", "unknown-value"),
    ("telemetry: {metrics: yes}", "top", "not-a-boolean"),
    ('pages: {links: {help: "javascript:x"}}', "top", "bad-url"),
    ("privacy: {default_level: 3}", "top", "bad-number"),
    ("privacy: {log_addresses: some}", "top", "unknown-value"),
    ("privacy: {delete_inactive_after: 1h}", "top", "duration-out-of-range"),
    ("privacy: {delete_inactive_after: 180d}", "top", "inactive-before-session"),
    ("client_secret: word", "provider", "secret-in-file"),
    ("logout: everywhere", "provider", "unknown-value"),
    ("allow: {email_domains: ['@example.edu']}", "provider", "bad-domain"),
    ("tls: {ca: {file: campus.pem}}", "backend", "tls-without-https"),
    ("identity: {subject: somebody}", "backend", "unknown-value"),
    ("identity: {assertion: {header: X_User}}", "backend", "bad-header"),
    ("identity: {assertion: {header: Cookie}}", "backend", "reserved-header"),
    ("identity: {headers: {X-User: campus.nothing}}", "backend", "unknown-claim"),
    ("identity: {headers: {X-User: campus.u, x-user: campus.u}}", "backend", "duplicate-header"),
    ("identity: {headers: {X-Bookgate-Assertion: campus.u}}", "backend", "duplicate-header"),
    ("identity: {headers: {Host: campus.u}}", "backend", "reserved-header"),
    ("request: {origin: keep}", "backend", "unknown-value"),
    ("request: {host: 'a/b'}", "backend", "bad-host"),
    ("request: {cookies: ['a b']}", "backend", "bad-cookie"),
    ("response: {cookies: [__Host-Http-bookgate]}", "backend", "bad-cookie"),
    ("timeouts: {connect: 0s}", "backend", "duration-out-of-range"),
    ("in_flight: {max: 0}", "backend", "bad-number"),
    ("websocket: yes", "backend", "not-a-boolean"),
    ("guests: some", "backend", "not-a-boolean"),
    ("lifecycle: [move]", "backend", "unknown-value"),
    ("methods: []", "route", "no-methods"),
    ("methods: [OPTIONS]", "route", "bad-method"),
    ("sign_in: maybe", "route", "unknown-value"),
    ("embed: 'true'", "route", "not-a-boolean"),
]


def test_a_guest_has_no_name_to_be_told(site: Path) -> None:
    both = "guests: true, identity: {headers: {X-User: campus.u}}"
    assert faults(place(both, "backend"), site) == [(LINES["backend"], "guest-without-name")]


@pytest.mark.parametrize("name", ["guest", "lti", "class_card", "passkey"])
def test_a_provider_has_not_the_name_of_another_way_in(name: str, site: Path) -> None:
    assert faults(with_state(MINIMAL.replace("campus", name)), site) == [(4, "reserved-provider")]


@pytest.mark.parametrize(("line", "where", "code"), WRONG, ids=[line for line, _, _ in WRONG])
def test_a_fault_has_its_line_and_code(line: str, where: str, code: str, site: Path) -> None:
    assert faults(place(line, where), site) == [(LINES[where], code)]


@pytest.mark.parametrize(
    ("url", "code"),
    [
        pytest.param("https://gw.example.edu/", "bad-url", id="final slash"),
        pytest.param("https://gw.example.edu/path", "bad-url", id="path"),
        pytest.param("https://GW.example.edu", "bad-url", id="upper case"),
        pytest.param("https://gw.example.edu:443", "bad-url", id="default port"),
        pytest.param("gw.example.edu", "bad-url", id="no scheme"),
        pytest.param("http://gw.example.edu", "insecure-url", id="http"),
    ],
)
def test_a_public_url_that_is_refused(url: str, code: str, site: Path) -> None:
    assert faults(with_state(MINIMAL.replace("https://gw.example.edu", url)), site) == [(2, code)]


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]:8080"])
def test_http_on_loopback_is_taken(url: str, site: Path) -> None:
    assert parse(with_state(MINIMAL.replace("https://gw.example.edu", f'"{url}"')), site).public_url == url


@pytest.mark.parametrize(
    ("issuer", "code"),
    [
        pytest.param("http://idp.example.edu", "insecure-url", id="http"),
        pytest.param("https://idp.example.edu/?a=b", "bad-url", id="query"),
        pytest.param("https://u@idp.example.edu", "bad-url", id="userinfo"),
        pytest.param("idp", "bad-url", id="no URL"),
        pytest.param("https://[", "bad-url", id="broken"),
    ],
)
def test_an_issuer_that_is_refused(issuer: str, code: str, site: Path) -> None:
    assert faults(with_state(MINIMAL.replace("https://idp.example.edu", issuer)), site) == [(4, code)]


def test_all_faults_come_at_once_in_order(site: Path) -> None:
    text = """\
        version: 2
        public_url: http://gw.example.edu
        statte: state
        keys: {root: {env: NOWHERE}}
        providers: {}
        backends: {storage: {urls: [], routes: []}, Upper: {}}
        """
    assert faults(textwrap.dedent(text), site) == [
        (1, "unknown-version"),
        (2, "insecure-url"),
        (3, "unknown-key"),
        (4, "missing-file"),
        (4, "missing-file"),
        (4, "missing-environment"),
        (5, "no-providers"),
        (6, "bad-name"),
        (6, "no-urls"),
        (6, "no-routes"),
    ]


@pytest.mark.parametrize("text", ["", "# only words\n", "[]", "word", "a: [", "\0"])
def test_what_is_no_configuration_at_all(text: str, site: Path) -> None:
    assert faults(text, site)


def test_a_misspelt_key_is_told_its_name(site: Path) -> None:
    with pytest.raises(ConfigError, match="Did you mean `public_url`"):
        parse(MINIMAL.replace("public_url", "publik_url"), site)


def test_a_secret_is_never_repeated_in_a_message(site: Path) -> None:
    word = "hunter2hunter2hunter2"
    text = MINIMAL.replace("client_id: bookgate", f"client_id: bookgate, client_secret: {word}")
    text += f'redis: {{url: "redis://:{word}@redis:1"}}\nkeys: {{root: {word}, previous: [{word}, {word}]}}\n'
    with pytest.raises(ConfigError) as refused:
        parse(text, site)
    assert word not in str(refused.value)


def test_any_scalar_may_come_from_the_environment(site: Path) -> None:
    text = with_state(MINIMAL).replace("https://gw.example.edu", "{env: URL}").replace("true", "{env: STRIP}")
    settings = parse(text, site, {"URL": "https://books.example.edu", "STRIP": "false"})
    assert settings.public_url == "https://books.example.edu"
    assert not settings.routes.routes[0].strip


def test_a_secret_file_that_is_not_text(site: Path) -> None:
    (site / "secrets" / "root").write_bytes(b"\xff" * 32)
    assert faults(place("keys: {root: {file: secrets/root}}", "top"), site) == [(8, "bad-secret")]
