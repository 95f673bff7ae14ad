"""`bookgate origins check FILE`: prints every fault, and ends with 1 where there is one."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.commands.origins import app
from tests.origins_example import EXAMPLE

GATEWAY = "version: 1\nkeys: {root: {env: NOT_SET}}\nbackends: {storage: {}, analytics: {}, grades: {}}\n"


def run(folder: Path, text: str, gateway: str | None = GATEWAY) -> tuple[int, str, str]:
    (folder / "origins.yaml").write_text(text)
    if gateway is not None:
        (folder / "gateway.yaml").write_text(gateway)
    command = ["check", str(folder / "origins.yaml"), "--config", str(folder / "gateway.yaml")]
    result = CliRunner().invoke(app, command)
    return result.exit_code, result.stdout, result.stderr


def test_a_sound_file(tmp_path: Path) -> None:
    code, out, _ = run(tmp_path, EXAMPLE)
    assert code == 0
    assert "sound (11 origins, generation " in out


@pytest.mark.parametrize(
    ("text", "gateway", "begins", "ends"),
    [
        pytest.param(
            EXAMPLE.replace("backends: [grades]", "backends: [grade]").replace("max_age: 10m", "max_age: 9h"),
            GATEWAY,
            "origins.yaml:29: unknown-backend: ",
            "2 faults.\n",
            id="all faults",
        ),
        pytest.param(
            "version: 2\n", GATEWAY, "origins.yaml:1: wrong-version: ", "1 fault.\n", id="one fault"
        ),
        pytest.param(EXAMPLE, None, "gateway.yaml: cannot-read: ", "1 fault.\n", id="no gateway.yaml"),
        pytest.param(
            EXAMPLE, "a: [", "gateway.yaml:2: yaml-syntax: ", "1 fault.\n", id="broken gateway.yaml"
        ),
        pytest.param(EXAMPLE, "[]", "origins.yaml:6: unknown-backend: ", "4 faults.\n", id="no backends"),
    ],
)
def test_faults(tmp_path: Path, text: str, gateway: str | None, begins: str, ends: str) -> None:
    code, out, errors = run(tmp_path, text, gateway)
    assert (code, out) == (1, "")
    assert errors.startswith(begins)
    assert errors.endswith(ends)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text(GATEWAY)
    command = ["check", str(tmp_path / "none.yaml"), "--config", str(tmp_path / "gateway.yaml")]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 1
    assert "none.yaml: cannot-read: " in result.stderr
