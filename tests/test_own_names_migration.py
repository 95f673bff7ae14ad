"""Answers to studies outlive the change from the newest alone to every one, up and down."""

from collections.abc import Callable
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, text

from gateway.directory import database

MIGRATIONS = Path(database.__file__).parent / "migrations"
ANSWERS = text("SELECT person, study, answer, answered FROM participation ORDER BY person, study, answered")
ANSWER = text("INSERT INTO participation (person, study, answer, answered) VALUES (:p, :s, :a, :at)")


@pytest.fixture
def turn(tmp_path: Path) -> Callable[[Callable[[Config, str], None], str], list[tuple[object, ...]]]:
    engine = create_engine(f"sqlite:///{tmp_path / 'd.db'}")

    def turned(way: Callable[[Config, str], None], to: str) -> list[tuple[object, ...]]:
        with engine.begin() as connection:
            way(_config(connection), to)
            if to == "0012":
                _say(connection, "no", 20)
            elif way is command.upgrade:
                _say(connection, "v1", 10)
            return [tuple(row) for row in connection.execute(ANSWERS)]

    return turned


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def _say(connection: Connection, answer: str, at: int) -> None:
    connection.execute(ANSWER, {"p": "ada", "s": "errors", "a": answer, "at": at})


def test_answers_are_kept(
    turn: Callable[[Callable[[Config, str], None], str], list[tuple[object, ...]]],
) -> None:
    first, second = ("ada", "errors", "v1", 10), ("ada", "errors", "no", 20)
    assert turn(command.upgrade, "0011") == [first]
    assert turn(command.upgrade, "0012") == [first, second]
    assert turn(command.downgrade, "0011") == [second], "the newest"
