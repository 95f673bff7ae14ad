"""`bookgate studies participants`, and that analytics believes what it prints."""

import asyncio
import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from backends.analytics import participants
from gateway.__main__ import app
from gateway.config.gateway_file import parse_gateway
from gateway.config.settings import Settings
from gateway.directory import Directory
from gateway.directory.ids import pseudonym

ISSUER = "https://idp.example.edu"
STUDY = """
studies:
  errors: {{title: Error messages, irb: STUDY1, basis: {basis}, level: 4, books: [cs1, cs2],
           text: {{file: text.md}}, from: "2020-01-01", to: "2099-12-31"}}
"""


def make_site(folder: Path, basis: str) -> Path:
    path = folder / "config" / "gateway.yaml"
    made = CliRunner().invoke(app, ["init", "--config", str(path), "--state", str(folder / "state")])
    assert made.exit_code == 0
    (path.parent / "text.md").write_text("We look at errors.", "utf-8")
    path.write_text(path.read_text("utf-8") + STUDY.format(basis=basis), "utf-8")
    return path


def settings_of(path: Path) -> Settings:
    return parse_gateway(path.read_bytes(), path, {})


async def somebody(opened: Directory, name: str, *books: str, answer: str | None = None) -> str:
    person = await opened.sign_in(ISSUER, name, name, "campus")
    await opened.places.note(name, person.id, "https://ada.example.org", books)
    if answer is not None:
        await opened.participation.answer(person.id, "errors", answer)
    return person.id


@pytest.mark.parametrize(
    ("basis", "expected"),
    [
        ("consent", [("cs1", "ada"), ("cs2", "ada")]),
        ("waiver", [("cs1", "ada"), ("cs1", "unasked"), ("cs2", "ada")]),
    ],
)
async def test_who_takes_part_is_listed_by_pseudonym(
    basis: str, expected: list[tuple[str, str]], tmp_path: Path
) -> None:
    path = make_site(tmp_path, basis)
    settings = settings_of(path)
    (study,) = settings.studies
    opened = await Directory.open(settings.directory_url, settings.keys.people, time.time)
    ids = {
        "ada": await somebody(opened, "ada", "cs1", "cs2", "other", answer=study.version),
        "bob": await somebody(opened, "bob", "cs1", answer="no"),
        "unasked": await somebody(opened, "unasked", "cs1"),
    }
    await opened.close()
    words = ["studies", "participants", "errors", "--config", str(path)]
    done = await asyncio.to_thread(CliRunner().invoke, app, words)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert not any(person in done.stdout for person in ids.values())
    now = int(time.time() * 1000)
    listed = participants.parse([line.encode() for line in lines], now)
    assert (listed.study.study, listed.study.level, listed.study.basis) == ("errors", 4, basis)
    names = {
        pseudonym(settings.keys.research, person, book): (book, name)
        for name, person in ids.items()
        for book in study.books
    }
    assert sorted(names[one.pseudonym] for one in listed.people) == expected
    assert all(0 < one.since <= now for one in listed.people)
    audit = json.loads(done.stderr.splitlines()[-1])
    assert (audit["act"], audit["study"], audit["participants"]) == ("study.listed", "errors", len(expected))


def test_a_study_that_is_none(tmp_path: Path) -> None:
    path = make_site(tmp_path, "consent")
    done = CliRunner().invoke(app, ["studies", "participants", "error", "--config", str(path)])
    assert (done.exit_code, done.stdout) == (1, "")
    assert "There is: errors." in done.stderr
