"""The `pages:` of gateway.yaml: how the gateway's pages look, and which languages they speak."""

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from gateway.config.faults import Faults
from gateway.config.gateway_readers import link, part
from gateway.config.gateway_secrets import Sources, file_path
from gateway.config.nodes import Block, Node, Reader, list_of, matching, named, one_of, text
from gateway.config.settings import LANGUAGES, Logo, Pages

_COLOUR: Final = re.compile(r"#[0-9a-fA-F]{6}", re.ASCII)
LARGEST_LOGO: Final = 16384  # bytes; with it a page for signing in is still 30 KB in all

_SVG: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:\?xml\b|!--|!DOCTYPE svg\b|svg\b).*", re.DOTALL)

# How a picture's file ends and begins, and what it is served as.
_PICTURES: Final[Mapping[str, tuple[re.Pattern[bytes], str]]] = MappingProxyType(
    {
        ".svg": (_SVG, "image/svg+xml"),
        ".png": (re.compile(rb"\x89PNG\r\n\x1a\n.*", re.DOTALL), "image/png"),
        ".webp": (re.compile(rb"RIFF....WEBP.*", re.DOTALL), "image/webp"),
        ".jpg": (re.compile(rb"\xff\xd8\xff.*", re.DOTALL), "image/jpeg"),
    }
)


def read_pages(top: Block, faults: Faults, sources: Sources) -> Pages:
    pages = part(top, "pages", faults, ("name", "logo", "colour", "languages", "links"))
    default = Pages()
    colour = matching(_COLOUR, "bad-colour", 'Write six hexadecimal digits in quotes: "#8a1538".')
    return Pages(
        name=pages.get("name", text, default.name),
        colour=pages.get("colour", colour, default.colour),
        links=pages.find("links", _links),
        languages=pages.get("languages", _languages, default.languages),
        logo=pages.find("logo", _logo(sources)),
    )


def _links(node: Node, faults: Faults, what: str) -> Mapping[str, str]:
    read = {name: link(entry.value, faults, name) for name, entry in named(node, faults, what).items()}
    return MappingProxyType({name: url for name, url in read.items() if url is not None})


def _languages(node: Node, faults: Faults, what: str) -> tuple[str, ...] | None:
    """The first is for readers who want none of them."""
    codes = list_of(one_of(LANGUAGES))(node, faults, what)
    if codes is None:
        return None
    if not codes:
        faults.add(node.line, "empty", f"{what} has no language.", "Write [en, de], or remove the key.")
        return None
    return tuple(dict.fromkeys(codes))


def _logo(sources: Sources) -> Reader[Logo]:
    read_path = file_path(sources)

    def read(node: Node, faults: Faults, what: str) -> Logo | None:
        path = read_path(node, faults, what)
        if path is None or not path.is_file():
            return None
        looks, media_type = _PICTURES.get(path.suffix.lower(), (None, ""))
        if looks is None:
            message = f"{what}: {path.name} is no picture that is taken."
            remedy = f"Name a file that ends in one of {', '.join(_PICTURES)}."
            faults.add(node.line, "not-a-picture", message, remedy)
            return None
        return _picture(path, looks, media_type, node, faults, what)

    return read


def _picture(
    path: Path, looks: re.Pattern[bytes], media_type: str, node: Node, faults: Faults, what: str
) -> Logo | None:
    content = path.read_bytes()
    if len(content) > LARGEST_LOGO:
        message = f"{what}: {path.name} has {len(content)} bytes, more than {LARGEST_LOGO}."
        faults.add(node.line, "large-picture", message, "Make it smaller: it is shown 40 pixels high.")
    elif looks.fullmatch(content) is None:
        message = f"{what}: {path.name} is not what its name says."
        faults.add(node.line, "not-a-picture", message, "Save it again in the format that its name ends in.")
    else:
        return Logo(content, media_type)
    return None
