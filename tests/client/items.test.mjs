import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { MemoryDatabase } from "../../client/database.js";
import { EventLog } from "../../client/event-log.js";
import { Items } from "../../client/items.js";
import { Outbox } from "../../client/outbox.js";
import { Requests } from "../../client/requests.js";
import { Session } from "../../client/session.js";
import { TabStorage, scriptedGateway } from "./scripted-gateway.mjs";

const ADA = { sub: "p-ada", name: "Ada" };
const stops = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** A storage service of one shelf, signed in as Ada; `rules` come first. */
async function parts(rules = () => undefined) {
  const shelf = new Map();
  const gateway = await scriptedGateway((request) => {
    const ruled = rules(request, shelf);
    if (ruled) return ruled;
    const { pathname } = new URL(request.path, "http://gw");
    const there = shelf.get(pathname);
    if (request.path === "/auth/session") return { body: { user: ADA, expires_in: 9 } };
    if (request.method === "POST") return { status: 202, body: { accepted: 1 } };
    if (request.method === "GET") return there ? { headers: { ETag: there.etag }, body: there.body } : { status: 404, body: { code: "not_found" } };
    const fits = request.headers["if-match"] ? request.headers["if-match"] === there?.etag : !there;
    if (!fits) return { status: 412, body: { code: "precondition_failed", etag: there?.etag } };
    const etag = `"${shelf.size}-${shelf.size + request.body.length}-${request.headers["idempotency-key"].slice(0, 4)}"`;
    shelf.set(pathname, { etag, body: request.body });
    return { status: there ? 204 : 201, headers: { ETag: etag } };
  });
  stops.push(gateway.stop);
  const database = new MemoryDatabase();
  const session = new Session({ gateway: gateway.origin, database, tab: new TabStorage() });
  await session.read();
  const conflicts = [];
  const person = () => session.user?.sub ?? null;
  const requests = new Requests({ session, gateway: gateway.origin, signingIn: () => null, changed: () => {} });
  const outbox = new Outbox({ database, person, deliver: (entry) => items.deliver(entry), changed: () => {} });
  const items = new Items({ gateway: gateway.origin, database, outbox, requests, person, conflicted: (conflict) => conflicts.push(conflict) });
  const events = new EventLog({ gateway: gateway.origin, session, requests, outbox });
  const puts = () => gateway.received.filter(({ method }) => method === "PUT");
  return { ...gateway, shelf, database, session, outbox, items, events, conflicts, puts };
}

test("the first save creates, the next says what it replaces", async () => {
  const { items, outbox, puts, shelf } = await parts();
  await items.save("quiz-1", { choice: "a" });
  await outbox.drain();
  await items.save("quiz-1", { choice: "b" });
  await outbox.drain();
  const [first, second] = puts();
  assert.equal(first.path, "/storage/v1/items/quiz-1?kind=answer");
  assert.equal(first.headers["if-none-match"], "*");
  assert.equal(second.headers["if-none-match"], undefined);
  assert.match(second.headers["if-match"], /^"/);
  assert.equal(shelf.get("/storage/v1/items/quiz-1").body, '{"choice":"b"}');
});

test("load gives the value of the gateway, undefined where there is none, and what waits here first", async () => {
  const { items, outbox } = await parts();
  assert.equal(await items.load("p"), undefined);
  await items.save("p", { text: "x" }, { kind: "program", course: "cs1" });
  assert.deepEqual(await items.load("p", { course: "cs1" }), { text: "x" });
  assert.equal(await items.load("p"), undefined);
  await outbox.drain();
  assert.deepEqual(await items.load("p", { course: "cs1" }), { text: "x" });
});

test("what another device saved meanwhile is not overwritten unseen: the page hears of it, ours goes on top", async () => {
  const { items, outbox, puts, shelf, conflicts } = await parts();
  shelf.set("/storage/v1/items/p", { etag: '"theirs"', body: '"theirs"' });
  await items.save("p", "ours", { kind: "program" });
  await outbox.drain();
  assert.deepEqual(conflicts, [{ id: "p", course: "", value: "theirs", etag: '"theirs"' }]);
  assert.equal(shelf.get("/storage/v1/items/p").body, '"ours"');
  const keys = puts().map(({ headers }) => headers["idempotency-key"]);
  assert.equal(new Set(keys).size, 2);
});

for (const [name, answer] of Object.entries({
  "signed out": { status: 401, body: { error: "login_required" } },
  "consent withdrawn": { status: 403, body: { error: "consent_required" } },
  "somebody else": { status: 409, body: { error: "person_changed" } },
  "too many": { status: 429, headers: { "Retry-After": "600" }, body: { error: "too_many_requests" } },
  "gateway down": { status: 502, body: { error: "backend_unavailable" } },
  "sessions down": { status: 503, body: { error: "sessions_unavailable" } },
  "a hotel's page": { status: 200, headers: { "Content-Type": "text/html" }, body: "<p>Welcome" },
})) {
  test(`a save refused (${name}) waits on this device`, async () => {
    const { items, outbox } = await parts(({ method }) => (method === "PUT" ? answer : undefined));
    await items.save("p", 1);
    await outbox.drain();
    assert.deepEqual(await outbox.counts(ADA.sub), { waiting: 1, refused: 0, unclaimed: 0 });
    assert.equal(outbox.stuck, true);
    await outbox.discard(ADA.sub);
    process.nextTick(() => outbox.drain({ now: true })); // ends its timer
  });
}

test("a save that can never be taken is kept, and shown as not saved", async () => {
  const { items, outbox } = await parts(({ method }) => (method === "PUT" ? { status: 413, body: { code: "too_large" } } : undefined));
  await items.save("p", 1);
  await outbox.drain();
  assert.deepEqual(await outbox.counts(ADA.sub), { waiting: 0, refused: 1, unclaimed: 0 });
});

test("the network cut in mid-save: sent again under the same key", async () => {
  let cut = true;
  const { items, outbox, puts } = await parts(({ method }) => (method === "PUT" && cut ? ((cut = false), { status: 504, body: {} }) : undefined));
  await items.save("p", 1);
  await outbox.drain();
  await outbox.drain({ now: true });
  const [first, second] = puts();
  assert.equal(first.headers["idempotency-key"], second.headers["idempotency-key"]);
  assert.equal((await outbox.counts(ADA.sub)).waiting, 0);
});

test("ids that would need a second spelling in a path are refused", async () => {
  const { items } = await parts();
  for (const id of ["", ".", "..", "a/b", "a b", "ü", "a%2fb", "internal", "x".repeat(201)]) {
    await assert.rejects(items.save(id, 1), { code: "invalid_id" }, id);
  }
  await assert.rejects(items.save("a", undefined), { code: "invalid_value" });
  await assert.rejects(items.save("a", 1, { kind: "quiz" }), { code: "invalid_kind" });
});

test("events go out as one batch with ids, numbers and times", async () => {
  const { events, received } = await parts();
  events.log({ type: "Run.Program", item: "p" });
  events.log({ type: "Submit", item: "q" });
  await events.flush();
  const { events: sent } = JSON.parse(received.at(-1).body);
  assert.deepEqual(sent.map(({ type, seq }) => [type, seq]), [["Run.Program", 0], ["Submit", 1]]);
  assert.equal(sent[0].session, sent[1].session);
  assert.equal(received.at(-1).headers["x-bookgate-person"], ADA.sub);
});

test("events that the gateway cannot take now wait with the saves", async () => {
  let down = true;
  const { events, outbox, received } = await parts(({ method }) => (method === "POST" && down ? { status: 503, body: {} } : undefined));
  events.log({ type: "Submit" });
  await events.flush();
  assert.equal((await outbox.counts(ADA.sub)).waiting, 1);
  down = false;
  await outbox.drain();
  assert.equal((await outbox.counts(ADA.sub)).waiting, 0);
  assert.equal(received.at(-1).path, "/analytics/v1/events");
});

test("readers who are not signed in are not recorded", async () => {
  const { events, session, received } = await parts();
  session.user = null;
  events.log({ type: "Submit" });
  await events.flush();
  assert.equal(received.filter(({ method }) => method === "POST").length, 0);
});

test("a page that goes away sends its events at once", async () => {
  const { events, received } = await parts();
  events.log({ type: "Submit" });
  events.leave();
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(received.at(-1).path, "/analytics/v1/events");
});
