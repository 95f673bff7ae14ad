"""What the two databases do differently: SQLite in a file of its own, PostgreSQL for several machines."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

from asyncpg import Connection
from sqlalchemy import ColumnElement, Table, func
from sqlalchemy.dialects import postgresql, sqlite

LOCKED: Final = 3.0  # seconds that a writer of another process, a connection or a new one is waited for
PARTING: Final = 0.5  # seconds that a connection which is given up may take to say so
# Names the lock that writers take; any number that nobody else takes in the same database.
_WRITERS: Final = 0x626F6F6B67617465

Insert: TypeAlias = sqlite.Insert | postgresql.Insert


class _Connection(Connection):  # type: ignore[misc]  # asyncpg has no types
    """SQLAlchemy gives a connection two seconds to part, which a server that hangs adds to every deadline."""

    async def close(self, *, timeout: float | None = None) -> None:  # ruff: ignore[async-function-with-timeout]  # asyncpg's
        await super().close(timeout=PARTING if timeout is None else min(timeout, PARTING))


@dataclass(frozen=True, slots=True)
class Kind:
    """options: of the engine. alone: begins a transaction that nobody else writes beside; moment: one whose
    reads are all of one moment.

    settled: waits for the writers that are at it; None: a reader sees only what they finished.
    last_number: the last that the numbered table gave out, also where that row is gone.
    greatest: of two columns.
    """

    options: Mapping[str, object]
    insert: Callable[[Table], Insert]
    alone: str
    moment: str
    settled: str | None
    last_number: str
    greatest: Callable[..., ColumnElement[int]]


KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "sqlite": Kind(
            MappingProxyType({"connect_args": {"timeout": LOCKED}, "pool_timeout": LOCKED}),
            sqlite.insert,
            "BEGIN IMMEDIATE",
            "BEGIN",
            None,
            "SELECT seq FROM sqlite_sequence WHERE name = 'revocations'",
            func.max,
        ),
        "postgresql": Kind(
            MappingProxyType(
                {
                    "connect_args": {
                        "timeout": LOCKED,
                        "server_settings": {"application_name": "bookgate"},
                        "connection_class": _Connection,
                    },
                    "pool_timeout": LOCKED,
                    # a connection that a restart or a firewall took away costs a round trip, and no error
                    "pool_pre_ping": True,
                }
            ),
            postgresql.insert,
            # Let go with the transaction, whatever ends it. Several rules look before they write, and numbers
            # are read in the order of their commits: both hold where writers take turns.
            f"SELECT pg_advisory_xact_lock({_WRITERS})",
            "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
            f"SELECT pg_advisory_xact_lock_shared({_WRITERS})",
            "SELECT last_value FROM revocations_id_seq",
            func.greatest,
        ),
    }
)
