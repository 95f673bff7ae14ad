import assert from "node:assert/strict";
import { test } from "node:test";
import { popup, popups, until } from "./fake-page.mjs";
import { ADA, GUEST, opened } from "./opened-book.mjs";

const WANTED = { maxAge: 600, acrValues: "mfa" };

/** A gateway whose marks want a fresh sign-in, and a book of Ada's who signed in long ago. */
async function longAgo({ weak = false } = {}) {
  const state = { user: ADA, fresh: false };
  const refused = { status: 401, body: { error: "step_up_required", max_age: 600, acr_values: "mfa" } };
  return opened(({ path }, now) => {
    if (path === "/auth/confirm") now.fresh = !weak;
    return path.startsWith("/marks/") && !now.fresh ? refused : undefined;
  }, state);
}

/** One click on "sign in", and what its window asked for. */
async function click(book, answer = { code: "C" }) {
  const signingIn = book.signIn();
  const { searchParams: asked } = (await popup(popups.length - 1)).url;
  popups.at(-1).answer(answer);
  return { signingIn, asked: [asked.get("max_age"), asked.get("acr_values")] };
}

test("what a service takes only after a fresh sign-in waits for one click, and nothing else waits with it", async () => {
  const { book, sent } = await longAgo();
  await book.write("/marks/1", { body: "1" });
  await until(() => book.stepUp);
  assert.deepEqual(book.stepUp, WANTED);
  await book.write("/marks/1", { body: "2" });
  await book.save("answer", 7);
  await until(() => sent("/storage/").length === 1);
  await until(() => book.status.waiting === 2);
  assert.deepEqual([sent("/marks/").length, book.status.state], [1, "waiting"]);
  const { signingIn, asked } = await click(book);
  assert.deepEqual(asked, ["600", "mfa"]);
  assert.deepEqual(await signingIn, ADA);
  await until(() => book.status.waiting === 0);
  assert.deepEqual(sent("/marks/").map(({ body }) => body), ["1", "1", "2"], "in order, nothing lost");
  assert.deepEqual([book.stepUp, book.status.state], [null, "saved"]);
  const keys = sent("/marks/").map(({ headers }) => headers["idempotency-key"]);
  assert.equal(keys[0], keys[1]);
});

test("who does not want to sign in once more keeps what waits, and may say so later", async () => {
  const { book, sent } = await longAgo();
  await book.write("/marks/1", { body: "1" });
  await until(() => book.stepUp);
  const { signingIn } = await click(book, { error: "access_denied" });
  await assert.rejects(signingIn, { code: "access_denied" });
  assert.deepEqual([book.stepUp, book.status.waiting, sent("/marks/").length], [WANTED, 1, 1]);
  await (await click(book)).signingIn;
  await until(() => book.status.waiting === 0);
});

test("a page's own request is refused, and the next sign-in asks for what it takes", async () => {
  const { book } = await longAgo();
  const response = await book.fetch("/marks/1");
  assert.deepEqual([response.status, book.stepUp], [401, WANTED]);
  const { asked, signingIn } = await click(book);
  assert.deepEqual(asked, ["600", "mfa"]);
  await signingIn;
  assert.equal((await book.fetch("/marks/1")).status, 200);
  const plain = await click(book, { error: "access_denied" });
  await assert.rejects(plain.signingIn);
  assert.deepEqual(plain.asked, [null, null]);
});

test("a request that is refused while the reader signs in is sent once more", async () => {
  const { book, sent } = await longAgo();
  const signingIn = book.signIn(WANTED);
  await popup();
  const asked = book.fetch("/marks/1", { method: "POST", body: "1" });
  await until(() => sent("/marks/").length === 1);
  popups[0].answer({ code: "C" });
  assert.deepEqual([await signingIn, (await asked).status, book.stepUp], [ADA, 200, null]);
});

test("a sign-in that was not what the service wants is told once more", async () => {
  const { book } = await longAgo({ weak: true });
  await book.write("/marks/1", { body: "1" });
  await until(() => book.stepUp);
  await (await click(book)).signingIn;
  await until(() => book.stepUp && book.status.state === "waiting");
  assert.equal(book.status.waiting, 1);
});

test("a sign-in in another tab, which the service takes too, ends the question here", async () => {
  const { book, state } = await longAgo();
  await book.write("/marks/1", { body: "1" });
  await until(() => book.stepUp);
  state.fresh = true;
  new BroadcastChannel("bookgate-session").postMessage({ merged: null });
  await until(() => book.status.waiting === 0);
  assert.equal(book.stepUp, null);
});

test("nobody else is asked for what one reader was refused, and nothing of theirs is sent as another", async () => {
  const { book, state, sent } = await longAgo();
  await book.write("/marks/1", { body: "1" });
  await until(() => book.stepUp);
  Object.assign(state, { user: GUEST, fresh: true });
  new BroadcastChannel("bookgate-session").postMessage({ merged: null });
  await until(() => book.user.sub === GUEST.sub);
  assert.deepEqual([book.stepUp, sent("/marks/").length], [null, 1]);
});
