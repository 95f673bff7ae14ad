"""A certificate for this machine's loopback, by a small authority of its own: `bookgate dev --tls`.

The authority is bound to loopback by its name constraints (RFC 5280 section 4.2.1.10): whoever steals its key
can pretend to be this very machine to this very machine, and nobody else.
"""

import os
import ssl
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_LIFE = timedelta(days=365)
CERTIFICATE_LIFE = timedelta(days=14)
NAMES = (x509.DNSName("localhost"), *(x509.IPAddress(ip_address(text)) for text in ("127.0.0.1", "::1")))

_BOUNDS = (
    x509.DNSName("localhost"),
    *(x509.IPAddress(ip_network(text)) for text in ("127.0.0.1/32", "::1/128")),
)
_TITLE = "Bookgate on this computer"


@dataclass(frozen=True, slots=True)
class LoopbackFiles:
    """Everything as PEM; certificate: with the authority's behind it."""

    authority: Path
    certificate: Path
    key: Path

    def client_context(self) -> ssl.SSLContext:
        """Trusts this authority alone."""
        return ssl.create_default_context(cafile=self.authority)


@dataclass(frozen=True, slots=True)
class _Issuer:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def loopback_files(folder: Path, now: datetime) -> LoopbackFiles:
    """The files in `folder`; the authority stays for half of its life, the certificate is new."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    issuer = _kept(folder, now) or _new_issuer(folder, now)
    files = LoopbackFiles(folder / "authority.pem", folder / "certificate.pem", folder / "certificate.key")
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _leaf(issuer, key, now)
    _write(files.key, _pem(key), 0o600)
    _write(files.certificate, b"".join(_public(one) for one in (certificate, issuer.certificate)), 0o644)
    return files


def _kept(folder: Path, now: datetime) -> _Issuer | None:
    paths = folder / "authority.pem", folder / "authority.key"
    if not all(path.is_file() for path in paths):
        return None
    certificate = x509.load_pem_x509_certificate(paths[0].read_bytes())
    key = serialization.load_pem_private_key(paths[1].read_bytes(), password=None)
    fresh = certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc - AUTHORITY_LIFE / 2
    return _Issuer(certificate, key) if fresh and isinstance(key, ec.EllipticCurvePrivateKey) else None


def _new_issuer(folder: Path, now: datetime) -> _Issuer:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _TITLE)])
    builder = _begun(name, name, key, now, AUTHORITY_LIFE)
    usage = _usage(signs_certificates=True)
    certificate = (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.NameConstraints(_BOUNDS, excluded_subtrees=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(folder / "authority.key", _pem(key), 0o600)
    _write(folder / "authority.pem", _public(certificate), 0o644)
    return _Issuer(certificate, key)


def _leaf(issuer: _Issuer, key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
    return (
        _begun(name, issuer.certificate.subject, key, now, CERTIFICATE_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(NAMES), critical=False)
        .add_extension(authority, critical=False)
        .sign(issuer.key, hashes.SHA256())
    )


def _begun(
    name: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))  # a virtual machine's clock is often late
        .not_valid_after(now + life)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _public(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write(path: Path, data: bytes, mode: int) -> None:
    """At once and with its mode from the first byte on: no other user reads a key that is half written."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
    new.replace(path)


def now() -> datetime:
    return datetime.now(UTC)


def how_to_trust(authority: Path, platform: str = sys.platform) -> Sequence[str]:
    """Two lines for the person at this system: for what asks the system, and for Firefox."""
    quoted = f'"{authority}"'
    match platform:
        case "darwin":
            store = "~/Library/Keychains/login.keychain-db"
            system = f"security add-trusted-cert -k {store} {quoted}"
        case "win32":
            system = f"certutil -user -addstore Root {quoted}"
        case _:
            system = f'certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n "{_TITLE}" -i {quoted}'
    return (
        f"To let Chrome, Edge and others trust this computer's books, once: {system}",
        f"In Firefox: Settings, Certificates, View Certificates, Authorities, Import {authority}",
    )
