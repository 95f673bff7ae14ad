"""A gateway of two workers and what a signed-in reader sends it."""

import os
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.system.house import TRUSTED
from tests.system.reader import Flow
from tests.workers.gateway_process import GatewayProcess, gateway_process


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncGenerator[GatewayProcess]:
    async with gateway_process(tmp_path, 2) as running:
        yield running


@pytest.fixture
async def heads(gateway: GatewayProcess) -> dict[str, bytes]:
    """Heads of GET and POST of a book's requests to a service, as the person who signed in there."""
    async with gateway.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        cookie = "; ".join(f"{name}={value}" for name, value in ada.partitions["example.edu"].items())
    said = f"Host: 127.0.0.1:{gateway.port}\r\nOrigin: {TRUSTED}\r\nCookie: {cookie}\r\n"
    return {method: f"{method} /storage/v1/items/1 HTTP/1.1\r\n{said}".encode() for method in ("GET", "POST")}


@pytest.fixture
def rate() -> float:
    """Requests a second; the tests of the whole suite ask for fewer than `make reliability`."""
    return float(os.environ.get("RATE", "100"))
