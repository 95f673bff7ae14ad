import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { MemoryDatabase } from "../../client/memory-database.js";
import { Outbox } from "../../client/outbox.js";
import { Requests } from "../../client/requests.js";
import { Saving } from "../../client/saving.js";
import { Session } from "../../client/session.js";
import { TabStorage, scriptedGateway } from "./scripted-gateway.mjs";

globalThis.location = { pathname: "/" };

const ADA = { sub: "p-ada", name: "Ada" };
const stops = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** @param {string[]} ids @param {Map<string, {etag: string, body: string}>} shelf */
function together(ids, shelf) {
  const there = (id) => ({ id, ...shelf.get(`/storage/v1/items/${id}`) });
  const found = ids.map(there).filter(({ etag }) => etag);
  return { contents: found.filter(({ body }) => body.length < 100), apart: found.filter(({ body }) => body.length >= 100).map(({ id }) => id) };
}

/** A storage service of one shelf, signed in as Ada; `rules` come first. */
async function parts(rules = () => undefined) {
  const shelf = new Map();
  const gateway = await scriptedGateway((request) => {
    const ruled = rules(request, shelf);
    if (ruled) return ruled;
    const { pathname, searchParams } = new URL(request.path, "http://gw");
    if (pathname === "/storage/v1/contents") return { body: together(searchParams.get("ids").split(","), shelf) };
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
  const [book, changed, conflicted] = [() => session.book, () => {}, (conflict) => conflicts.push(conflict)];
  const outbox = new Outbox({ database, person, book, deliver: (entry) => saving.deliver(entry), changed });
  const saving = new Saving({ gateway: gateway.origin, database, session, requests, outbox, person, book, conflicted, changed });
  const { items, events, waiting } = saving;
  const puts = () => gateway.received.filter(({ method }) => method === "PUT");
  const counts = async () => {
    const { waiting, failed, unclaimed } = await outbox.status(ADA.sub);
    return { waiting, failed, unclaimed };
  };
  return { ...gateway, shelf, database, session, outbox, saving, items, events, waiting, conflicts, puts, counts };
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

test("what a page asks for as it begins goes in one request; what is too much for it is read by itself", async () => {
  const { items, shelf, received } = await parts();
  shelf.set("/storage/v1/items/q3", { etag: '"3"', body: '"three"' });
  shelf.set("/storage/v1/items/q5", { etag: '"5"', body: JSON.stringify("5".repeat(100)) });
  const before = received.length;
  const values = await Promise.all(Array.from({ length: 20 }, (_, number) => items.load(`q${number}`)));
  assert.deepEqual([values[3], values[5].length, values.filter((value) => value === undefined).length], ["three", 100, 18]);
  const [first, second, ...more] = received.slice(before).map(({ path }) => path);
  assert.match(first, /^\/storage\/v1\/contents\?ids=q0%2Cq1%2C/);
  assert.deepEqual([second, more], ["/storage/v1/items/q5", []]);
});

test("no request names more than the storage service takes, and another course is another request", async () => {
  const { items, received } = await parts();
  const before = received.length;
  const many = Array.from({ length: 101 }, (_, number) => items.load(`q${number}`));
  const long = Array.from({ length: 11 }, (_, number) => items.load(`${number}`.padStart(199, "n"), { course: "cs1" }));
  await Promise.all([...many, ...long]);
  const asked = received.slice(before).map(({ path }) => new URL(path, "http://gw").searchParams);
  // they go out together, so they may arrive in any order
  const sizes = asked.map((query) => `${query.get("course")} ${query.get("ids").split(",").length}`);
  assert.deepEqual(sizes.sort(), ["cs1 1", "cs1 10", "null 1", "null 100"]);
});

test("a read that is refused says so to everyone who asked", async () => {
  const { items } = await parts(({ path }) => (path.includes("/contents") ? { status: 503, body: { error: "sessions_unavailable" } } : undefined));
  const told = await Promise.allSettled([items.load("a"), items.load("b")]);
  assert.deepEqual(told.map(({ reason }) => reason?.code), ["sessions_unavailable", "sessions_unavailable"]);
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
    const { items, outbox, waiting } = await parts(({ method }) => (method === "PUT" ? answer : undefined));
    await items.save("p", 1);
    await outbox.drain();
    const { state, waiting: count, reason } = await outbox.status(ADA.sub);
    assert.deepEqual({ state, count, reason }, { state: "waiting", count: 1, reason: null });
    await waiting.discard(ADA.sub);
    process.nextTick(() => outbox.drain({ now: true })); // ends its timer
  });
}

for (const [status, code] of [[413, "too_large"], [422, "idempotency_key_reused"], [507, "quota_exceeded"]]) {
  test(`a save that cannot be taken (${code}) is kept, shown as not saved with the reason, and does not hold up the others`, async () => {
    const { items, outbox, counts, waiting } = await parts(({ method, path }) => (method === "PUT" && path.includes("/p?") ? { status, body: { code } } : undefined));
    await items.save("p", 1);
    await items.save("q", 2);
    await outbox.drain();
    assert.deepEqual(await counts(), { waiting: 0, failed: 1, unclaimed: 0 });
    const { state, reason } = await outbox.status(ADA.sub);
    assert.deepEqual({ state, reason }, { state: "failed", reason: code });
    const { work } = JSON.parse(await (await waiting.file(ADA, "https://gw")).text());
    assert.deepEqual(work.map(({ id, refused, value }) => [id, refused, value]), [["p", code, 1]]);
  });
}

test("the network cut in mid-save: sent again under the same key", async () => {
  let cut = true;
  const { items, outbox, puts, counts } = await parts(({ method }) => (method === "PUT" && cut ? ((cut = false), { status: 504, body: {} }) : undefined));
  await items.save("p", 1);
  await outbox.drain();
  await outbox.drain({ now: true });
  const [first, second] = puts();
  assert.equal(first.headers["idempotency-key"], second.headers["idempotency-key"]);
  assert.equal((await counts()).waiting, 0);
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
  const { events, outbox, received, database, counts } = await parts(({ method }) => (method === "POST" && down ? { status: 503, body: {} } : undefined));
  events.log({ type: "Submit" });
  await events.flush();
  assert.equal((await database.all("outbox")).length, 1);
  assert.equal((await counts()).waiting, 0, "events are not the reader's work");
  down = false;
  await outbox.drain();
  assert.equal((await database.all("outbox")).length, 0);
  assert.equal((await outbox.status(ADA.sub)).savedAt, null);
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
  const { events, received, saving } = await parts();
  events.log({ type: "Submit" });
  saving.leave();
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(received.at(-1).path, "/analytics/v1/events");
});
