"""The names that the browser tests use, all on one address of loopback, and a certificate for them."""

import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme

ADDRESS = "127.0.77.1"
GATEWAY = "gw.test"
TRUSTED = "book-a.test"
ASKED = "book-b.test"
ALSO_TRUSTED = "book-c.test"
DENIED = "evil.test"
BOOKS = (TRUSTED, ASKED, ALSO_TRUSTED, DENIED)

RESOLVER_RULES = ", ".join(f"MAP {name} {ADDRESS}" for name in (GATEWAY, *BOOKS))


@dataclass(frozen=True, slots=True)
class Certificates:
    """A private authority and one certificate for all names, as files."""

    authority: Path
    certificate: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


def issue(folder: Path) -> Certificates:
    authority = trustme.CA()
    certificate = authority.issue_cert(GATEWAY, *BOOKS)
    files = Certificates(folder / "authority.pem", folder / "certificate.pem", folder / "key.pem")
    authority.cert_pem.write_to_path(str(files.authority))
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(str(files.certificate), append=True)
    certificate.private_key_pem.write_to_path(str(files.key))
    return files
