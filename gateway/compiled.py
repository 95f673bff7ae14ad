"""The compiled modules of bookgate[fast], found in place of the sources that they were made of.

All of them or none: where the extra is not installed, was made of other sources, or BOOKGATE_PURE is 1 in the
environment, the sources are what runs.
"""

import hashlib
import os
import sys
from collections.abc import Mapping
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from typing import Final

try:
    import bookgate_compiled
except ImportError:
    bookgate_compiled = None

_SUFFIX: Final = EXTENSION_SUFFIXES[0]


class Compiled:
    """files: of modules, by their names."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = files

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        """Where a module is; None: it is none of these."""
        file = self._files.get(name)
        return None if file is None else spec_from_file_location(name, file)


def use() -> None:
    """Before any of them is imported."""
    if bookgate_compiled is None:
        return
    made, root = Path(bookgate_compiled.__file__).parent, Path(__file__).parent.parent
    files = fitting(bookgate_compiled.SOURCES, made, root, os.environ.get("BOOKGATE_PURE", ""))
    if files:
        sys.meta_path.insert(0, Compiled(files))


def fitting(sums: Mapping[str, str], made: Path, root: Path, environment: str) -> dict[str, Path]:
    """The files to be used; none: not one of them.

    sums: SHA-256 of the sources that they were made of, by the names of modules. made: the folder below which
    they are. root: that below which the sources are. environment: BOOKGATE_PURE.
    """
    files: dict[str, Path] = {}
    for name, said in {} if environment == "1" else sums.items():
        place = Path(*name.split("."))
        file = made / place.with_name(place.name + _SUFFIX)
        source = root / place.with_suffix(".py")
        if not (file.is_file() and source.is_file() and _sum(source) == said):
            return {}
        files[name] = file
    return files


def _sum(source: Path) -> str:
    return hashlib.sha256(source.read_bytes()).hexdigest()
