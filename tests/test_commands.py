import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gateway.config.gateway_file import parse_gateway
from gateway.config.settings import Address, Listen
from gateway.config.site import Site, gateway_yaml, origins_yaml
from gateway.development.ports import Ports, choose

ROOT = Path(__file__).parent.parent
CONFIG = "config/gateway.yaml"


def bookgate(folder: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gateway", *words]
    environment = {**os.environ, **env}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Path:
    assert bookgate(tmp_path, "init").returncode == 0
    return tmp_path


def test_a_new_site_is_sound_and_its_keys_are_secret(site: Path) -> None:
    done = bookgate(site, "check")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{CONFIG}: sound (3 routes to 2 backends)" in done.stdout
    keys = sorted((site / ".bookgate" / "keys").iterdir())
    assert [path.name for path in keys] == ["lti", "people", "research", "root"]
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in keys)
    assert len({path.read_text() for path in keys}) == 4


def test_init_says_what_it_is_told_and_overwrites_nothing(site: Path) -> None:
    before = {path: path.read_bytes() for path in site.rglob("*") if path.is_file()}
    done = bookgate(site, "init", "--public-url", "https://other.example.edu")
    assert done.stdout.splitlines()[:2] == [f"kept  {CONFIG}", "kept  config/origins.yaml"]
    assert f"Kept as it was, whatever you said here: {CONFIG} and config/origins.yaml." in done.stdout
    assert {path: path.read_bytes() for path in site.rglob("*") if path.is_file()} == before


def test_init_takes_everything_by_flags(tmp_path: Path) -> None:
    flags = {
        "public-url": "https://gw.example.edu",
        "contact": "help@example.edu",
        "name": 'Books: {all}, of "ours"',
        "listen": "0.0.0.0:8080",
        "listen-private": "unix:private.sock",
        "state": str(tmp_path / "state"),
        "provider": "campus",
        "issuer": "https://idp.example.edu",
        "client-id": "books",
        "client-secret-env": "CAMPUS_SECRET",
        "label": "Example University",
        "book": "https://books.example.edu",
    }
    words = [word for key, value in flags.items() for word in (f"--{key}", value)]
    assert bookgate(tmp_path, "init", *words).returncode == 0
    assert bookgate(tmp_path, "check").returncode == 1, "the secret is not there yet"
    done = bookgate(tmp_path, "check", CAMPUS_SECRET="secret")
    assert (done.returncode, done.stderr) == (0, "")
    file = tmp_path / CONFIG
    settings = parse_gateway(file.read_bytes(), file, {"CAMPUS_SECRET": "secret"})
    assert settings.public_url == "https://gw.example.edu"
    assert (settings.contact, settings.pages.name) == ("help@example.edu", flags["name"])
    assert settings.listen == Listen(
        Address("0.0.0.0", 8080), Address(unix=tmp_path / "config" / "private.sock")
    )
    assert settings.state == tmp_path / "state"
    (campus,) = settings.providers
    assert (campus.id, campus.client_id, campus.client_secret) == ("campus", "books", "secret")
    assert "- https://books.example.edu" in (tmp_path / "config" / "origins.yaml").read_text()


def test_the_shipped_files_are_those_of_a_new_site() -> None:
    assert (ROOT / CONFIG).read_text() == gateway_yaml(Site(), Path("config"))
    assert (ROOT / "config" / "origins.yaml").read_text() == origins_yaml(Site())


def test_check_lists_every_fault_and_exits_with_1(site: Path) -> None:
    edit(site / CONFIG, "trusted_proxies: []", "trusted_proxies: [here]\nadmin_token: later")
    edit(site / CONFIG, "subject: pseudonym", "subject: nobody")
    done = bookgate(site, "check")
    assert (done.returncode, done.stdout) == (1, "")
    codes = [line.split(": ")[1] for line in done.stderr.splitlines() if line.startswith("gateway.yaml:")]
    assert codes == ["bad-network", "not-built-yet", "unknown-value"]
    assert done.stderr.splitlines()[-1] == "3 faults: nothing was started."


def test_check_reads_the_origins_too(site: Path) -> None:
    edit(site / "config" / "origins.yaml", "backends: [storage]\n", "backends: [storrage]\n")
    done = bookgate(site, "check")
    assert (done.returncode, "origins.yaml:" in done.stderr, "`storage`" in done.stderr) == (1, True, True)


def test_check_lists_the_faults_of_both_files(site: Path) -> None:
    edit(site / CONFIG, "tls: none", "tls: some")
    edit(site / "config" / "origins.yaml", "unlisted: consent\n", "unlisted: trusted\n")
    done = bookgate(site, "check")
    assert (done.returncode, done.stdout) == (1, "")
    assert "gateway.yaml:" in done.stderr
    assert "origins.yaml:" in done.stderr


def test_check_warns_of_an_origin_that_will_expire(site: Path) -> None:
    soon = datetime.now(UTC).date() + timedelta(days=3)
    book = f'{{origin: "https://books.example.edu", expires: "{soon}"}}'
    with (site / "config" / "origins.yaml").open("a", encoding="utf-8") as file:
        file.write(f"\n  ours: {{policy: book, origins: [{book}]}}\n")
    done = bookgate(site, "check")
    assert (done.returncode, "books.example.edu" in done.stderr) == (0, True)


def test_check_without_a_file_says_how_to_get_one(tmp_path: Path) -> None:
    done = bookgate(tmp_path, "check")
    assert (done.returncode, "bookgate init" in done.stderr, "Traceback" in done.stderr) == (1, True, False)


def test_origins_check_takes_a_file(site: Path) -> None:
    assert bookgate(site, "origins", "check", "config/origins.yaml").returncode == 0
    bad = site / "bad.yaml"
    bad.write_text("version: 1\nunlisted: trusted\n")
    done = bookgate(site, "origins", "check", str(bad))
    assert (done.returncode, "bad.yaml:2:" in done.stderr) == (1, True)


def test_a_fault_that_both_readers_find_is_listed_once(site: Path) -> None:
    config = site / CONFIG
    config.write_text(config.read_text().replace("  analytics:", "\tanalytics:"))
    done = bookgate(site, "check")
    assert (done.returncode, done.stderr.count(": tab: ")) == (1, 1)


def test_run_starts_nothing_on_a_fault(site: Path) -> None:
    edit(site / CONFIG, "tls: none", "tls: some")
    done = bookgate(site, "run")
    assert (done.returncode, "gateway.yaml:" in done.stderr) == (1, True)
    assert not (site / ".bookgate" / "redis").exists()


def test_run_says_what_keeps_it_from_starting(site: Path) -> None:
    state = site / ".bookgate"
    directory = state / "directory.sqlite3"
    directory.write_bytes(b"no database" * 1000)
    done = bookgate(site, "run")
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "cannot start" in done.stderr
    directory.unlink()
    done = bookgate(site, "run", AIOHTTP_NO_EXTENSIONS="1")
    assert (done.returncode, "C extension" in done.stderr) == (1, True)


@contextmanager
def serving(site: Path) -> Generator[tuple[subprocess.Popen[str], str, str]]:
    """`bookgate run` with an embedded Redis, on free ports; its public and private URL."""
    ports, _ = choose(Ports(0, 0, 0, 0, 0, 0))
    edit(site / CONFIG, "127.0.0.1:8080", f"127.0.0.1:{ports.gateway}")
    edit(site / CONFIG, "127.0.0.1:9090", f"127.0.0.1:{ports.private}")
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", "run"],
        cwd=site,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        assert process.stderr.readline() == "bookgate serves\n"
        yield process, f"http://127.0.0.1:{ports.gateway}", f"http://127.0.0.1:{ports.private}"
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=20)


def get(url: str) -> tuple[int, str]:
    parts = urlsplit(url)
    with closing(HTTPConnection(parts.netloc, timeout=5)) as connection:
        connection.request("GET", parts.path)
        response = connection.getresponse()
        return response.status, response.read().decode()


def until_refused(url: str) -> None:
    deadline = time.monotonic() + 20
    with suppress(ConnectionError):
        while time.monotonic() < deadline:
            get(url + "/bookgate.js")
        pytest.fail("it still serves")


def test_run_serves_with_an_embedded_redis_and_ends_in_order(site: Path) -> None:
    with serving(site) as (process, public, private):
        assert get(private + "/health/ready")[0] == 200
        assert json.loads(get(public + "/.well-known/oauth-authorization-server")[1])["issuer"] == public
        assert (site / ".bookgate" / "redis" / "redis.sock").exists()
        second = bookgate(site, "run")
        assert (second.returncode, "another bookgate" in second.stderr) == (1, True)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert not (site / ".bookgate" / "redis" / "redis.sock").exists()


def test_run_without_a_redis_says_so_and_serves(site: Path) -> None:
    ports, _ = choose(Ports(0, 0, 0, 0, 0, 0))
    edit(site / CONFIG, "\npages:", f"\nredis: {{url: 'redis://127.0.0.1:{ports.book}'}}\npages:")
    with serving(site) as (process, _, private):
        assert process.stdout is not None
        assert any(json.loads(line)["event"] == "redis" for line in process.stdout)
        assert get(private + "/health/ready")[0] == 503
        assert get(private + "/health/live")[0] == 200


def test_run_takes_new_origins_on_a_signal_and_on_save(site: Path) -> None:
    def generation(private: str) -> str:
        return str(json.loads(get(private + "/health/ready")[1])["origins"])

    with serving(site) as (process, _, private):
        first = generation(private)
        edit(site / "config" / "origins.yaml", "per_person: 5/s", "per_person: 6/s")
        process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 5
        while generation(private) == first and time.monotonic() < deadline:
            time.sleep(0.05)
        assert generation(private) != first
        process.send_signal(signal.SIGTERM)
        lines = [json.loads(line) for line in process.communicate(timeout=30)[0].splitlines()]
        (told,) = [line for line in lines if line.get("act") == "origins"]
        assert any("6/s" in change or "limits" in change for change in told["diff"]), told


def test_a_killed_gateway_takes_its_redis_along(site: Path) -> None:
    with serving(site) as (process, public, _):
        process.kill()
        process.wait(10)
        until_refused(public)
    (site / CONFIG).unlink()
    assert bookgate(site, "init").returncode == 0
    with serving(site) as (_, _, private):
        assert get(private + "/health/ready")[0] == 200
