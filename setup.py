"""Puts the client library and the example book, which are no packages, into the wheel."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

# client-N: the last edition of the major before, where there is one
FOLDERS = {
    **{str(folder): f"gateway/{folder}" for folder in sorted(Path().glob("client*")) if folder.is_dir()},
    "examples/book": "gateway/example_book",
}


class BuildWithClient(build_py):
    """A checkout has them beside the package, an installed one inside."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for source, target in FOLDERS.items():
            shutil.copytree(Path(source), Path(self.build_lib) / target, dirs_exist_ok=True)


setup(cmdclass={"build_py": BuildWithClient})
