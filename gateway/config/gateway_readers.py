"""Readers of what only gateway.yaml holds: URLs, addresses, networks, header names; and what comes later."""

import re
from collections.abc import Collection, Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from gateway.config.faults import Faults
from gateway.config.gateway_secrets import FetchedNode, Sources
from gateway.config.nodes import Block, Node, Reader, ScalarNode, text
from gateway.config.settings import Address
from gateway.origins import parse_origin

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})

_HEADER_NAME = re.compile(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*", re.ASCII)
_HOST_PORT = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):([1-9][0-9]{0,4})", re.ASCII)
_URL_BYTES = re.compile(r"[!-~]+", re.ASCII)


# --- blocks


def block(
    node: Node,
    faults: Faults,
    what: str,
    *,
    keys: Collection[str],
    later: Collection[str] = (),
    required: Iterable[str] = (),
) -> Block:
    """A mapping; `later` are keys of the design that this release does not build: refused by name."""
    read = Block.read(node, faults, what, keys={*keys, *later}, required=required)
    for key in later:
        if key in read:
            not_built(faults, read.line_of(key), f"`{key}` in {what}")
    return read


def part(
    whole: Block, key: str, faults: Faults, built: Collection[str], later: Collection[str] = ()
) -> Block:
    """The block under `key` of another, an empty one where it is absent."""
    node = whole.node(key)
    if node is None:
        return Block(whole.line, {}, faults)
    return block(node, faults, key, keys=built, later=later)


def not_built(faults: Faults, line: int, what: str, remedy: str = "Remove it.") -> None:
    faults.add(line, "not-built-yet", f"{what} is not built into this release.", remedy)


def word_of(options: Collection[str], later: Collection[str]) -> Reader[str]:
    """A reader of one of `options`; a word of `later` is one that is not built yet."""

    def read(node: Node, faults: Faults, what: str) -> str | None:
        word = text(node, faults, what)
        if word is None or word in options:
            return word
        remedy = "Write " + " or ".join(f"`{option}`" for option in sorted(options)) + "."
        if word in later:
            not_built(faults, node.line, f"{what} `{word}`", remedy)
        else:
            faults.add(node.line, "unknown-value", f"{what} cannot be `{word}`.", remedy)
        return None

    return read


# --- URLs


def _split(url: str) -> SplitResult | None:
    """The parts of a URL, None where it is none."""
    if _URL_BYTES.fullmatch(url) is None:
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts if parts.hostname else None


def public_url(node: Node, faults: Faults, what: str) -> str | None:
    """`https://HOST[:PORT]` and no more; http on loopback only. The issuer, the base of every callback."""
    url = text(node, faults, what)
    if url is None:
        return None
    origin = parse_origin(url)
    if origin is None:
        remedy = "Write https://HOST in lower case, without a path, a final slash or the default port."
        faults.add(node.line, "bad-url", f"{what} cannot be `{url}`.", remedy)
    elif origin.scheme == "http" and origin.host not in LOOPBACK:
        remedy = "Write https://. Behind an edge that ends TLS the public address is https all the same."
        faults.add(node.line, "insecure-url", f"{what} `{url}` would send cookies in the clear.", remedy)
    else:
        return url
    return None


def secure_url(node: Node, faults: Faults, what: str) -> str | None:
    """An https URL without query and fragment; http on loopback only. A provider's issuer."""
    url = text(node, faults, what)
    if url is None:
        return None
    parts = _split(url)
    if parts is None or parts.query or parts.fragment or parts.username is not None:
        faults.add(
            node.line, "bad-url", f"{what} cannot be `{url}`.", "Write https://HOST/PATH without a query."
        )
    elif parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK):
        return url
    else:
        faults.add(node.line, "insecure-url", f"{what} `{url}` is not https.", "Write https://.")
    return None


def link(node: Node, faults: Faults, what: str) -> str | None:
    """A link on a page: https, http or mailto."""
    url = text(node, faults, what)
    if url is None or url.startswith("mailto:") or (_split(url) and url.startswith(("https://", "http://"))):
        return url
    faults.add(node.line, "bad-url", f"{what} cannot be `{url}`.", "Write a whole URL: https://HOST/PATH.")
    return None


def secret_url(schemes: Collection[str], later: Collection[str], remedy: str) -> Reader[str]:
    """A reader of a URL that may hold a password; with one it must not stand in the file."""

    def read(node: Node, faults: Faults, what: str) -> str | None:
        url = text(node, faults, what)
        if url is None:
            return None
        scheme = url.partition("://")[0] if "://" in url else ""
        if scheme in later:
            not_built(faults, node.line, f"{what} `{scheme}://`", remedy)
        elif scheme not in schemes:
            # The value is not repeated: it may hold a password.
            faults.add(node.line, "bad-url", f"{what} is not a URL that is taken here.", remedy)
        elif "@" in url and not isinstance(node, FetchedNode):
            message = f"{what} holds a password and stands in the file."
            faults.add(
                node.line, "secret-in-file", message, "Write {env: NAME} or {file: PATH}, and change it."
            )
        else:
            return url
        return None

    return read


def backend_url(sources: Sources) -> Reader[str]:
    """A reader of where a backend listens: http(s)://HOST[:PORT]/BASE/ or unix:PATH."""

    def read(node: Node, faults: Faults, what: str) -> str | None:
        url = text(node, faults, what)
        if url is None:
            return None
        if url.startswith("unix:") and len(url) > len("unix:"):
            return f"unix:{sources.path(url.removeprefix('unix:'))}"
        parts = _split(url)
        if (
            parts is not None
            and parts.scheme in {"http", "https"}
            and not (parts.query or parts.fragment)
            and parts.username is None
        ):
            return url if parts.path.endswith("/") else url + "/"
        remedy = "Write http://HOST:PORT, https://HOST:PORT/BASE/ or unix:PATH."
        faults.add(node.line, "bad-url", f"{what} cannot be `{url}`.", remedy)
        return None

    return read


# --- addresses, networks, names


def address(sources: Sources) -> Reader[Address]:
    """A reader of where to listen: HOST:PORT, [IPV6]:PORT or unix:PATH."""

    def read(node: Node, faults: Faults, what: str) -> Address | None:
        listed = text(node, faults, what)
        if listed is None:
            return None
        if listed.startswith("unix:") and len(listed) > len("unix:"):
            return Address(unix=sources.path(listed.removeprefix("unix:")))
        found = _HOST_PORT.fullmatch(listed)
        if found is not None and int(found[2]) <= 65535:
            return Address(found[1].strip("[]"), int(found[2]))
        remedy = "Write HOST:PORT, [::1]:PORT or unix:PATH."
        faults.add(node.line, "bad-address", f"{what} cannot be `{listed}`.", remedy)
        return None

    return read


def network(node: Node, faults: Faults, what: str) -> IPv4Network | IPv6Network | None:
    """A network of addresses: 10.0.0.0/8, 127.0.0.1/32."""
    listed = text(node, faults, what)
    if listed is None:
        return None
    try:
        return ip_network(listed)
    except ValueError:
        remedy = "Write a network like 127.0.0.1/32 or 10.0.0.0/8, the bits after the length zero."
        faults.add(node.line, "bad-network", f"{what} cannot be `{listed}`.", remedy)
        return None


def header_name(node: Node, faults: Faults, what: str) -> str | None:
    """A header's name as it goes to a backend."""
    name = text(node, faults, what)
    if name is None or _HEADER_NAME.fullmatch(name):
        return name
    remedy = "Use letters, digits and single `-` only: other spellings have aliases at some servers."
    faults.add(node.line, "bad-header", f"{what} cannot be `{name}`.", remedy)
    return None


def folder_path(sources: Sources) -> Reader[Path]:
    """A reader of a folder's path, relative to the file."""

    def read(node: Node, faults: Faults, what: str) -> Path | None:
        name = text(node, faults, what)
        return None if name is None else sources.path(name)

    return read


def is_word(node: Node | None, word: str) -> bool:
    """Whether the node is exactly this bare word (`none`)."""
    return isinstance(node, ScalarNode) and node.text == word
