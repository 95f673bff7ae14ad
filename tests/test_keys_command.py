import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from secrets import token_urlsafe

import pytest
from typer.testing import CliRunner, Result

from gateway.__main__ import app
from gateway.config import key_file
from gateway.config.key_file import Ring, spelt
from gateway.directory import Directory, StoredKey
from gateway.sealing import Sealer, key_id
from gateway.signing_keys import PURPOSE, SigningKey, make_next, open_ring

DAY = 86400


@dataclass
class Site:
    """A new site, and its keys."""

    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / ".bookgate" / "keys" / "root"

    @property
    def ring(self) -> Ring:
        return key_file.read(self.root)

    @property
    def ids(self) -> list[str]:
        return [key_id(line.key) for line in self.ring]

    @property
    def config(self) -> Path:
        return self.folder / "config" / "gateway.yaml"

    def call(self, *words: str, **env: str | None) -> Result:
        command = ["keys", *words, "--config", str(self.config)]
        return CliRunner().invoke(app, command, env=env, catch_exceptions=False)

    def done(self, *words: str) -> str:
        result = self.call(*words)
        assert result.exit_code == 0, result.output
        return result.output

    def stopped(self, *words: str, **env: str | None) -> str:
        result = self.call(*words, **env)
        assert result.exit_code == 1, result.output
        return result.output

    def age(self, days: float) -> None:
        """As if it had been written that long ago."""
        past = int(time.time() - days * DAY)
        lines = [line.split(" ")[0] for line in self.root.read_text().splitlines()]
        self.root.write_text(
            "\n".join([lines[0], *(f"{line} opens until={spelt(past)}" for line in lines[1:])])
        )

    async def _sign(self, roots: Sequence[bytes], *begins: int) -> None:
        directory = await self.directory()
        sealer = Sealer(roots[0], roots[1:], os.urandom)
        await open_ring(directory.key_ring, sealer, int(time.time()))
        for moment in begins:
            stored = await directory.key_ring.signing_keys()
            await make_next(directory.key_ring, sealer, stored, now=0, begins=moment)
        await directory.close()

    def start_once(self, *begins: int) -> None:
        """What the first start of a gateway leaves: a directory with a key that signs."""
        asyncio.run(self._sign([line.key for line in self.ring], *begins))

    async def directory(self) -> Directory:
        path = self.folder / ".bookgate" / "directory.sqlite3"
        return await Directory.open(f"sqlite+aiosqlite:///{path}", b"p" * 32, time.time)

    def stored(self) -> Sequence[StoredKey]:
        async def read() -> Sequence[StoredKey]:
            directory = await self.directory()
            try:
                return await directory.key_ring.signing_keys()
            finally:
                await directory.close()

        return asyncio.run(read())

    def opened(self, *roots: bytes) -> list[str]:
        """The keys of assertions that these root keys open."""
        sealer = Sealer(roots[0], roots[1:], os.urandom)
        found = []
        for kept in self.stored():
            der = sealer.open(PURPOSE, kept.kid, kept.sealed)
            found += [] if der is None else [SigningKey.load(der, 0).kid]
        return found


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, ["init"]).exit_code == 0
    return Site(tmp_path)


def test_rotate_adds_a_key_then_moves_it_to_the_front(site: Site) -> None:
    (old,) = site.ids
    began = time.time()
    output = site.done("rotate", "--wait", "1")
    assert time.time() - began >= 1
    new, kept = site.ids
    assert kept == old
    assert f"{new} seals; {old} opens" in output
    assert [line.waits for line in site.ring] == [False, False]
    assert site.ring[1].until is not None
    assert stat.S_IMODE(site.root.stat().st_mode) == 0o600
    assert not [line.key.decode() for line in site.ring if line.key.decode() in output]
    told = next(json.loads(line) for line in output.splitlines() if line.startswith("{"))
    assert (told["act"], told["by"], told["seals"]) == ("keys.root", "operator", new)


def test_keys_pile_up_until_they_are_retired(site: Site) -> None:
    first = site.ids
    site.done("rotate", "--wait", "0")
    second = site.ids
    site.done("rotate", "root", "--wait", "0")
    assert site.ids[1:] == second
    assert second[1:] == first


def test_prepare_then_rotate_for_several_machines(site: Site) -> None:
    (old,) = site.ids
    site.done("rotate", "--prepare")
    assert site.ids[0] == old
    assert key_file.waiting(site.ring) == site.ring[1]
    new = site.ids[1]
    site.done("rotate", "--prepare")
    assert site.ids == [old, new], "the one that waits is not joined by another"
    site.done("rotate", "--wait", "0")
    assert site.ids == [new, old]


def test_a_rotation_that_was_killed_goes_on(site: Site) -> None:
    (old,) = site.ids
    command = [
        sys.executable,
        "-m",
        "gateway",
        "keys",
        "rotate",
        "--wait",
        "600",
        "--config",
        str(site.config),
    ]
    with subprocess.Popen(command, cwd=site.folder, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert b"waits to seal" in running.stdout.readline()
        assert "another `bookgate keys`" in site.stopped("rotate", "--wait", "0")
        running.send_signal(signal.SIGKILL)
    new = site.ids[1]
    assert site.ids == [old, new]
    assert "seals" in site.done("list")
    site.done("rotate", "--wait", "0")
    assert site.ids == [new, old]


@pytest.mark.parametrize("command", ["rotate", "retire"])
@pytest.mark.parametrize("which", ["people", "research", "assertion", "roots"])
def test_other_keys_never_change(command: str, which: str, site: Site) -> None:
    before = {path.name: path.read_text() for path in site.root.parent.iterdir()}
    said = "never changes" if which in {"people", "research"} else "There is no key"
    assert said in site.stopped(command, which)
    assert {path.name: path.read_text() for path in site.root.parent.iterdir()} == before


@pytest.mark.parametrize("command", ["rotate", "retire"])
def test_a_key_of_the_environment_is_changed_by_hand(command: str, site: Site) -> None:
    site.start_once()
    with site.config.open("a") as file:
        file.write("keys: {root: {env: ROOT}}\n")
    output = site.stopped(command, ROOT=site.ring[0].key.decode())
    assert "comes from the environment" in output
    assert "keys.previous; restart each gateway" in output


def test_what_lies_in_the_directory_is_sealed_anew_also_for_a_key_of_the_environment(site: Site) -> None:
    site.start_once()
    new = token_urlsafe(32)
    with site.config.open("a") as file:
        file.write("keys: {root: {env: ROOT}, previous: [{env: OLD}]}\n")
    output = site.stopped("retire", ROOT=new, OLD=site.ring[0].key.decode())
    assert "1 keys in the directory were sealed anew" in output
    assert len(site.opened(new.encode())) == 1


def test_a_file_that_cannot_be_replaced_is_changed_by_hand(site: Site) -> None:
    waits = site.root.with_name(".root.new")
    waits.mkdir()  # in the way
    before = site.root.read_text()
    assert "By hand" in site.stopped("rotate", "--wait", "0")
    assert site.root.read_text() == before


def test_a_file_that_the_gateway_reads_as_anybody_is_not_closed_to_it(site: Site) -> None:
    if os.geteuid() != 0:
        return  # nobody else can give a file away
    os.chown(site.folder / ".bookgate", 12345, 12345)
    site.root.chmod(0o644)
    assert "can be read by everybody" in site.stopped("rotate", "--wait", "0")
    os.chown(site.root, 12345, 12345)
    site.done("rotate", "--wait", "0")
    assert (site.root.stat().st_uid, stat.S_IMODE(site.root.stat().st_mode)) == (12345, 0o600)


def test_retire_waits_for_the_longest_session(site: Site) -> None:
    site.start_once()
    assert "no old key" in site.done("retire")
    site.done("rotate", "--wait", "0")
    kept = site.ids
    assert "Nothing to drop: sessions are sealed by old keys until" in site.done("retire")
    site.age(364.9)  # a guest's session of 365 days
    assert "Nothing to drop" in site.done("retire")
    assert site.ids == kept
    site.age(366)
    assert f"{kept[1]} is gone" in site.done("retire")
    assert site.ids == kept[:1]


def test_an_old_key_without_a_date_is_dated_first(site: Site) -> None:
    site.start_once()
    new = token_urlsafe(32)
    site.root.write_text(f"{new}\n{site.ring[0].key.decode()}\n")
    assert "Nothing to drop" in site.done("retire")
    until = site.ring[1].until
    assert until is not None
    assert abs(until - time.time()) < 600


def test_the_keys_of_assertions_are_sealed_anew_before_a_key_is_dropped(site: Site) -> None:
    site.start_once(2_000_000_000)
    old = site.ring[0].key
    site.done("rotate", "--wait", "0")
    new = site.ring[0].key
    assert site.opened(new) == []
    site.age(400)
    assert "2 keys in the directory were sealed anew" in site.done("retire")
    assert len(site.opened(new)) == 2
    assert site.opened(old) == []


def test_without_the_directory_nothing_is_dropped(site: Site) -> None:
    site.done("rotate", "--wait", "0")
    site.age(400)
    kept = site.ids
    assert "no directory yet" in site.stopped("retire")
    (site.folder / ".bookgate" / "directory.sqlite3").write_bytes(b"nonsense" * 1000)
    assert "nothing was changed" in site.stopped("retire")
    assert site.ids == kept


def test_now_asks_first(site: Site) -> None:
    site.start_once()
    site.done("rotate", "--wait", "0")
    kept = site.ids
    assert "signed out" in site.stopped("retire", "--now")
    assert site.ids == kept
    assert f"{kept[1]} is gone" in site.done("retire", "--now", "--yes")
    assert site.ids == kept[:1]


def test_now_leaves_a_key_that_waits(site: Site) -> None:
    site.start_once()
    site.done("rotate", "--prepare")
    assert "no old key" in site.done("retire", "--now", "--yes")
    assert len(site.ring) == 2


def test_a_key_of_assertions_is_made_ahead_of_its_time_once(site: Site) -> None:
    site.start_once()
    assert "signs from" in site.done("rotate", "--assertion")
    (first, second) = site.stored()
    assert second.follows == first.kid
    assert abs(second.begins - time.time() - DAY) < 600
    assert f"{second.kid} waits" in site.done("rotate", "--assertion")
    assert len(site.stored()) == 2


def test_the_list_says_what_each_key_does(site: Site) -> None:
    site.start_once(int(time.time()) - 9 * DAY, 2_000_000_000)
    site.done("rotate", "--wait", "0")
    site.done("rotate", "--prepare")
    with site.config.open("a") as file:
        file.write("keys: {previous: [{file: older}]}\n")
    (site.config.parent / "older").write_text(token_urlsafe(32))
    table = json.loads(site.done("list", "--json"))
    assert [row["does"] for row in table["root"]] == ["seals", "waits", "opens", "opens"]
    assert [row["in"] for row in table["root"]] == [*[str(site.root)] * 3, "keys.previous"]
    assert [row["key"] for row in table["root"][:3]] == site.ids
    assert sorted(row["does"] for row in table["assertion"]) == ["signs", "verifies", "waits"]
    shown = site.done("list")
    assert all(row["key"] in shown for rows in table.values() for row in rows)
    assert not [line for line in site.ring if line.key.decode() in shown]
