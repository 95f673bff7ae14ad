from pathlib import Path

import pytest

from gateway.config.gateway_pages import LARGEST_LOGO
from gateway.config.settings import Logo, Pages
from tests.gateway_texts import MINIMAL, faults, make_site, parse, with_state

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>'
PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Path:
    return make_site(tmp_path)


def pages(block: str) -> str:
    return with_state(MINIMAL) + f"pages: {block}\n"


def test_everything_has_a_default(site: Path) -> None:
    assert parse(pages("{}"), site).pages == Pages("Bookgate", "#1f4f8f", None, ("en", "de"), None)


def test_all_of_it(site: Path) -> None:
    (site / "logo.svg").write_bytes(SVG)
    block = '{name: Books, colour: "#ffe600", languages: [de, en], logo: {file: logo.svg}}'
    expected = Pages("Books", "#ffe600", None, ("de", "en"), Logo(SVG, "image/svg+xml"))
    assert parse(pages(block), site).pages == expected


@pytest.mark.parametrize(
    ("name", "content", "media_type"),
    [
        pytest.param("a.svg", b'\xef\xbb\xbf\n<?xml version="1.0"?>' + SVG, "image/svg+xml", id="SVG as XML"),
        pytest.param("a.svg", b"<!-- ours -->" + SVG, "image/svg+xml", id="SVG after a comment"),
        pytest.param("A.PNG", PNG, "image/png", id="PNG"),
        pytest.param("a.webp", b"RIFF\0\0\0\0WEBPVP8 ", "image/webp", id="WebP"),
        pytest.param("a.jpg", b"\xff\xd8\xff\xe0\n", "image/jpeg", id="JPEG"),
    ],
)
def test_pictures_that_are_taken(name: str, content: bytes, media_type: str, site: Path) -> None:
    (site / name).write_bytes(content)
    assert parse(pages(f"{{logo: {{file: {name}}}}}"), site).pages.logo == Logo(content, media_type)


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        pytest.param("a.svg", b"<html><svg/></html>", "not-a-picture", id="a page"),
        pytest.param("a.svg", PNG, "not-a-picture", id="another kind"),
        pytest.param("a.png", b"", "not-a-picture", id="empty"),
        pytest.param("a.gif", b"GIF89a", "not-a-picture", id="a kind that is not taken"),
        pytest.param("a.png", PNG + bytes(LARGEST_LOGO), "large-picture", id="large"),
    ],
)
def test_pictures_that_are_not(name: str, content: bytes, code: str, site: Path) -> None:
    (site / name).write_bytes(content)
    assert faults(pages(f"{{logo: {{file: {name}}}}}"), site) == [(8, code)]


@pytest.mark.parametrize(
    ("block", "code"),
    [
        pytest.param("{logo: {file: none.svg}}", "missing-file", id="no such logo"),
        pytest.param("{logo: logo.svg}", "not-a-file", id="a logo that is no file"),
        pytest.param("{colour: red}", "bad-colour", id="a colour by name"),
        pytest.param("{languages: []}", "empty", id="no language"),
        pytest.param("{languages: [en, fr]}", "unknown-value", id="a language that we have not"),
        pytest.param("{languages: en}", "not-a-list", id="no list"),
        pytest.param('{links: {help: "javascript:x"}}', "bad-url", id="a link that runs"),
        pytest.param("{font: Comic}", "unknown-key", id="another key"),
    ],
)
def test_faults(block: str, code: str, site: Path) -> None:
    assert faults(pages(block), site) == [(8, code)]
