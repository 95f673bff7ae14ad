"""What the private listener serves: is the process alive, can it serve, its metrics, and the keys again."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from gateway.assertions import Assertions
from gateway.config.watch import Origins
from gateway.errors import StoreUnavailableError
from gateway.metric_files import MetricFiles
from gateway.protocol.documents import keys_handler
from gateway.sealing import Sealer
from gateway.store import Store


def private_app(
    store: Store, origins: Origins, sealer: Sealer, assertions: Assertions, metrics: MetricFiles | None
) -> web.Application:
    """An application for those who run the gateway; nothing of it is for the world.

    metrics: None: they are not served.
    """

    async def live(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def ready(_: web.Request) -> web.Response:
        try:
            await store.ping()
        except StoreUnavailableError as error:
            return web.json_response({"status": error.code}, status=error.status)
        last = origins.last
        faults = [] if last is None else [str(fault) for fault in last.faults]
        shown = {"generation": origins.current.generation, "faults": faults}
        return web.json_response({"status": "ok", "origins": shown, "keys": sealer.key_ids})

    app = web.Application()
    app.add_routes(
        [
            web.get("/health/live", live),
            web.get("/health/ready", ready),
            web.get("/.well-known/jwks.json", keys_handler(assertions.jwks)),
        ]
    )
    if metrics is not None:
        app.router.add_get("/metrics", _metrics_handler(metrics))
    return app


def _metrics_handler(metrics: MetricFiles) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def told(_: web.Request) -> web.Response:
        text = await metrics.text()
        return web.Response(
            body=text.encode(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        )

    return told
