"""`pytest -p tests.quick_loop`: all tests on the event loop that workers have with bookgate[fast]."""

import pytest
import uvloop


@pytest.fixture(scope="session")
def event_loop_policy() -> object:
    """Of pytest-asyncio."""
    return uvloop.EventLoopPolicy()
