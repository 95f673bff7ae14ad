"""Which event loop a worker has."""

from importlib.util import find_spec

from gateway.server.loops import loop_factory


def test_asyncios_own_where_somebody_wants_the_sources() -> None:
    assert loop_factory("1") is None


def test_the_quicker_one_where_it_is() -> None:
    made = loop_factory("")
    assert (made is None) == (find_spec("uvloop") is None)
    if made is not None:
        loop = made()
        assert type(loop).__module__.startswith("uvloop")
        loop.close()
