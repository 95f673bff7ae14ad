"""What the parts say of themselves when the metrics are asked for."""

import asyncio
from collections.abc import Callable

from gateway.app.core import Core
from gateway.proxy.balance import Standing
from gateway.proxy.upstream import Upstreams


def show_parts(core: Core, upstreams: Upstreams) -> None:
    """To be called in the event loop whose tasks are counted."""
    show, loop = core.metrics.show, asyncio.get_running_loop()
    quick, connection = core.quick, core.store.connection
    show("bookgate_tasks", lambda: len(asyncio.all_tasks(loop)))
    show("bookgate_sessions_in_memory", lambda: quick.in_memory)
    show("bookgate_session_hits_total", lambda: quick.hits)
    show("bookgate_session_misses_total", lambda: quick.misses)
    show("bookgate_redis_doubts_total", lambda: connection.doubts)
    show("bookgate_redis_proved", lambda: connection.is_proved)
    show("bookgate_redis_tells_changes", lambda: quick.looks.tracks)
    for upstream in upstreams:
        for index, standing in enumerate(upstream.standings):
            _show_url(core, upstream.backend.name, index, standing, upstream.clock)


def _show_url(core: Core, backend: str, index: int, standing: Standing, clock: Callable[[], float]) -> None:
    show = core.metrics.show
    show("bookgate_backend_outstanding", lambda: standing.outstanding, backend=backend, url=index)
    show("bookgate_backend_well", lambda: standing.is_well, backend=backend, url=index)
    show("bookgate_backend_ejected", lambda: standing.is_ejected(clock()), backend=backend, url=index)
