"""docs/data-path-tests.md names tests that there are."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
NAMED = re.findall(
    r"`(tests/[\w/]+\.py)(?:::(\w+))?`", (ROOT / "docs" / "data-path-tests.md").read_text("utf-8")
)


@pytest.mark.parametrize(("file", "test"), NAMED, ids=[f"{file}::{test}" for file, test in NAMED])
def test_it_is_there(file: str, test: str) -> None:
    text = (ROOT / file).read_text("utf-8")
    assert not test or re.search(rf"^(?:async )?def {test}\(", text, re.MULTILINE)
