"""The first files of a site: gateway.yaml, origins.yaml, keys. What exists is never overwritten."""

import json
import os
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from string import Template

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

_BARE = re.compile(r"[A-Za-z0-9/.](?:[A-Za-z0-9 ._@/:-]*[A-Za-z0-9])?", re.ASCII)

_OUR_BOOKS = """
  our-books:
    description: Books we publish ourselves
    policy: book
    origins:
      - {}
"""

KEYS = ("root", "people", "research")
_LTI_KEY = "lti"  # RSA, in PEM


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """A certificate with its chain, and its key, as files (PEM)."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Site:
    """What differs from site to site. The defaults are those of `bookgate dev`, all on one machine."""

    public_url: str = "http://127.0.0.1:8080"
    public: str = "127.0.0.1:8080"
    private: str = "127.0.0.1:9090"
    contact: str | None = None
    name: str = "Bookgate"
    state: Path = Path(".bookgate")
    tls: TlsFiles | None = None  # None: the edge does it
    trusted_proxies: tuple[str, ...] = ()
    redis_variable: str | None = None  # None: embedded
    provider: str = "development"
    issuer: str = "http://127.0.0.1:8090"
    client_id: str = "bookgate"
    client_secret_variable: str | None = None
    label: str = "Development"
    storage: str = "http://127.0.0.1:8001"
    analytics: str = "http://127.0.0.1:8002"
    guests: bool = False
    book: str | None = None  # the origin of a first book that is trusted


def gateway_yaml(site: Site, folder: Path) -> str:
    """folder: where the file will lie; `state` is written relative to it where that is short."""
    secret = site.client_secret_variable
    return _template("gateway.yaml").substitute(
        public_url=_scalar(site.public_url),
        public=site.public,
        private=site.private,
        contact_line=f"contact: {_scalar(site.contact)}"
        if site.contact
        else "# contact: books-help@example.edu",
        name=_scalar(site.name),
        tls=_tls(site.tls) if site.tls else "none",
        state=_scalar(_relative(site.state, folder)),
        trusted_proxies="[" + ", ".join(site.trusted_proxies) + "]",
        redis_line=f"redis: {{url: {{env: {site.redis_variable}}}}}\n" if site.redis_variable else "",
        provider=site.provider,
        issuer=_scalar(site.issuer),
        client_id=_scalar(site.client_id),
        client_secret_line=f"    client_secret: {{env: {secret}}}"
        if secret
        else "    # client_secret: {env: BOOKGATE_CLIENT_SECRET}",
        label=_scalar(site.label),
        guests="true" if site.guests else "false",
        storage=site.storage,
        analytics=site.analytics,
    )


def origins_yaml(site: Site) -> str:
    groups = _OUR_BOOKS.format(site.book) if site.book else ""
    return _template("origins.yaml").template + groups


def write_new(path: Path, content: str, mode: int = 0o644) -> bool:
    """Whether the file was written; False: there is one already."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        return False
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(content)
    return True


def write_keys(state: Path, token: Callable[[int], bytes]) -> list[Path]:
    """The keys that were missing in STATE/keys."""
    folder = state / "keys"
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    paths = [folder / name for name in KEYS]
    made = [path for path in paths if write_new(path, new_key(token) + "\n", 0o600)]
    lti = folder / _LTI_KEY
    return [*made, lti] if not lti.exists() and write_new(lti, _rsa_key(), 0o600) else made


def _rsa_key() -> str:
    key = generate_private_key(public_exponent=65537, key_size=3072)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def new_key(token: Callable[[int], bytes]) -> str:
    """256 bits as text."""
    return urlsafe_b64encode(token(32)).rstrip(b"=").decode()


def _tls(files: TlsFiles) -> str:
    named = {"certificate": files.certificate, "key": files.key}
    return json.dumps({name: {"file": str(path.absolute())} for name, path in named.items()})


def _relative(state: Path, folder: Path) -> str:
    """The way from the configuration to the state, unless that leads through half of the machine."""
    if state.is_absolute():
        return str(state)
    return os.path.relpath(state.absolute(), folder.absolute())


def _scalar(text: str) -> str:
    """The text as YAML: bare where that is safe, also between braces."""
    return text if _BARE.fullmatch(text) and ": " not in text else json.dumps(text, ensure_ascii=False)


def _template(name: str) -> Template:
    text = resources.files("gateway.config").joinpath("templates", f"{name}.template").read_text("utf-8")
    return Template(text)
