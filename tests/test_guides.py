"""The guides for authors: every snippet stands in a book that is tried, every link leads somewhere."""

import re
from itertools import pairwise
from pathlib import Path
from textwrap import dedent

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs" / "authors"
EXAMPLES = ROOT / "examples"
GUIDES = [DOCS / f"{name}.md" for name in ("html", "sphinx", "mkdocs", "saving", "publishing")]
COPIES = {
    "keep.js": EXAMPLES / "html" / "keep.js",
    "bookgate-return.html": ROOT / "client" / "bookgate-return.html",
    "quiz.js": EXAMPLES / "html" / "quiz.js",
    "sign_in.py": EXAMPLES / "sphinx" / "sign_in.py",
}
IN_GUIDES = "https://gw.example.edu"
IN_EXAMPLES = "http://127.0.0.1:8080"  # what `bookgate dev` replaces

_BLOCK = re.compile(
    r"(?:^ *<!-- (?P<file>examples/\S+) -->\n)?^(?P<indent> *)(?P<fence>```+)(?P<language>\w*)\n"
    r"(?P<code>.*?)^(?P=indent)(?P=fence)$",
    re.MULTILINE | re.DOTALL,
)
_LINK = re.compile(r"\]\(([^()\s]+)\)")


def blocks(guide: Path) -> list[tuple[str | None, str]]:
    """The file that a block was taken from, and the block; bare blocks are for a terminal."""
    found = _BLOCK.finditer(guide.read_text("utf-8"))
    return [(block["file"], dedent(block["code"])) for block in found if block["language"]]


SNIPPETS = [
    pytest.param(file, code, id=f"{guide.stem}-{number}")
    for guide in GUIDES
    for number, (file, code) in enumerate(blocks(guide), 1)
]


def anchors(page: Path) -> set[str]:
    """As GitHub makes them from headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def without_indent(text: str) -> str:
    return "\n".join(line.strip() for line in text.splitlines())


@pytest.mark.parametrize(("file", "code"), SNIPPETS)
def test_snippets_stand_in_the_examples(file: str | None, code: str) -> None:
    assert file is not None, f"say which file of an example has this:\n{code}"
    source = without_indent((ROOT / file).read_text("utf-8"))
    pieces = code.replace(IN_GUIDES, IN_EXAMPLES).split("...\n")
    places = [source.find(without_indent(piece).strip()) for piece in pieces]
    assert -1 not in places, f"not in {file}:\n{pieces[places.index(-1)]}"
    assert all(before < after for before, after in pairwise(places)), "in the order of the file"


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(page.read_text("utf-8")):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: {link}"
        assert not anchor or anchor in anchors(target), f"{page.name}: {link}"


@pytest.mark.parametrize("name", COPIES)
def test_copies_are_the_same_in_every_book(name: str) -> None:
    found = list(EXAMPLES.rglob(name))
    assert found
    for copy in found:
        assert copy.read_bytes() == COPIES[name].read_bytes(), copy


def test_every_guide_is_in_the_index() -> None:
    linked = set(_LINK.findall((DOCS / "README.md").read_text("utf-8")))
    assert {page.name for page in DOCS.glob("*.md")} - {"README.md"} <= linked


def test_examples_name_the_gateway_as_on_the_authors_machine() -> None:
    for path in EXAMPLES.rglob("*"):
        if path.is_file():
            assert "gw.example.edu" not in path.read_text("utf-8"), path


def test_pictures_are_small() -> None:
    for name in ("html", "phone", "sphinx", "mkdocs"):
        assert (ROOT / "docs" / "pictures" / f"guide-{name}.png").stat().st_size <= 80_000
