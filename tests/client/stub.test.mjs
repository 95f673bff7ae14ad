import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "./fake-page.mjs";

await import("../../client/bookgate-stub.js");
const { bookgate: stub } = globalThis;

test("a page whose gateway never comes has a book that keeps values, and says where they are", async () => {
  const connecting = stub.connect();
  dispatchEvent(new Event("load"));
  const book = await connecting;
  assert.deepEqual([book.user, book.reachable, book.mode], [null, false, null]);
  let changes = 0;
  book.addEventListener("change", () => (changes += 1));
  await book.save("a", { n: 1 });
  await book.save("a", { n: 2 });
  await book.save("b", 3, { kind: "progress" });
  book.log({ type: "Submit" });
  assert.deepEqual([await book.load("a"), await book.load("c"), changes], [{ n: 2 }, undefined, 3]);
  assert.deepEqual([book.status.state, book.status.unclaimed, book.status.kept], ["waiting", 2, false]);
  for (const name of ["signIn", "fetch", "write", "webSocket", "eventStream", "beginGuest"]) await assert.rejects(book[name]("/x"), { code: "unreachable" });
  assert.equal(await book.signInSilently(), null);
});

test("does the gateway's script come after all, then it gets what was saved", async () => {
  const saved = [];
  const real = { save: async (...words) => void saved.push(words) };
  globalThis.bookgate = { connect: async () => real };
  document.dispatchEvent(new Event("bookgate-ready"));
  await until(() => saved.length === 2);
  assert.deepEqual(saved, [["a", { n: 2 }, undefined], ["b", 3, { kind: "progress" }]]);
  assert.equal(await stub.connect(), real);
});

test("a stub beside the real thing does nothing", async () => {
  const before = globalThis.bookgate;
  await import("../../client/bookgate-stub.js?again");
  assert.equal(globalThis.bookgate, before);
});
