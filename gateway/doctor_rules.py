"""What the gateway makes of a book's address, told to the author who asks: a diagnosis, as values.

It is public: whoever opens a book's sign-in window sees the same. Names of groups, files and lines,
which would tell of other books too, are not in it.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from urllib.parse import urlsplit

from gateway.grant_rules import RETURN_PAGE, is_return_page, redirect_uri_ok
from gateway.origins import DEFAULT_PORTS, Origin, Policy, PolicyTable, Trust, parse_origin

LONGEST = 2048  # characters of an address

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_HOST_AND_PORT = re.compile(r"[A-Za-z0-9.-]+:[0-9]+(?:/|\?|#|$)")
_VISIBLE = re.compile(r"[!-~]+")
_STANDARD = ("analytics", "storage")


class AddressFault(StrEnum):
    """Why an address is none of a book's; stable codes."""

    MISSING = "address_missing"
    TOO_LONG = "address_too_long"
    NOT_ASCII = "address_not_ascii"
    NOT_WEB = "address_not_web"
    MALFORMED = "address_malformed"


class UnreadableAddressError(Exception):
    """The text is no address of a page on the web."""

    def __init__(self, fault: AddressFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class BookAddress:
    """Where a page of a book is; path: begins with `/`, without query and fragment."""

    origin: Origin
    path: str

    @property
    def return_page(self) -> str:
        """The return page that the client looks for: the path itself where it is one, else beside it."""
        if self.path.endswith(RETURN_PAGE):
            return f"{self.origin}{self.path}"
        return f"{self.origin}{self.path.rpartition('/')[0]}{RETURN_PAGE}"


def parse_book_address(text: str) -> BookAddress:
    """The address that a person typed: case, blanks around it, a default port or no scheme do not matter.

    Raises UnreadableAddressError.
    """
    text = text.strip()
    if not text:
        raise UnreadableAddressError(AddressFault.MISSING)
    if len(text) > LONGEST:
        raise UnreadableAddressError(AddressFault.TOO_LONG)
    if not text.isascii():
        raise UnreadableAddressError(AddressFault.NOT_ASCII)
    if _VISIBLE.fullmatch(text) is None or "\\" in text:
        raise UnreadableAddressError(AddressFault.MALFORMED)
    if not _SCHEME.match(text) or _HOST_AND_PORT.match(text):
        text = f"https://{text}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise UnreadableAddressError(AddressFault.MALFORMED) from error
    if parts.scheme not in DEFAULT_PORTS:
        raise UnreadableAddressError(AddressFault.NOT_WEB)
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    more = "" if port in {None, DEFAULT_PORTS[parts.scheme]} else f":{port}"
    origin = parse_origin(f"{parts.scheme}://{shown}{more}")
    if origin is None or "@" in parts.netloc:
        raise UnreadableAddressError(AddressFault.MALFORMED)
    return BookAddress(origin, parts.path or "/")


class Finding(StrEnum):
    """How an origin stands; stable codes."""

    TRUSTED = "origin_trusted"
    CONSENT = "origin_consent"
    UNLISTED_CONSENT = "origin_unlisted_consent"
    WITHOUT_SIGN_IN = "origin_without_sign_in"
    DENIED = "origin_denied"
    EXPIRED = "origin_expired"
    UNLISTED = "origin_unlisted"
    INSECURE = "origin_insecure"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All that an author is told about an address."""

    address: BookAddress
    finding: Finding
    policy: Policy | None  # what the origin may do; None: nothing
    decided_by: Policy | None  # the entry that decided, granting or not: for the log
    contact: str | None  # of that entry
    return_page_accepted: bool
    lines: str | None  # what would help in origins.yaml

    @property
    def signs_in(self) -> bool:
        return self.policy is not None and self.policy.credentials

    @property
    def listed(self) -> bool:
        return self.decided_by is not None and self.decided_by.line > 0


def diagnose(address: BookAddress, table: PolicyTable, today: date, backends: Collection[str]) -> Diagnosis:
    """How the table that serves requests stands to an address; backends: the names that gateway.yaml has."""
    policy = table.find(address.origin, today)
    listed = table.listed(address.origin)
    page, origin = address.return_page, address.origin
    finding = _finding(address.origin, policy, listed)
    return Diagnosis(
        address=address,
        finding=finding,
        policy=policy,
        decided_by=listed or policy,
        contact=None if listed is None else listed.contact,
        return_page_accepted=redirect_uri_ok(page, origin, policy)
        if policy
        else is_return_page(page, origin),
        lines=_lines(address, finding, policy, backends),
    )


def _finding(origin: Origin, policy: Policy | None, listed: Policy | None) -> Finding:
    if policy is not None:
        if not policy.credentials:
            return Finding.WITHOUT_SIGN_IN
        if policy.trust is Trust.TRUSTED:
            return Finding.TRUSTED
        return Finding.UNLISTED_CONSENT if listed is None else Finding.CONSENT
    if listed is not None:
        return Finding.DENIED if listed.trust is Trust.DENIED else Finding.EXPIRED
    if origin.scheme == "http" and not origin.is_loopback:
        return Finding.INSECURE
    return Finding.UNLISTED


def _lines(
    address: BookAddress, finding: Finding, policy: Policy | None, backends: Collection[str]
) -> str | None:
    """The YAML for origins.yaml, as it stands under `groups:`; None where no line would help."""
    if finding in {Finding.TRUSTED, Finding.INSECURE, Finding.WITHOUT_SIGN_IN}:
        return None
    trust = "trusted" if finding in {Finding.DENIED, Finding.CONSENT} or policy else "consent"
    if address.origin.is_loopback:
        trust = "consent"  # any program on the reader's machine can have that address
    services = sorted(set(_STANDARD) & set(backends)) or sorted(backends)
    allowed = ", ".join(sorted(policy.backends) if policy else services)
    name = re.sub(r"[^a-z0-9]+", "-", address.origin.default_book).strip("-")
    origin = str(address.origin)
    scalar = f'"{origin}"' if "[" in origin else origin
    return f"  {name}:\n    trust: {trust}\n    backends: [{allowed}]\n    origins:\n      - {scalar}\n"
