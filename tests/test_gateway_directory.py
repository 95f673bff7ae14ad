"""gateway.yaml: where the directory is."""

from pathlib import Path

import pytest

from tests.gateway_texts import MINIMAL, faults, make_site, parse


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Path:
    return make_site(tmp_path)


def text(url: str) -> str:
    return f'{MINIMAL}state: state\ndirectory: {{url: "{url}"}}\n'


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("sqlite:////var/books.db", "sqlite+aiosqlite:////var/books.db"),
        ("postgresql://db.internal/books", "postgresql+asyncpg://db.internal/books"),
        ("postgres://db/books?sslmode=verify-full", "postgresql+asyncpg://db/books?ssl=verify-full"),
        ("postgresql+asyncpg://db/books", "postgresql+asyncpg://db/books"),
    ],
)
def test_where_the_directory_is(written: str, read: str, site: Path) -> None:
    assert parse(text(written), site).directory_url == read


@pytest.mark.parametrize(
    ("url", "code"), [("postgresql://u:word@db/books", "secret-in-file"), ("mysql://db/books", "bad-url")]
)
def test_a_url_that_is_refused(url: str, code: str, site: Path) -> None:
    assert [found for _, found in faults(text(url), site)] == [code]
