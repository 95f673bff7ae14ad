"""A private authority and one certificate for every name of the tests."""

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files."""

    authority: Path
    certificate: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


def issue(folder: Path, *names: str) -> Certificates:
    authority = trustme.CA()
    certificate = authority.issue_cert(*names)
    files = Certificates(folder / "authority.pem", folder / "certificate.pem", folder / "key.pem")
    authority.cert_pem.write_to_path(str(files.authority))
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(str(files.certificate), append=True)
    certificate.private_key_pem.write_to_path(str(files.key))
    return files


def trust(database: Path, authority: Path) -> None:
    """Make the NSS database in a folder, unless it is there, and trust the authority in it."""
    if database.exists():
        return
    database.mkdir(parents=True)
    for words in (["-N", "--empty-password"], ["-A", "-n", "test", "-t", "C,,", "-i", str(authority)]):
        subprocess.run(["certutil", "-d", f"sql:{database}", *words], check=True, capture_output=True)
