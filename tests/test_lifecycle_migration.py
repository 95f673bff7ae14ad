"""Merges that were decided before there were other orders are told still."""

from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text

from gateway.directory import database
from gateway.routes import Purpose
from tests.lifecycle_parts import open_place

MIGRATIONS = Path(database.__file__).parent / "migrations"
ROW = text(
    "INSERT INTO merges (loser, survivor, origin, book, backend, decided, tries, due)"
    " VALUES ('guest', 'ada', 'https://book.example.edu', :book, 'storage', 1700000000, 2, :due)"
)


def migrate(file: Path, turn: Callable[[Config, str], None], *, rows: bool) -> list[tuple[object, ...]]:
    """Up or down to the last revision that had the table; what `merges` holds then."""
    engine = create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        turn(config, "0004")
        if rows:
            connection.execute(ROW, [{"book": "told", "due": None}, {"book": "waits", "due": 1700000100}])
        found = connection.execute(text("SELECT loser, survivor, book, due FROM merges ORDER BY book")).all()
    engine.dispose()
    return [tuple(row) for row in found]


async def test_rows_are_kept_up_and_down(tmp_path: Path) -> None:
    file = tmp_path / "d.db"
    before = migrate(file, command.upgrade, rows=True)
    async with open_place(f"sqlite+aiosqlite:///{file}") as place:
        (order,) = await place.directory.orders.due()
        assert (order.purpose, order.person, order.survivor) == (Purpose.MERGE, "guest", "ada")
        assert (order.book, order.backend, order.tries) == ("waits", "storage", 2)
        assert await place.directory.orders.people_of("ada") == ["ada", "guest"]
        assert await place.directory.guests.return_code("guest", "https://book.example.edu", 100) is None
    assert migrate(file, command.downgrade, rows=False) == before
