"""Compiled modules take the place of the sources that they were made of, and of no others."""

import hashlib
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader
from pathlib import Path

import pytest

from gateway.compiled import Compiled, fitting

NAMES = ("gateway.one", "gateway.room.two")


def laid(made: Path, root: Path) -> dict[str, str]:
    sums = {}
    for name in NAMES:
        place = Path(*name.split("."))
        source, file = root / f"{place}.py", made / f"{place}{EXTENSION_SUFFIXES[0]}"
        for path in (source, file):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
        sums[name] = hashlib.sha256(source.read_bytes()).hexdigest()
    return sums


def test_those_that_fit_are_used(tmp_path: Path) -> None:
    made, root = tmp_path / "made", tmp_path / "root"
    files = fitting(laid(made, root), made, root, "")
    assert files == {
        "gateway.one": made / "gateway" / f"one{EXTENSION_SUFFIXES[0]}",
        "gateway.room.two": made / "gateway" / "room" / f"two{EXTENSION_SUFFIXES[0]}",
    }


def test_none_is_used_where_somebody_wants_the_sources(tmp_path: Path) -> None:
    made, root = tmp_path / "made", tmp_path / "root"
    assert fitting(laid(made, root), made, root, "1") == {}


@pytest.mark.parametrize("change", ["another source", "no source", "no file"])
def test_none_is_used_where_one_does_not_fit(tmp_path: Path, change: str) -> None:
    made, root = tmp_path / "made", tmp_path / "root"
    sums = laid(made, root)
    match change:
        case "another source":
            (root / "gateway" / "room" / "two.py").write_text("changed")
        case "no source":
            (root / "gateway" / "room" / "two.py").unlink()
        case _:
            (made / "gateway" / "room" / f"two{EXTENSION_SUFFIXES[0]}").unlink()
    assert fitting(sums, made, root, "") == {}


def test_a_module_is_found_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / f"one{EXTENSION_SUFFIXES[0]}"
    finder = Compiled({"gateway.one": file})
    spec = finder.find_spec("gateway.one", None, None)
    assert spec is not None
    assert isinstance(spec.loader, ExtensionFileLoader)
    assert spec.origin == str(file)
    assert finder.find_spec("gateway.two", None) is None
