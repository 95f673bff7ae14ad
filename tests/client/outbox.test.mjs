import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { MemoryDatabase } from "../../client/memory-database.js";
import { Outbox } from "../../client/outbox.js";
import { Waiting } from "../../client/waiting.js";

/** An outbox whose deliveries answer what the test says, in turn; after that, "sent". */
function outbox({ person = "ada", book = null, outcomes = [], database = new MemoryDatabase() } = {}) {
  const seen = { delivered: [], person, database };
  const waiting = new Waiting({ database, book: () => book, changed: () => {} });
  const box = new Outbox({
    database,
    person: () => seen.person,
    book: () => book,
    changed: () => {},
    deliver: async (entry) => {
      seen.delivered.push(entry);
      const outcome = outcomes.shift() ?? { sent: true };
      return typeof outcome === "function" ? outcome() : outcome;
    },
  });
  const counts = async (who) => {
    const { waiting: count, failed, unclaimed } = await box.status(who);
    return { waiting: count, failed, unclaimed };
  };
  return { box, seen, waiting, counts };
}

const item = (id, body, { person = "ada", kind = "program" } = {}) => ({
  person, type: "item", method: "PUT", path: `/${id}`, body, item: { id, course: "", kind },
});
const bodies = (seen) => seen.delivered.map(({ body }) => body);

test("writes are sent in order, each once, and then forgotten", async () => {
  const { box, seen, counts } = outbox();
  for (const id of ["a", "b", "c"]) await box.add(item(id, id));
  await box.drain();
  await box.drain();
  assert.deepEqual(bodies(seen), ["a", "b", "c"]);
  assert.deepEqual(await counts("ada"), { waiting: 0, failed: 0, unclaimed: 0 });
  assert.ok((await box.status("ada")).savedAt);
  assert.equal((await box.status("bob")).savedAt, null, "not the time of the reader before");
});

test("what another tab sent for this one is saved here too", async () => {
  const { box, seen } = outbox({ outcomes: [{ later: 60 }] });
  const other = outbox({ database: seen.database });
  await box.add(item("a", "1"));
  await box.drain();
  assert.equal((await box.status("ada")).state, "waiting");
  await other.box.drain();
  assert.deepEqual([bodies(other.seen), (await box.status("ada")).waiting], [["1"], 0]);
  assert.equal((await box.status("ada")).state, "saved");
  await box.drain({ now: true }); // no pause outlives the test
});

test("a program that was never tried is replaced; an answer never is", async () => {
  const { box, seen } = outbox();
  await box.add(item("p", "one"));
  await box.add(item("p", "two"));
  await box.add(item("q", "first", { kind: "answer" }));
  await box.add(item("q", "second", { kind: "answer" }));
  await box.drain();
  assert.deepEqual(bodies(seen), ["two", "first", "second"]);
});

test("a write that was tried keeps body and key: the gateway may have it", async () => {
  const { box, seen } = outbox({ outcomes: [{ later: 0.01 }] });
  await box.add(item("p", "one"));
  await box.drain();
  assert.equal((await box.status("ada")).state, "waiting");
  await box.add(item("p", "two"));
  await box.drain({ now: true });
  assert.deepEqual(bodies(seen), ["one", "one", "two"]);
  assert.equal(seen.delivered[0].key, seen.delivered[1].key);
  assert.notEqual(seen.delivered[1].key, seen.delivered[2].key);
  assert.equal((await box.status("ada")).state, "saved");
});

test("a failure stops the line, and the pause is kept", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { box, seen } = outbox({ outcomes: [{ later: 7 }] });
  await box.add(item("a", "a"));
  await box.add(item("b", "b"));
  await box.drain();
  await box.drain(); // a save during the pause
  assert.deepEqual(bodies(seen), ["a"]);
  mock.timers.tick(6999);
  assert.deepEqual(bodies(seen), ["a"]);
  mock.timers.tick(1);
  mock.timers.reset();
  await box.drain({ now: true });
  assert.deepEqual(bodies(seen), ["a", "a", "b"]);
});

test("a write that is refused for good is kept, does not hold up the others, and is tried at the next visit", async () => {
  const { box, seen, counts, waiting } = outbox({ outcomes: [{ refused: "too_large" }] });
  await box.add(item("a", "a"));
  await box.add(item("b", "b"));
  await box.drain();
  assert.deepEqual(await counts("ada"), { waiting: 0, failed: 1, unclaimed: 0 });
  await waiting.retryRefused();
  await box.drain();
  assert.deepEqual(bodies(seen), ["a", "b", "a"]);
  assert.deepEqual(await counts("ada"), { waiting: 0, failed: 0, unclaimed: 0 });
});

test("a refused write gives way to a newer one of its item", async () => {
  const { box, seen, counts } = outbox({ outcomes: [{ refused: "too_large" }] });
  await box.add(item("a", "large"));
  await box.drain();
  await box.add(item("a", "small"));
  await box.drain();
  assert.deepEqual(bodies(seen), ["large", "small"]);
  assert.deepEqual(await counts("ada"), { waiting: 0, failed: 0, unclaimed: 0 });
});

test("one person's writes are never sent as another", async () => {
  const { box, seen } = outbox({ person: "bob" });
  await box.add(item("a", "of ada", { person: "ada" }));
  await box.add(item("a", "of bob", { person: "bob" }));
  await box.drain();
  assert.deepEqual(bodies(seen), ["of bob"]);
  seen.person = "ada";
  await box.drain();
  assert.deepEqual(bodies(seen), ["of bob", "of ada"]);
});

test("the person is asked before each write: an account switched in between stops the line", async () => {
  const { box, seen, counts } = outbox({ outcomes: [() => ((seen.person = "bob"), { sent: true })] });
  await box.add(item("a", "a"));
  await box.add(item("b", "b"));
  await box.drain();
  assert.deepEqual(bodies(seen), ["a"]);
  assert.equal((await counts("ada")).waiting, 1);
});

test("what nobody made goes out only after a reader says that it is theirs", async () => {
  const { box, seen, counts, waiting } = outbox({ person: null });
  await box.add(item("a", "a", { person: null }));
  await box.drain();
  seen.person = "ada";
  await box.drain();
  assert.deepEqual(bodies(seen), []);
  assert.deepEqual(await counts("ada"), { waiting: 0, failed: 0, unclaimed: 1 });
  await waiting.claim("ada");
  await box.drain();
  assert.deepEqual(bodies(seen), ["a"]);
});

test("what nobody claims can be erased, and so can one person's, not another's", async () => {
  const { box, counts, waiting } = outbox({ person: null });
  for (const person of [null, "ada", "bob"]) await box.add(item("a", "a", { person }));
  await waiting.discard(null);
  await waiting.discard("ada");
  assert.deepEqual(await counts("ada"), { waiting: 0, failed: 0, unclaimed: 0 });
  assert.equal((await counts("bob")).waiting, 1);
});

test("the newest waiting write of an item is what a page sees", async () => {
  const { box } = outbox({ person: null });
  await box.add(item("a", "one", { kind: "answer" }));
  await box.add(item("a", "two", { kind: "answer" }));
  assert.equal((await box.latest("ada", "a", "")).body, "two");
  assert.equal(await box.latest("bob", "a", ""), null);
  assert.equal(await box.latest("ada", "a", "another course"), null);
});

test("a second outbox on the same device, another tab, sends what the first left", async () => {
  const { box, seen } = outbox({ outcomes: [{ later: 600 }] });
  await box.add(item("a", "a"));
  await box.drain();
  const { box: other, seen: there } = outbox({ database: seen.database });
  await other.drain();
  assert.deepEqual(bodies(there), ["a"]);
  await box.drain({ now: true });
  assert.deepEqual(bodies(seen), ["a"]);
});
