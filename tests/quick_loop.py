"""`pytest -p tests.quick_loop`: all tests on the event loop that workers have with bookgate[fast]."""

import asyncio
from collections.abc import Callable

import uvloop


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Of pytest-asyncio."""
    return {"uvloop": uvloop.new_event_loop}
