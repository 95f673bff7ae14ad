import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { afterEach, test } from "node:test";
import { MemoryDatabase } from "../../client/memory-database.js";
import { Outbox } from "../../client/outbox.js";
import { Requests } from "../../client/requests.js";
import { Saving } from "../../client/saving.js";
import { Session } from "../../client/session.js";
import { LANGUAGES, choose, loadTexts, say } from "../../client/texts.js";
import { TabStorage, scriptedGateway } from "./scripted-gateway.mjs";

const ADA = { sub: "p-ada", name: "Ada" };
const WRITE = { person: ADA.sub, type: "write", method: "POST", contentType: "text/plain", item: null };
const stops = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** A device with no room for what is larger than `room`. */
class FullDatabase extends MemoryDatabase {
  room = 0;
  async add(store, value) {
    if (JSON.stringify(value).length > this.room) throw new DOMException("full", "QuotaExceededError");
    return super.add(store, value);
  }
}

async function parts({ answer = () => ({}), database = new MemoryDatabase(), book = null } = {}) {
  const gateway = await scriptedGateway((request) => (request.path === "/auth/session" ? { body: { user: ADA, expires_in: 9 } } : answer(request)));
  stops.push(gateway.stop);
  const session = new Session({ gateway: gateway.origin, database, tab: new TabStorage() });
  await session.read();
  const [person, changed] = [() => session.user?.sub ?? null, () => {}];
  const requests = new Requests({ session, gateway: gateway.origin, signingIn: () => null, changed });
  const outbox = new Outbox({ database, person, book: () => book, deliver: (entry) => saving.deliver(entry), changed });
  const saving = new Saving({ gateway: gateway.origin, database, session, requests, outbox, person, book: () => book, conflicted: changed, changed });
  const posts = () => gateway.received.filter(({ method }) => method !== "GET");
  return { outbox, saving, session, database, posts };
}

const until = async (condition) => {
  for (let tries = 0; tries < 100 && !condition(); tries++) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(condition());
};

test("any write goes out as it was given, with key, person, book and the device's time", async () => {
  const { outbox, posts } = await parts({ book: "cs1" });
  const before = Date.now();
  await outbox.add({ ...WRITE, path: "/ns/logger/bookevent", body: "a=1" });
  await outbox.drain();
  const [{ path, body, headers }] = posts();
  assert.deepEqual([path, body, headers["content-type"]], ["/ns/logger/bookevent", "a=1", "text/plain"]);
  assert.deepEqual([headers["x-bookgate-person"], headers["x-bookgate-book"]], [ADA.sub, "cs1"]);
  assert.ok(headers["idempotency-key"]);
  assert.ok(Math.abs(Date.parse(headers["x-bookgate-time"]) - before) < 5000);
});

test("a clock that is wrong reorders nothing, and one beyond all years is not told", async (context) => {
  const { outbox, posts } = await parts();
  for (const [now, body] of [[4e12, "first"], [1e12, "second"], [3e14, "third"]]) {
    context.mock.timers.enable({ apis: ["Date"], now });
    await outbox.add({ ...WRITE, path: "/w", body });
    context.mock.timers.reset();
  }
  await outbox.drain();
  assert.deepEqual(posts().map(({ body }) => body), ["first", "second", "third"]);
  assert.deepEqual(posts().map(({ headers }) => headers["x-bookgate-time"]), ["2096-10-02T07:06:40.000Z", "2001-09-09T01:46:40.000Z", undefined]);
});

test("a page of HTML is no receipt", async () => {
  const { outbox, saving } = await parts({ answer: () => ({ headers: { "Content-Type": "text/html" }, body: "<p>Welcome" }) });
  await outbox.add({ ...WRITE, path: "/w", body: "1" });
  await outbox.drain();
  assert.equal((await outbox.status(ADA.sub)).state, "waiting");
  await saving.waiting.discard(ADA.sub);
  await outbox.drain({ now: true }); // ends its timer
});

test("a page that goes sends the first of each thing, 60 kB in all; the answers are heard once", async () => {
  const { outbox, saving, posts } = await parts();
  const large = "x".repeat(25_000);
  for (const [path, body] of [["/a", "1"], ["/a", "2"], ["/b", large], ["/c", large], ["/d", large], ["/e", "5"]]) {
    await outbox.add({ ...WRITE, path, body });
  }
  saving.leave();
  await until(() => posts().length === 4);
  assert.deepEqual(posts().map(({ path, body }) => path + body.length).sort(), ["/a1", "/b25000", "/c25000", "/e1"]);
  await outbox.drain();
  assert.equal(posts().length, 6, "what was sent is not sent again");
  assert.deepEqual((await outbox.status(ADA.sub)).state, "saved");
});

test("what is added as the page goes is sent before the device has it", async () => {
  const { outbox, saving, posts } = await parts();
  const added = outbox.add({ ...WRITE, path: "/w", body: "last words" });
  saving.leave();
  await added;
  await until(() => posts().length === 1);
  await outbox.drain();
  assert.equal(posts().length, 1);
});

test("what belongs to somebody else is not sent when the page goes", async () => {
  const { outbox, saving, posts } = await parts();
  await outbox.add({ ...WRITE, person: "p-bob", path: "/w", body: "of Bob" });
  await outbox.add({ ...WRITE, person: null, path: "/w", body: "nobody's" });
  saving.leave();
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(posts().length, 0);
});

test("a full device: sent past it, or refused as device_full; what waited before stays", async () => {
  const database = new FullDatabase();
  let status = 200;
  const { outbox, posts } = await parts({ database, answer: () => ({ status }) });
  await outbox.add({ ...WRITE, path: "/w", body: "past the device" });
  assert.equal(posts().length, 1);
  assert.equal((await outbox.status(ADA.sub)).state, "saved");
  status = 503;
  database.room = 1000;
  await outbox.add({ ...WRITE, path: "/w", body: "older" });
  await assert.rejects(outbox.add({ ...WRITE, path: "/x", body: "x".repeat(2000) }), { code: "device_full" });
  const { state, reason, waiting } = await outbox.status(ADA.sub);
  assert.deepEqual({ state, reason, waiting }, { state: "failed", reason: "device_full", waiting: 1 });
  status = 200;
  await outbox.add({ ...WRITE, path: "/x", body: "x".repeat(2000) });
  assert.deepEqual(posts().slice(-2).map(({ body }) => body.slice(0, 5)), ["older", "xxxxx"]);
  assert.equal((await outbox.status(ADA.sub)).state, "saved");
});

test("a refused write that a newer one of its item overtook is not sent again", async () => {
  const statuses = [507];
  const { outbox, saving, posts } = await parts({ answer: () => ({ status: statuses.pop() ?? 200, headers: { ETag: '"1"' }, body: { code: "quota_exceeded" } }) });
  await saving.items.save("q", "first");
  await saving.items.save("q", "second");
  await outbox.drain();
  await saving.waiting.retryRefused();
  await outbox.drain({ now: true });
  assert.deepEqual(posts().map(({ body }) => body), ['"first"', '"second"']);
  assert.equal((await outbox.status(ADA.sub)).failed, 0);
});

test("what a guest could not send becomes a person's, or nobody's", async () => {
  const { outbox, saving } = await parts();
  await outbox.add({ ...WRITE, person: "guest", path: "/w", body: "1" });
  await saving.waiting.hand("guest", null);
  assert.equal((await outbox.status(ADA.sub)).unclaimed, 1);
  await saving.waiting.claim(ADA.sub);
  assert.equal((await outbox.status(ADA.sub)).waiting, 1);
});

test("what is nobody's is asked about in its own book only", async () => {
  const database = new MemoryDatabase();
  const one = await parts({ database, book: "one" });
  const two = await parts({ database, book: "two" });
  await one.outbox.add({ ...WRITE, person: null, path: "/w", body: "1" });
  assert.equal((await one.outbox.status(ADA.sub)).unclaimed, 1);
  assert.equal((await two.outbox.status(ADA.sub)).unclaimed, 0);
  await two.saving.waiting.claim(ADA.sub);
  await two.saving.waiting.discard(null);
  assert.equal((await one.outbox.status(ADA.sub)).unclaimed, 1);
});

test("the file holds what a reader would lose, in words", async () => {
  const { outbox, saving } = await parts();
  await saving.items.save("p", { text: "fd 10" }, { kind: "program", course: "cs1" });
  await outbox.add({ ...WRITE, path: "/ns/logger/bookevent", body: "a=1", label: "question 1" });
  await outbox.add({ ...WRITE, person: null, path: "/w", body: "2" });
  await outbox.add({ ...WRITE, person: "p-bob", path: "/w", body: "of Bob" });
  await outbox.add({ ...WRITE, type: "events", path: "/analytics/v1/events", body: "[]" });
  const file = JSON.parse(await (await saving.waiting.file(ADA, "https://gw")).text());
  assert.equal(file.of, "Ada");
  assert.deepEqual(file.work.map(({ id, value }) => [id, value]), [["p", { text: "fd 10" }], ["question 1", "a=1"], ["/w", 2]]);
  assert.ok(file.work.every(({ time }) => !Number.isNaN(Date.parse(time))));
});

test("all languages have the same keys, every code has words, and the best one is chosen", async () => {
  assert.deepEqual([...LANGUAGES].sort(), readdirSync(new URL("../../client/texts", import.meta.url)).filter((name) => /^[a-z]+\.js$/.test(name)).map((name) => name.slice(0, -3)).sort());
  const [english, ...others] = await Promise.all(LANGUAGES.map(loadTexts));
  for (const other of others) assert.deepEqual(Object.keys(other), Object.keys(english));
  for (const texts of [english, ...others]) {
    for (const key of Object.keys(texts)) {
      assert.equal(typeof texts[key], typeof english[key], key);
      for (const count of [1, 3]) assert.ok(say(texts, key, { count, time: "10:42", name: "Ada" }).length > 1, key);
    }
  }
  assert.equal(choose(["de-AT", "en"]), "de");
  assert.equal(choose(["fr", "de"]), "de");
  assert.equal(choose([]), "en");
  assert.equal(say(english, "constructor"), "");
});

test("the element says nothing that has no words", () => {
  const [element, menu, english] = ["sign-in-element.js", "menu.js", "texts/en.js"].map((name) => readFileSync(new URL(`../../client/${name}`, import.meta.url), "utf8"));
  const said = [...`${element}${menu}`.matchAll(/\btext\("(\w+)"/g)].map(([, key]) => key);
  assert.ok(said.length > 20);
  for (const key of said) assert.match(english, new RegExp(`^  ${key}:`, "m"));
});
