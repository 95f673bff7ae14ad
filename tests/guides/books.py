"""The books of the authors' guides, built by the real tools, each in a virtual environment of its own."""

import shutil
import subprocess
import venv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
SECONDS = 300.0
WRITTEN_ADDRESS = "http://localhost:8000/"

PACKAGES: Mapping[str, tuple[str, ...]] = {
    "sphinx": (
        "sphinx==9.0.4",
        "alabaster==1.0.0",
        "furo==2025.12.19",
        "pydata-sphinx-theme==0.20.0",
        "sphinx-book-theme==1.4.0",
    ),
    "jupyter-book": ("jupyter-book==1.0.4.post1",),
    "mkdocs": ("mkdocs==1.6.1", "mkdocs-material==9.8.1"),
}


@dataclass(frozen=True, slots=True)
class Book:
    """One book of one tool."""

    name: str
    source: str  # a folder of examples/
    tool: str  # a key of PACKAGES; empty: plain files
    command: tuple[str, ...]  # run in a copy of the source; {to}: the folder to build into
    pages: str = ""  # where the pages are, below that folder
    first: str = "index.html"  # has the question
    second: str = "chapter/words.html"  # has the text


def sphinx(theme: str) -> Book:
    command = ("sphinx-build", "-q", "-W", "-b", "html", "-D", f"html_theme={theme}", ".", "{to}")
    return Book(theme, "sphinx", "sphinx", command)


def mkdocs(name: str, *options: str) -> Book:
    command = ("mkdocs", "build", "--quiet", "--site-dir", "{to}", *options)
    return Book(name, "mkdocs", "mkdocs", command, first="", second="chapter/words/")


PLAIN = Book("html", "html", "", ("cp", "-r", ".", "{to}"), second="index.html")
MATERIAL = mkdocs("material", "--config-file", "material.yml")
BOOKS = (
    PLAIN,
    sphinx("furo"),
    sphinx("alabaster"),
    sphinx("pydata_sphinx_theme"),
    sphinx("sphinx_book_theme"),
    Book(
        "jupyter-book",
        "jupyter-book",
        "jupyter-book",
        ("jupyter-book", "build", "--quiet", "--path-output", "{to}", "."),
        pages="_build/html",
        first="intro.html",
    ),
    MATERIAL,
    mkdocs("mkdocs"),
    mkdocs("readthedocs", "--theme", "readthedocs"),
)


def build(book: Book, tools: Path, folder: Path, address: str) -> Path:
    """The folder of the pages.

    tools: keeps the environments for the next book; folder: an empty one; address: where it will be read.
    """
    source, to = folder / "source", folder / "built"
    shutil.copytree(EXAMPLES / book.source, source)
    for config in source.glob("*.yml"):
        config.write_text(config.read_text("utf-8").replace(WRITTEN_ADDRESS, address), "utf-8")
    programs = _install(book.tool, tools) if book.tool else Path("/usr/bin")
    command = [word.format(to=to) for word in book.command]
    done = subprocess.run(
        [str(programs / command[0]), *command[1:]],
        check=False, capture_output=True, text=True, timeout=SECONDS, cwd=source,
        env={"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(tools), "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return to / book.pages


def _install(tool: str, tools: Path) -> Path:
    programs = tools / tool / "bin"
    if not programs.exists():
        venv.create(tools / tool, with_pip=True)
        install = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        command = [str(programs / "python"), *install, *PACKAGES[tool]]
        subprocess.run(command, check=True, timeout=SECONDS)
    return programs
