"""One entry of an `origins:` list: the text as a pattern, or the one thing that is wrong with it."""

import re
import unicodedata
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from gateway.origins import DEFAULT_PORTS, Origin


@dataclass(frozen=True, slots=True)
class OriginPattern:
    """The origins that an entry speaks of. `text` is the entry as written, which is also canonical."""

    text: str
    scheme: str  # empty: the opaque origin `null`
    host: str  # of a wildcard: the base, without `*.`
    port: int | None  # None: any
    wildcard: bool

    @property
    def is_null(self) -> bool:
        return not self.scheme

    @property
    def exact(self) -> Origin | None:
        """The one origin that it means; None: several, or `null`."""
        if self.is_null or self.wildcard or self.port is None:
            return None
        return Origin(self.scheme, self.host, self.port)

    @property
    def is_loopback(self) -> bool:
        return Origin(self.scheme, self.host, 0).is_loopback

    @property
    def is_ip_literal(self) -> bool:
        return Origin(self.scheme, self.host, 0).is_ip_literal

    def covers(self, origin: Origin) -> bool:
        if origin.scheme != self.scheme or self.port not in {None, origin.port}:
            return False
        return origin.host.endswith(f".{self.host}") if self.wildcard else origin.host == self.host


@dataclass(frozen=True, slots=True)
class Malformed:
    """Why a text is no origin, and what to write instead."""

    code: str
    message: str
    remedy: str


class _WrongError(Exception):
    def __init__(self, code: str, message: str, remedy: str) -> None:
        super().__init__(code)
        self.malformed = Malformed(code, message, remedy)


NULL = OriginPattern("null", "", "", None, wildcard=False)

_LIKE = "Write it like https://books.example.edu or https://books.example.edu:8443."
_WILD = "A wildcard is a whole `*.` in front of a name: https://*.books.example.edu."
_REGEX = re.compile(r"[\^$()|\\+{}]|//\.\*|\[(?![0-9A-Fa-f:.]*\])")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)  # URL Standard 3.5, "ends in a number"


def read_pattern(text: str) -> OriginPattern | Malformed:
    """The entry's text, byte for byte as a browser would send it, but for the two wildcards."""
    try:
        if text == "null":
            return NULL
        _check_characters(text)
        scheme, authority = _split_scheme(text)
        host, port = _split_port(scheme, _only_authority(text, authority))
        return _pattern(text, scheme, host, port)
    except _WrongError as wrong:
        return wrong.malformed


def _check_characters(text: str) -> None:
    if text == "*":
        message = "`*` alone would let every origin in."
        raise _WrongError("origin-star", message, "List the origins, or set `unlisted: consent`.")
    if re.search(r"[\x00-\x20\x7f,;]", text):
        message = f"`{text}` holds a blank, a comma or a control character."
        raise _WrongError("origin-blank", message, "Write one origin an item, without blanks.")
    if not text.isascii():
        raise _WrongError("origin-unicode", f"`{text}` is not in ASCII.", _ascii_form(text))
    if "%" in text:
        message = f"`{text}` is percent-encoded or has a zone id."
        raise _WrongError("origin-percent", message, "Write the host's plain name.")
    if _REGEX.search(text):
        message = f"`{text}` looks like a regular expression."
        raise _WrongError("origin-regex", message, f"There are none here. {_WILD}")


def _ascii_form(text: str) -> str:
    scheme, separator, host = text.rpartition("://")
    try:
        ascii_host = host.encode("idna").decode("ascii")
    except UnicodeError:
        return "Write the host in its ASCII form, which begins with xn--."
    return f"If you mean this host, write its ASCII form: `{scheme}{separator}{ascii_host}`."


def _split_scheme(text: str) -> tuple[str, str]:
    scheme, separator, rest = text.partition("://")
    if not separator or not scheme:
        host = re.sub(r"^(?:https?:)?[:/]*", "", text)
        remedy = f"Did you mean `https://{host}`?" if "." in host else _LIKE
        raise _WrongError("origin-no-scheme", f"`{text}` has no scheme.", remedy)
    if scheme.lower() in DEFAULT_PORTS and scheme not in DEFAULT_PORTS:
        remedy = f"Did you mean `{text.lower()}`?"
        raise _WrongError("origin-upper-case", f"`{text}` has capital letters.", remedy)
    if scheme not in DEFAULT_PORTS:
        message = f"`{text}` is not a web page's origin: its scheme is `{scheme}`."
        raise _WrongError("origin-scheme", message, "Only https:// and http:// are origins of books.")
    return scheme, rest


def _only_authority(text: str, rest: str) -> str:
    """`rest` if it is a host and port and nothing else."""
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    tail = rest[len(authority) :]
    remedy = f"Did you mean `{text[: len(text) - len(tail)]}`?"
    if "@" in rest:
        raise _WrongError("origin-userinfo", f"`{text}` names a user.", "Remove everything up to the `@`.")
    if tail == "/":
        message = f"`{text}` ends in a slash, which no origin does."
        raise _WrongError("origin-trailing-slash", message, remedy)
    if tail:
        kind = {"/": "path", "?": "query", "#": "fragment"}[tail[0]]
        raise _WrongError(f"origin-{kind}", f"`{text}` has a {kind}, which no origin has.", remedy)
    if authority != authority.lower():
        remedy = f"Did you mean `{text.lower()}`?"
        raise _WrongError("origin-upper-case", f"`{text}` has capital letters.", remedy)
    return authority


def _split_port(scheme: str, authority: str) -> tuple[str, int | None]:
    """Host and port; port None: any."""
    bracket = authority.find("]") + 1  # an IPv6 address has colons of its own
    name, separator, port = authority[bracket:].partition(":")
    host = authority[:bracket] + name
    if not separator:
        return host, DEFAULT_PORTS[scheme]
    if port == "*":
        return host, None
    if re.fullmatch(r"[1-9][0-9]{0,4}", port, re.ASCII) is None or int(port) > 65535:
        raise _WrongError(
            "origin-port",
            f"`:{port}` is not a port.",
            "Write a number from 1 to 65535, without zeros in front.",
        )
    if int(port) == DEFAULT_PORTS[scheme]:
        remedy = f"Did you mean `{scheme}://{host}`?"
        raise _WrongError("origin-default-port", f"Browsers leave `:{port}` out of the origin.", remedy)
    return host, int(port)


def _pattern(text: str, scheme: str, host: str, port: int | None) -> OriginPattern:
    wildcard = host.startswith("*.")
    name = host.removeprefix("*.")
    if "*" in name:
        raise _WrongError("origin-wildcard", f"`{text}` has a `*` inside a name.", _WILD)
    if wildcard and _LABEL.fullmatch(name):
        message = f"`{text}` means every host below a whole top-level domain."
        raise _WrongError("origin-public-suffix", message, _WILD)
    if wildcard and _NUMBER.fullmatch(name.rpartition(".")[2]):
        raise _WrongError("origin-wildcard", f"`{text}` mixes a wildcard and an address.", _WILD)
    _check_host(text, name)
    origin = Origin(scheme, name, port or 0)
    if port is None and (wildcard or not origin.is_loopback):
        message = f"`{text}` means every port of a host that is not this very machine."
        raise _WrongError(
            "origin-any-port", message, "Write the port. `:*` is for localhost, 127.0.0.1 and [::1]."
        )
    return OriginPattern(text, scheme, name, port, wildcard)


def _check_host(text: str, host: str) -> None:
    if not host:
        raise _WrongError("origin-no-host", f"`{text}` has no host.", _LIKE)
    if host.startswith("["):
        _check_ipv6(host)
        return
    if len(host) > 253:
        raise _WrongError("origin-host", f"A host has at most 253 characters, not {len(host)}.", _LIKE)
    labels = host.split(".")
    if "" in labels:
        message = f"`{host}` begins or ends with a dot, or has two in a row."
        raise _WrongError("origin-dots", message, "Remove the dots that are too many.")
    if _NUMBER.fullmatch(labels[-1]):
        _check_ipv4(host)
        return
    for label in labels:
        _check_label(host, label)
    if len(labels) == 1 and host != "localhost":
        message = f"`{host}` is a single word, which names another machine on every network."
        raise _WrongError("origin-single-label", message, "Write the host's full name.")


def _check_label(host: str, label: str) -> None:
    if len(label) > 63:
        raise _WrongError(
            "origin-host", f"A part of a host has at most 63 characters, not {len(label)}.", _LIKE
        )
    if _LABEL.fullmatch(label) is None:
        message = f"`{label}` cannot be a part of a host."
        raise _WrongError("origin-host", message, "Use letters, digits and hyphens inside.")
    if label.startswith("xn--") and not _is_punycode(label[4:]):
        message = f"`{label}` in `{host}` is not valid punycode."
        raise _WrongError("origin-punycode", message, "Copy the host from the browser's developer tools.")


def _is_punycode(encoded: str) -> bool:
    try:
        decoded = encoded.encode("ascii").decode("punycode")
        normal = unicodedata.normalize("NFC", decoded).lower()
        canonical = normal == decoded and decoded.encode("punycode").decode("ascii") == encoded
        return canonical and decoded.isprintable() and not decoded.isascii()
    except (UnicodeError, OverflowError):
        return False


def _check_ipv4(host: str) -> None:
    try:
        IPv4Address(host)
    except AddressValueError:
        message = f"`{host}` is not an IPv4 address as browsers write it."
        raise _WrongError("origin-ip", message, "Write a name, or four numbers like 127.0.0.1.") from None


def _check_ipv6(host: str) -> None:
    try:
        address = IPv6Address(host[1:-1])
    except AddressValueError:
        raise _WrongError(
            "origin-ip", f"`{host}` is not an IPv6 address.", "Write a name, or [::1]."
        ) from None
    if address.ipv4_mapped is not None:
        raise _WrongError("origin-ip", f"`{host}` is an IPv4 address inside IPv6.", "Write a name.")
    if str(address) != host[1:-1]:
        raise _WrongError(
            "origin-ip", f"Browsers write `{host}` differently.", f"Did you mean `[{address}]`?"
        )
