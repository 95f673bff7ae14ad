"""The `lti:` of gateway.yaml: learning platforms that launch books."""

import re
from urllib.parse import urlsplit

from gateway.config.faults import Faults
from gateway.config.gateway_readers import block, link, secure_url, word_of
from gateway.config.nodes import Block, Entry, list_of, matching, named, text
from gateway.lti_platforms import PRESETS, Platform, Preset

_FRAME = matching(
    re.compile(r"https?://(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)*(?::[0-9]+)?", re.ASCII),
    "bad-frame",
    "Write https://HOST or https://*.HOST.",
)
_OTHER = Preset(None, "", "")


def read_lti(top: Block, faults: Faults) -> tuple[Platform, ...]:
    """The platforms in the file's order; two of one issuer and client id cannot be told apart."""
    node = top.node("lti")
    if node is None:
        return ()
    found: list[Platform] = []
    for entry in named(node, faults, "lti").values():
        platform = _platform(entry, faults)
        if any((one.issuer, one.client_id) == (platform.issuer, platform.client_id) for one in found):
            message = f"lti {entry.key} has the issuer and client_id of another one."
            faults.add(entry.line, "duplicate-platform", message, "List its deployments in one block.")
        found.append(platform)
    return tuple(found)


def _platform(entry: Entry, faults: Faults) -> Platform:
    what = f"lti {entry.key}"
    names = (
        "preset",
        "issuer",
        "client_id",
        "deployments",
        "authorization",
        "jwks",
        "label",
        "frames",
        "page",
        "books",
    )
    keys = block(entry.value, faults, what, keys=names, required=("preset", "client_id", "deployments"))
    preset = PRESETS.get(keys.get("preset", word_of((*PRESETS, "lti"), ()), "lti"), _OTHER)
    issuer = keys.find("issuer", secure_url) or preset.issuer
    if issuer is None and "issuer" not in keys:
        message = f"{what} does not say which site it is."
        faults.add(entry.line, "missing-key", message, "Write `issuer: https://HOST`.")
    deployments = keys.find("deployments", list_of(text))
    if deployments == ():
        message = f"{what} names no deployment, so no launch would be taken."
        remedy = "Write the id that the platform shows."
        faults.add(keys.line_of("deployments"), "no-deployments", message, remedy)
    books = keys.find("books", list_of(text))
    if books == ():
        message = f"{what} may open no book."
        faults.add(keys.line_of("books"), "no-books", message, "Name one, or leave the key out for all.")
    known = issuer or ""
    return Platform(
        id=entry.key,
        label=keys.get("label", text, entry.key),
        issuer=known,
        client_id=keys.get("client_id", text, ""),
        deployments=frozenset(deployments or ()),
        authorization_endpoint=_endpoint(keys, faults, entry, "authorization", preset.authorization, known),
        jwks_uri=_endpoint(keys, faults, entry, "jwks", preset.jwks, known),
        page=keys.find("page", link),
        books=None if books is None else frozenset(books),
        frames=keys.get("frames", list_of(_FRAME), preset.frames) or (_origin(known),),
    )


def _endpoint(keys: Block, faults: Faults, entry: Entry, name: str, usual: str, issuer: str) -> str:
    said = keys.find(name, secure_url)
    if said is not None:
        return said
    if not usual and name not in keys:
        message = f"lti {entry.key} does not say its {name} address."
        faults.add(entry.line, "missing-key", message, f"Write `{name}: https://HOST/PATH`.")
    return usual if usual.startswith("https://") else issuer.rstrip("/") + usual


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
