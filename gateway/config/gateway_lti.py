"""The `lti:` of gateway.yaml: learning platforms that launch books."""

import re
from urllib.parse import urlsplit

from gateway.config.faults import Faults
from gateway.config.gateway_readers import block, link, secure_url, word_of
from gateway.config.nodes import Block, Entry, list_of, matching, named, one_of, text
from gateway.config.settings import LANGUAGES
from gateway.lti_platforms import PRESETS, Platform, Preset, ServiceAccess

_FRAME = matching(
    re.compile(r"https?://(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)*(?::[0-9]+)?", re.ASCII),
    "bad-frame",
    "Write https://HOST or https://*.HOST.",
)
_OTHER = Preset(None, "", "")
_NAMES = (
    "preset",
    "issuer",
    "client_id",
    "deployments",
    "authorization",
    "jwks",
    "token",
    "audience",
    "grades",
    "language",
    "label",
    "frames",
    "page",
    "books",
)


def read_lti(top: Block, faults: Faults, *, signs: bool) -> tuple[Platform, ...]:
    """The platforms in the file's order; two of one issuer and client id cannot be told apart.

    signs: whether there is a key for what platforms are sent.
    """
    node = top.node("lti")
    if node is None:
        return ()
    found: list[Platform] = []
    for entry in named(node, faults, "lti").values():
        platform = _platform(entry, faults)
        if platform.services is not None and platform.services.scores and not signs:
            message = f"lti {entry.key} takes scores, and there is no key to ask it with."
            faults.add(
                entry.line, "no-lti-key", message, "Let `bookgate init` make keys.lti: docs/ops/lti.md."
            )
        if any((one.issuer, one.client_id) == (platform.issuer, platform.client_id) for one in found):
            message = f"lti {entry.key} has the issuer and client_id of another one."
            faults.add(entry.line, "duplicate-platform", message, "List its deployments in one block.")
        found.append(platform)
    return tuple(found)


def _platform(entry: Entry, faults: Faults) -> Platform:
    what = f"lti {entry.key}"
    keys = block(entry.value, faults, what, keys=_NAMES, required=("preset", "client_id", "deployments"))
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
        services=_services(keys, faults, preset.services, known),
        frames=keys.get("frames", list_of(_FRAME), preset.frames) or (_origin(known),),
    )


def _services(keys: Block, faults: Faults, usual: str, issuer: str) -> ServiceAccess | None:
    """None: where tokens are had is not known, so nothing is asked for."""
    said = keys.find("token", secure_url)
    grades, language = (
        keys.find("grades", one_of(("self_reported",))),
        keys.find("language", one_of(LANGUAGES)),
    )
    endpoint = said or (usual and _whole(usual, issuer))
    if not endpoint:
        if grades is not None and "token" not in keys:
            message = "Scores cannot be sent without knowing where tokens for that are had."
            faults.add(keys.line_of("grades"), "missing-key", message, "Write `token: https://HOST/PATH`.")
        return None
    audience = keys.get("audience", text, endpoint)
    return ServiceAccess(endpoint, audience, grades is not None, language or LANGUAGES[0])


def _endpoint(keys: Block, faults: Faults, entry: Entry, name: str, usual: str, issuer: str) -> str:
    said = keys.find(name, secure_url)
    if said is not None:
        return said
    if not usual and name not in keys:
        message = f"lti {entry.key} does not say its {name} address."
        faults.add(entry.line, "missing-key", message, f"Write `{name}: https://HOST/PATH`.")
    return _whole(usual, issuer)


def _whole(usual: str, issuer: str) -> str:
    return usual if usual.startswith("https://") else issuer.rstrip("/") + usual


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
