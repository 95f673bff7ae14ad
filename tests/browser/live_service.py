"""A service that keeps connections open: a WebSocket that says back, and events that break off and go on."""

import asyncio
import sys
from base64 import urlsafe_b64decode

import msgspec
from aiohttp import web

BREAKS = 2  # events in one connection
STAYS = 4  # from this one on a connection stays open


def caller(request: web.Request) -> dict[str, object]:
    """Who the gateway says that this is, and what came of the subprotocols."""
    payload = request.headers["X-Bookgate-Assertion"].split(".")[1]
    claims = msgspec.json.decode(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    offered = request.headers.get("Sec-WebSocket-Protocol")
    return {"person": claims["sub"], "book": claims["book"], "offered": offered}


async def say_back(request: web.Request) -> web.StreamResponse:
    socket = web.WebSocketResponse(protocols=("v2.page",))
    await socket.prepare(request)
    await socket.send_json(caller(request))
    async for message in socket:
        if message.type is web.WSMsgType.TEXT:
            await socket.send_str(message.data)
        elif message.type is web.WSMsgType.BINARY:
            await socket.send_bytes(message.data)
    return socket


async def tell(request: web.Request) -> web.StreamResponse:
    """Numbered events, from the one after Last-Event-ID."""
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    await answer.prepare(request)
    last = int(request.headers.get("Last-Event-ID", "0"))
    await answer.write(b"retry: 100\n\n")
    for number in range(last + 1, last + 1 + BREAKS):
        data = msgspec.json.encode({"number": number, "person": caller(request)["person"]})
        await answer.write(b"id: %d\nevent: count\ndata: %s\n\n" % (number, data))
    while last >= STAYS:
        await answer.write(b": here\n\n")
        await asyncio.sleep(0.2)
    return answer


PAGE = """<!doctype html><title>Lab</title><h1 id="who">WHO</h1><p id="done"></p><script>
const done = document.getElementById("done");
(async () => {
  const saved = await fetch("/save", {method: "POST", body: "x"});
  const socket = new WebSocket(location.origin.replace("http", "ws") + "/socket");
  socket.onmessage = (event) => {
    done.textContent = `${saved.status} ${JSON.parse(event.data).person} ${document.cookie}`;
    socket.onmessage = null;
  };
})();
</script>"""


async def lab(request: web.Request) -> web.Response:
    """A page as an application has them: with a script, a cookie of its own, and a socket."""
    text = PAGE.replace("WHO", str(caller(request)["person"]))
    return web.Response(text=text, content_type="text/html", headers={"Set-Cookie": "seen=1; Path=/"})


SAVED: list[object] = []  # by whom


async def save(request: web.Request) -> web.Response:
    SAVED.append(caller(request)["person"])
    return web.json_response(caller(request))


async def saved(request: web.Request) -> web.Response:
    return web.Response(text=str(SAVED.count(caller(request)["person"])))


async def ready(_: web.Request) -> web.Response:
    return web.Response()


if __name__ == "__main__":
    application = web.Application()
    application.add_routes([web.get("/socket", say_back), web.get("/events", tell), web.get("/ready", ready)])
    application.add_routes([web.get("/lab", lab), web.post("/save", save), web.get("/saved", saved)])
    web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), print=None)
