import assert from "node:assert/strict";
import { test } from "node:test";
import { popup, popups, until } from "./fake-page.mjs";
import { ADA, GUEST, now, opened } from "./opened-book.mjs";

/** A book whose gateway says that research asks Ada something. */
async function asking({ user = ADA, books = undefined, studies = ["ada-cs1"] } = {}) {
  const state = { user, studies };
  return opened(({ path }, { user: who, guests }) => {
    if (path !== "/auth/session") return undefined;
    return { body: { user: who, guests, books, ...(who === ADA && state.studies && { studies: state.studies }), expires_in: 9, now: now() } };
  }, state);
}

async function save(book) {
  await book.save("answer", 7);
  await until(() => book.status.state === "saved");
}

test("a reader is asked after a first save, and never before it", async () => {
  const { book, origin } = await asking();
  assert.equal(book.question, null);
  await save(book);
  assert.equal(book.question.href, `${origin}/auth/studies`);
});

test("in the books that are asked, and in no other of the same origin", async () => {
  const books = { "/cs1/": "ada-cs1", "/cs2/": "ada-cs2" };
  for (const [studies, asks] of [[["ada-cs1"], true], [["ada-cs2"], false]]) {
    const { book } = await asking({ books, studies });
    await save(book);
    assert.equal(book.question !== null, asks);
  }
});

test("what was answered on the gateway's page is asked no more", async () => {
  const { book, state } = await asking();
  await save(book);
  state.studies = null;
  new BroadcastChannel("bookgate-session").postMessage({ merged: null });
  await until(() => book.question === null);
});

test("not now means not again on this device, for this reader", async () => {
  const { book, state } = await asking();
  await save(book);
  let changes = 0;
  book.addEventListener("change", () => (changes += 1));
  await book.question.later();
  assert.equal(book.question, null);
  await until(() => changes > 0);
  await save(book);
  assert.equal(book.question, null);
  state.user = null;
  await book.signOut();
  state.user = ADA;
  new BroadcastChannel("bookgate-session").postMessage({ merged: null });
  await until(() => book.user?.sub === ADA.sub);
  await save(book);
  assert.notEqual(book.question, null, "a sign-out leaves nothing of theirs here");
});

test("guests are not asked; who signs in is, once more of theirs is saved", async () => {
  const { book, state } = await asking({ user: GUEST });
  await save(book);
  assert.equal(book.question, null);
  state.user = ADA;
  new BroadcastChannel("bookgate-session").postMessage({ merged: null });
  await until(() => book.user?.sub === ADA.sub);
  assert.equal(book.question, null);
  await save(book);
  assert.notEqual(book.question, null);
});

test("a sign-in tells it too", async () => {
  const { book } = await opened(({ path }, state) => {
    if (path !== "/auth/confirm") return undefined;
    state.user = ADA;
    return { body: { mode: "cookie", keep: true, user: ADA, studies: ["ada-cs1"], now: now() } };
  });
  const signingIn = book.signIn();
  await popup();
  popups[0].answer({ code: "C" });
  await signingIn;
  await save(book);
  assert.notEqual(book.question, null);
});
