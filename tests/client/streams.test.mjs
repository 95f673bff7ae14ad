import assert from "node:assert/strict";
import { createServer } from "node:http";
import { afterEach, test } from "node:test";
import { EventStream, openWebSocket } from "../../client/streams.js";

const stops = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

/** A service that answers the n-th connection by the n-th script. */
async function service(...scripts) {
  const [asked, persons] = [[], []];
  const server = createServer((request, response) => {
    asked.push(request.headers);
    const script = scripts[asked.length - 1] ?? ((_, answer) => answer.writeHead(204).end());
    script(request, response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const gateway = `http://127.0.0.1:${server.address().port}`;
  const requests = { gateway, send: ({ method, url, init }, person) => (persons.push(person), fetch(url, { method, ...init })) };
  stops.push(() => (server.closeAllConnections(), server.close()));
  return { requests, asked, persons, gateway };
}

const events = (...pieces) => async (_, response) => {
  response.writeHead(200, { "Content-Type": "text/event-stream; charset=utf-8" });
  for (const piece of pieces) {
    response.write(piece);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  response.end();
};

/** What a stream says until it is closed. */
function heard(stream, ...types) {
  const said = [];
  for (const type of types) stream.addEventListener(type, ({ data, lastEventId }) => said.push([type, data, lastEventId]));
  const over = new Promise((resolve) => {
    const look = setInterval(() => stream.readyState === 2 && resolve(clearInterval(look)), 5);
  });
  return over.then(() => said);
}

test("events come as they were sent, however the bytes are cut", async () => {
  const { requests } = await service(events("\ufeff: hi\nretry: 10\nda", "ta: one\r", "\ndata:two\r\n\r", "\nevent: done\nid: 7\ndata\n\n", "data: lost"));
  const said = await heard(new EventStream(requests, "p-ada", "/live", {}), "message", "done");
  assert.deepEqual(said, [["message", "one\ntwo", ""], ["done", "", "7"]]);
});

test("it comes back where it was, until the service says that it is over", async () => {
  const { requests, asked } = await service(events("retry: 10\nid: 3\ndata: a\n\n"), events("data: b\n\n"));
  const said = await heard(new EventStream(requests, "p-ada", "/live", { lastEventId: "1" }), "message");
  assert.deepEqual(said.map(([, data]) => data), ["a", "b"]);
  assert.deepEqual(asked.map((headers) => headers["last-event-id"]), ["1", "3", "3"]);
});

test("a refusal is final and told; a service that is away is asked again", async () => {
  const away = (_, response) => response.writeHead(503, { "Retry-After": "0" }).end();
  const refused = (_, response) => response.writeHead(403, { "Content-Type": "application/json" }).end('{"error":"forbidden"}');
  const { requests, asked } = await service(events("retry: 10\n\n"), away, refused);
  const stream = new EventStream(requests, "p-ada", "/live", {});
  const told = new Promise((resolve) => stream.addEventListener("error", ({ error }) => error && resolve(error)));
  assert.equal((await told).code, "forbidden");
  assert.deepEqual([stream.readyState, asked.length], [2, 3]);
});

test("it comes back as the reader who opened it, or not at all", async () => {
  const another = (_, response) => response.writeHead(409, { "Content-Type": "application/json" }).end('{"error":"person_changed"}');
  const { requests, asked, persons } = await service(events("retry: 10\n\n"), another);
  const stream = new EventStream(requests, "p-ada", "/live", {});
  const told = new Promise((resolve) => stream.addEventListener("error", ({ error }) => error && resolve(error)));
  assert.equal((await told).code, "person_changed");
  assert.deepEqual([asked.map((headers) => headers["x-bookgate-person"]), persons], [["p-ada", "p-ada"], ["p-ada", "p-ada"]]);
});

test("what is not an event stream is none", async () => {
  const page = (_, response) => response.writeHead(200, { "Content-Type": "text/html" }).end("<p>");
  const { requests } = await service(page);
  const stream = new EventStream(requests, "p-ada", "/live", {});
  const told = new Promise((resolve) => stream.addEventListener("error", ({ error }) => error && resolve(error)));
  assert.equal((await told).code, "bad_answer");
});

test("close ends it at once", async () => {
  const { requests, asked } = await service((_, response) => void response.writeHead(200, { "Content-Type": "text/event-stream" }).write(": hi\n\n"));
  const stream = new EventStream(requests, "p-ada", "/live", {});
  await new Promise((resolve) => stream.addEventListener("open", resolve));
  stream.close();
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.deepEqual([stream.readyState, asked.length], [2, 1]);
});

class FakeSocket {
  constructor(url, protocols) {
    Object.assign(this, { url, protocols });
  }
}

test("a WebSocket says person, book and ticket as subprotocols", async () => {
  globalThis.WebSocket = FakeSocket;
  const session = { user: { sub: "p-ada" }, book: "ada-cs1", webSocketTicket: async (path) => `for ${path}` };
  const socket = await openWebSocket(session, "https://gw.test", "/live/room?n=1", "v2.page");
  assert.equal(socket.url, "wss://gw.test/live/room?n=1");
  assert.deepEqual(socket.protocols, ["v2.page", "bookgate", "bookgate.person.p-ada", "bookgate.book.ada-cs1", "bookgate.ticket.for /live/room"]);
  const nobody = { user: null, book: null, webSocketTicket: async () => null };
  assert.deepEqual((await openWebSocket(nobody, "https://gw.test", "/live", [])).protocols, ["bookgate"]);
  await assert.rejects(openWebSocket(nobody, "https://gw.test", "wss://evil.test/", []), { code: "foreign_url" });
});
