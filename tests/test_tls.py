import asyncio
import ssl
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import trustme

from gateway.config.settings import ListenerTls
from gateway.server.tls import Certificate

AUTHORITY = trustme.CA()


def write(folder: Path, name: str) -> ListenerTls:
    """What a renewal leaves: both files replaced by rename."""
    issued = AUTHORITY.issue_cert(name)
    for part, blob in (("cert", issued.cert_chain_pems[0]), ("key", issued.private_key_pem)):
        blob.write_to_path(str(folder / "new"))
        Path(folder / "new").replace(folder / f"{part}.pem")
    return ListenerTls(folder / "cert.pem", folder / "key.pem")


@pytest.fixture
async def served(tmp_path: Path) -> AsyncGenerator[tuple[Certificate, int]]:
    certificate = Certificate(write(tmp_path, "old.test"))

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=certificate.context)
    yield certificate, server.sockets[0].getsockname()[1]
    server.close()


async def name_served(port: int) -> str:
    trusted = ssl.create_default_context()
    AUTHORITY.configure_trust(trusted)
    trusted.check_hostname = False
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusted)
    found = writer.get_extra_info("peercert")["subjectAltName"][0][1]
    writer.close()
    return str(found)


async def test_a_renewed_certificate_serves_the_next_connection(
    served: tuple[Certificate, int], tmp_path: Path
) -> None:
    certificate, port = served
    assert await name_served(port) == "old.test"
    assert not certificate.renew()
    write(tmp_path, "new.test")
    assert certificate.renew()
    assert await name_served(port) == "new.test"


async def test_a_broken_pair_changes_nothing(served: tuple[Certificate, int], tmp_path: Path) -> None:
    certificate, port = served
    key = (tmp_path / "key.pem").read_bytes()
    write(tmp_path, "new.test")
    (tmp_path / "key.pem").write_bytes(key)
    with pytest.raises(ssl.SSLError):
        certificate.renew()
    assert await name_served(port) == "old.test"
    (tmp_path / "cert.pem").unlink()
    with pytest.raises(OSError, match=r"cert\.pem"):
        certificate.renew()
    assert await name_served(port) == "old.test"
