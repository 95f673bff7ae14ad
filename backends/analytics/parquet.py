"""Parquet of an export's table, by DuckDB: the extra bookgate[analytics].

The table is written as CSV first and read back a piece at a time, so that memory does not grow with it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

try:
    import duckdb
except ImportError:  # the extra is not installed
    duckdb = None

from backends.analytics.export_files import EVENT_COLUMNS, CsvFiles, Written, written

MEMORY: Final = "400MB"
NAME: Final = "events.parquet"


def is_there() -> bool:
    return duckdb is not None


class ParquetFiles(CsvFiles):
    """One table, `events.parquet` (zstd)."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._folder = folder

    def written(self) -> Sequence[Written]:
        path = self._folder / NAME
        _convert(self.table.path, path, self._folder)
        self.table.path.unlink()
        return [written(path, NAME, self.table.rows, EVENT_COLUMNS)]


def _convert(source: Path, target: Path, scratch: Path) -> None:
    config = {
        "autoinstall_known_extensions": False,  # nothing is fetched
        "memory_limit": MEMORY,
        "temp_directory": str(scratch / ".duckdb"),
    }
    with duckdb.connect(config=config) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        table = connection.read_csv(
            str(source), header=True, columns=dict(EVENT_COLUMNS), quotechar='"', escapechar='"'
        )
        table.write_parquet(str(target), compression="zstd")
