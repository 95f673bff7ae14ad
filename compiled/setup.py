"""The parsers of heads, and the data path's own modules, compiled from the sources beside this folder."""

import hashlib
import os
import sys
from pathlib import Path

from mypyc.build import mypycify
from setuptools import Extension, setup

HERE = Path(__file__).parent.resolve()
ROOT = HERE.parent
MADE = HERE / "build"
PACKAGE = "bookgate_compiled"
TOLD_ONLY = frozenset({"egg_info", "dist_info"})  # what this is, without the minutes of making it


def sources() -> list[str]:
    """Paths of the modules below the root, in the order of modules.txt."""
    lines = (HERE / "modules.txt").read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def write_package(paths: list[str]) -> Path:
    """What tells of which sources the modules were made: gateway/compiled.py asks."""
    sums = {
        path.removesuffix(".py").replace("/", "."): hashlib.sha256((ROOT / path).read_bytes()).hexdigest()
        for path in paths
    }
    folder = MADE / PACKAGE
    folder.mkdir(parents=True, exist_ok=True)
    lines = "".join([f'    "{name}": "{said}",\n' for name, said in sums.items()])
    (folder / "__init__.py").write_text(f'"""Made."""\n\nSOURCES = {{\n{lines}}}\n', "utf-8")
    return folder


def modules(paths: list[str]) -> list[Extension]:
    """Each below PACKAGE, under the name that it has in the gateway."""
    os.chdir(ROOT)  # mypy's settings are there, and so names are told by paths
    options = [f"--cache-dir={MADE / 'mypy'}"]
    made = mypycify([*paths, *options], opt_level="2", group_name="bookgate", target_dir=str(MADE / "c"))
    os.chdir(HERE)
    for each in made:
        each.sources = [os.path.relpath(ROOT / source, HERE) for source in each.sources]
        if each.name.startswith("gateway."):
            each.name = f"{PACKAGE}.{each.name}"
    return made


paths = sources()
setup(
    packages=[PACKAGE],
    package_dir={PACKAGE: os.path.relpath(write_package(paths), HERE)},
    ext_modules=[
        Extension("bookgate_fast", ["bookgate_fast.pyx"], extra_compile_args=["-O2"]),
        *(modules(paths) if TOLD_ONLY.isdisjoint(sys.argv) else []),
    ],
)
