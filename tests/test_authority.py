import re
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from gateway.development.authority import (
    AUTHORITY_LIFE,
    CERTIFICATE_LIFE,
    LoopbackFiles,
    how_to_trust,
    loopback_files,
)

NOW = datetime(2026, 11, 22, tzinfo=UTC)
DAY = timedelta(days=1)


def chain(files: LoopbackFiles) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(files.certificate.read_bytes())


def verify(leaf: x509.Certificate, authority: x509.Certificate, name: str, at: datetime = NOW + DAY) -> None:
    builder = PolicyBuilder().store(Store([authority])).time(at)
    builder.build_server_verifier(x509.DNSName(name)).verify(leaf, [])


def test_a_certificate_for_this_machine_and_not_for_long(tmp_path: Path) -> None:
    files = loopback_files(tmp_path / "tls", NOW)
    leaf, authority = chain(files)
    verify(leaf, authority, "localhost")
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name) for name in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
    assert leaf.not_valid_after_utc == NOW + CERTIFICATE_LIFE
    assert authority.not_valid_after_utc == NOW + AUTHORITY_LIFE
    with pytest.raises(VerificationError):
        verify(leaf, authority, "localhost", NOW + CERTIFICATE_LIFE + DAY)
    assert files.authority.read_bytes() in files.certificate.read_bytes()


def test_nobody_else_reads_the_keys(tmp_path: Path) -> None:
    loopback_files(tmp_path / "tls", NOW)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "tls").iterdir()}
    assert {modes["authority.key"], modes["certificate.key"]} == {0o600}
    assert stat.S_IMODE((tmp_path / "tls").stat().st_mode) == 0o700
    assert set(modes) == {"authority.key", "authority.pem", "certificate.key", "certificate.pem"}


def test_a_stolen_authority_is_no_other_site(tmp_path: Path) -> None:
    files = loopback_files(tmp_path / "tls", NOW)
    authority = chain(files)[1]
    key = serialization.load_pem_private_key((tmp_path / "tls" / "authority.key").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    leaf = chain(files)[0]
    builder = x509.CertificateBuilder(
        issuer_name=authority.subject,
        subject_name=leaf.subject,
        public_key=leaf.public_key(),
        serial_number=7,
        not_valid_before=NOW,
        not_valid_after=NOW + 2 * DAY,
    )
    for extension in leaf.extensions:
        if not isinstance(extension.value, x509.SubjectAlternativeName):
            builder = builder.add_extension(extension.value, critical=extension.critical)
    name = x509.SubjectAlternativeName([x509.DNSName("bank.example")])
    forged = builder.add_extension(name, critical=False).sign(key, hashes.SHA256())
    with pytest.raises(VerificationError):
        verify(forged, authority, "bank.example")


def test_the_authority_that_somebody_trusts_stays_and_the_certificate_is_new(tmp_path: Path) -> None:
    first = chain(loopback_files(tmp_path, NOW))
    again = chain(loopback_files(tmp_path, NOW + 30 * DAY))
    assert again[1] == first[1]
    assert again[0] != first[0]
    late = chain(loopback_files(tmp_path, NOW + 200 * DAY))
    assert late[1] != first[1]
    verify(late[0], late[1], "localhost", NOW + 201 * DAY)


def test_an_authority_without_its_key_is_made_anew(tmp_path: Path) -> None:
    first = chain(loopback_files(tmp_path, NOW))
    (tmp_path / "authority.key").unlink()
    assert chain(loopback_files(tmp_path, NOW))[1] != first[1]


@pytest.mark.parametrize(
    ("platform", "command"),
    [
        pytest.param("linux", r"certutil -d sql:\S+ -A", id="Linux"),
        pytest.param("darwin", "security add-trusted-cert", id="macOS"),
        pytest.param("win32", "certutil -user -addstore Root", id="Windows"),
    ],
)
def test_how_to_trust_it_is_two_lines(platform: str, command: str) -> None:
    system, firefox = how_to_trust(Path("/books/tls/authority.pem"), platform)
    assert re.search(command, system)
    assert "/books/tls/authority.pem" in system
    assert firefox.startswith("In Firefox:")
