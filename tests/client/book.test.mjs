import assert from "node:assert/strict";
import { test } from "node:test";
import { agent, popup, popups, until } from "./fake-page.mjs";
import { ADA, GUEST, form, opened, stops } from "./opened-book.mjs";

const { openBook } = await import("../../client/book.js");

const { open: openPopup } = globalThis;

test("a click opens the gateway's page, and its answer signs in", async () => {
  const { book, sent, origin } = await opened();
  const signingIn = book.signIn();
  const { searchParams: asked } = (await popup()).url;
  assert.deepEqual([asked.get("client_id"), asked.get("response_mode"), asked.get("prompt"), asked.get("guest")], ["https://book.test", "web_message", null, null]);
  assert.equal(asked.get("redirect_uri"), "https://book.test/cs1/bookgate-return.html");
  popups[0].answer({ code: "C" });
  assert.deepEqual(await signingIn, ADA);
  assert.equal(form(sent("/auth/token")[0]).get("code"), "C");
  assert.equal((await openBook({ gateway: origin })).user.sub, "p-ada", "one book for each gateway");
});

test("an answer with another state, issuer, origin or from another window is not heard", async () => {
  const { book } = await opened();
  const signingIn = book.signIn();
  const asking = await popup();
  asking.answer({ code: "X", state: "other" });
  asking.answer({ code: "X", iss: "https://evil.test" });
  const data = { code: "X", state: asking.url.searchParams.get("state"), iss: asking.url.origin };
  window.dispatchEvent(Object.assign(new Event("message"), { data, origin: "https://evil.test", source: asking }));
  window.dispatchEvent(Object.assign(new Event("message"), { data, origin: asking.url.origin, source: {} }));
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(book.user, null);
  asking.answer({ code: "C" });
  assert.deepEqual(await signingIn, ADA);
});

test("a popup that lost its opener answers over the return page", async () => {
  const { book } = await opened();
  const signingIn = book.signIn();
  const severed = await popup();
  severed.close(); // as a severed window reads
  const [state, iss] = [severed.url.searchParams.get("state"), severed.url.origin];
  const channel = new BroadcastChannel("bookgate-return");
  const receipt = new Promise((resolve) => (channel.onmessage = ({ data }) => resolve(data)));
  channel.postMessage({ answer: new URLSearchParams({ code: "X", state: "other", iss }).toString() });
  channel.postMessage({ answer: new URLSearchParams({ code: "C", state, iss }).toString() });
  assert.deepEqual(await signingIn, ADA);
  assert.deepEqual(await receipt, { taken: state });
});

test("a gateway that wants a click is asked again with prompt=consent", async () => {
  let refuse = true;
  const { book } = await opened(({ path }) => (path === "/auth/confirm" && refuse ? { status: 400, body: { error: "interaction_required" } } : undefined));
  const first = book.signIn();
  (await popup()).answer({ code: "C" });
  await assert.rejects(first, { code: "interaction_required" });
  assert.equal(book.error.code, "interaction_required");
  refuse = false;
  const second = book.signIn();
  assert.equal((await popup(1)).url.searchParams.get("prompt"), "consent");
  popups[1].answer({ code: "C" });
  assert.deepEqual([await second, book.error], [ADA, null]);
});

test("a silent sign-in signs in, or leaves everything as it was", async () => {
  const { book } = await opened();
  for (const [index, error] of ["login_required", "interaction_required"].entries()) {
    const silent = book.signInSilently();
    assert.equal((await popup(index)).url.searchParams.get("prompt"), "none");
    popups[index].answer({ error });
    assert.deepEqual([await silent, book.error, popups[index].closed], [null, null, true]);
  }
  const click = book.signIn();
  assert.equal((await popup(2)).url.searchParams.get("prompt"), null);
  popups[2].answer({ error: "access_denied" });
  await assert.rejects(click, { code: "access_denied" });
  const silent = book.signInSilently();
  (await popup(3)).answer({ code: "C" });
  assert.deepEqual(await silent, ADA);
  assert.deepEqual([await book.signInSilently(), popups.length], [ADA, 4]);
});

test("a blocked popup leaves the page, but never for a silent sign-in", async () => {
  const { book, origin } = await opened();
  stops.push(() => (globalThis.open = openPopup));
  globalThis.open = () => null;
  assert.equal(await book.signInSilently(), null);
  let left = 0;
  book.addEventListener("leaving", () => (left += 1));
  void book.signIn();
  await until(() => globalThis.wentTo);
  assert.equal(left, 1);
  assert.equal(new URL(globalThis.wentTo).searchParams.get("response_mode"), "fragment");
  assert.equal(JSON.parse(sessionStorage.getItem("bookgate.flow")).gateway, origin);
});

test("in a frame a window that is closed without an answer leads to a tab of the book's own", async () => {
  const { book } = await opened();
  globalThis.top = {};
  stops.push(() => (globalThis.top = globalThis));
  const signingIn = book.signIn();
  (await popup()).close();
  await assert.rejects(signingIn, { code: "framed" });
  globalThis.open = () => null;
  await assert.rejects(book.signIn(), { code: "framed" });
  globalThis.open = openPopup;
});

for (const [name, userAgent] of Object.entries({
  android: "Mozilla/5.0 (Linux; Android 14; Pixel 8; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/126.0 Mobile Safari/537.36",
  instagram: "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Instagram 330.0",
  facebook: "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/126 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/465.0;]",
  wechat: "Mozilla/5.0 (Linux; Android 13) AppleWebKit/537.36 Chrome/107 Mobile Safari/537.36 MicroMessenger/8.0.49",
  line: "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari Line/14.7.0",
  linkedin: "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 [LinkedInApp]/9.29",
  "an app on iOS": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
})) {
  test(`inside an app the reader is told: ${name}`, async () => {
    const { book } = await opened();
    agent.userAgent = userAgent;
    await assert.rejects(book.signIn(), { code: "in_app" });
    assert.deepEqual([book.error.code, popups.length], ["in_app", 0]);
  });
}

test("browsers on phones are not taken for apps", async () => {
  const { book } = await opened();
  globalThis.wentTo = null;
  agent.userAgent = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/126.0 Mobile/15E148 Safari/604.1";
  void book.signIn();
  await until(() => globalThis.wentTo);
  assert.equal(popups.length, 0);
});

test("the first save begins a guest, once, and is saved as theirs", async () => {
  const { book, sent } = await opened(undefined, { guests: true });
  await Promise.all([book.save("a", 1), book.save("b", 2)]);
  await until(() => sent("/storage/").length === 2);
  assert.deepEqual(book.user, GUEST);
  assert.equal(sent("/auth/token").length, 1);
  assert.deepEqual(sent("/storage/").map(({ headers }) => headers["x-bookgate-person"]), ["p-guest", "p-guest"]);
});

test("where no guests are let in, work waits for a reader; so it does after a refusal", async () => {
  const { book, sent, state } = await opened(({ path }) => (path === "/auth/token" ? { status: 403, body: { error: "guests_refused" } } : undefined));
  await book.save("a", 1);
  assert.deepEqual([sent("/auth/token").length, book.status.unclaimed], [0, 1]);
  state.guests = true;
  await assert.rejects(book.beginGuest(), { code: "guests_refused" });
  await book.save("b", 1);
  await until(() => sent("/auth/token").length === 2);
  await book.save("c", 1);
  await until(() => book.status.unclaimed === 3);
  assert.deepEqual([book.user, sent("/auth/token").length], [null, 2]);
});

for (const [merge, merged, owner] of [["done", true, "p-ada"], ["later", false, "p-ada"], ["failed", false, null], ["none", false, null]]) {
  test(`what a guest could not send is ${owner ? "the reader's" : "nobody's"} after a merge that is ${merge}`, async () => {
    const away = { status: 503, headers: { "Retry-After": "90" }, body: { error: "backend_unavailable" } };
    const { book, sent, state } = await opened(({ path }, { user }) => (path.startsWith("/storage/") && user?.guest ? away : undefined), { guests: true });
    await book.save("a", 1);
    await until(() => book.user?.guest);
    Object.assign(state, { merged, merge });
    let cleared = 0;
    book.addEventListener("signedout", () => (cleared += 1));
    const signingIn = book.signIn();
    assert.equal((await popup()).url.searchParams.get("guest"), "1");
    popups[0].answer({ code: "C" });
    assert.deepEqual(await signingIn, ADA);
    if (owner) await until(() => sent("/storage/").some(({ headers }) => headers["x-bookgate-person"] === owner));
    else await until(() => book.status.unclaimed === 1);
    assert.equal(cleared, owner ? 0 : 1, "what is not the reader's goes from the screen");
  });
}

test("a guest begins with what this page did, not with what an earlier reader left", async () => {
  const { book, state } = await opened();
  const { now: clock } = Date;
  Date.now = () => clock() - 3_600_000; // as when an earlier page had made it
  await book.save("left", 1);
  Date.now = clock;
  await book.save("done", 1);
  state.guests = true;
  await book.beginGuest();
  await until(() => book.status.waiting === 0);
  assert.equal(book.status.unclaimed, 1);
});

test("a return code makes one guest of two devices", async () => {
  const { book, sent } = await opened(undefined, { guests: true });
  await book.beginGuest();
  await book.beginGuest({ returnCode: "7KMN-P4QR-X2ZD", keep: "yes" });
  const { grant_type, return_code, keep } = Object.fromEntries(form(sent("/auth/token")[1]));
  assert.deepEqual([grant_type, return_code, keep], ["urn:bookgate:guest", "7KMN-P4QR-X2ZD", "yes"]);
});

test("who was signed in is not made a guest when the session ends", async () => {
  const { book, sent, state } = await opened(undefined, { guests: true, user: ADA });
  state.user = null;
  await book.save("a", 1);
  await until(() => book.user === null);
  await book.save("b", 1);
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.equal(sent("/auth/token").length, 0);
});

test("of several books the page's path says which, and saves are bound to it", async () => {
  const { book, sent } = await opened(undefined, { user: ADA, books: { "/": "all", "/cs1/": "ada-cs1", "/cs1/2/": "other" } });
  assert.equal(book.id, "ada-cs1");
  await book.save("a", 1);
  await until(() => sent("/storage/").length === 1);
  await book.fetch("/storage/v1/items/a");
  await book.fetch("/auth/session");
  assert.deepEqual(sent("/storage/").map(({ headers }) => headers["x-bookgate-book"]), ["ada-cs1", "ada-cs1"]);
  assert.ok(sent("/auth/session").every(({ headers }) => headers["x-bookgate-book"] === undefined));
});

test("what was done before the gateway had said which books there are is of the book of its page", async () => {
  let down = true;
  const books = { "/": "all", "/cs1/": "ada-cs1", "/logic/": "ada-logic" };
  const { book, sent } = await opened(() => (down ? { status: 503 } : undefined), { user: ADA, books });
  await book.save("a", 1);
  location.pathname = "/logic/1.html"; // another page of the origin claims what is its own
  down = false;
  dispatchEvent(new Event("online"));
  await until(() => book.user);
  assert.deepEqual([book.id, book.status.unclaimed], ["ada-logic", 0]);
  await book.claim();
  assert.equal(sent("/storage/").length, 0);
  location.pathname = "/cs1/1.html";
  await book.claim();
  await until(() => sent("/storage/").length === 1);
  assert.equal(sent("/storage/")[0].headers["x-bookgate-book"], "ada-cs1");
});

test("a guest who signed in in another tab keeps the work on the screen, unless it was left", async () => {
  const { book, state } = await opened(undefined, { user: GUEST });
  const tab = new BroadcastChannel("bookgate-session");
  let cleared = 0;
  book.addEventListener("signedout", () => (cleared += 1));
  state.user = ADA;
  tab.postMessage({ merged: GUEST.sub });
  await until(() => book.user?.name === "Ada");
  assert.equal(cleared, 0);
  state.user = GUEST;
  tab.postMessage({ merged: null });
  await until(() => book.user?.guest && cleared === 1);
  state.user = ADA;
  tab.postMessage({ merged: null });
  await until(() => book.user?.name === "Ada" && cleared === 2);
});

test("no guest begins unasked in a tab that cannot see who signed in in another", async () => {
  const { book, state, sent } = await opened(undefined, { user: GUEST, guests: true });
  state.user = null;
  new BroadcastChannel("bookgate-session").postMessage({ merged: GUEST.sub });
  await until(() => book.user === null);
  await book.save("a", 1);
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.deepEqual([sent("/auth/token").length, book.status.unclaimed], [0, 1]);
});

test("a gateway that answers HTML is away: said, and nothing lost", async () => {
  let hotel = true;
  const page = { headers: { "Content-Type": "text/html" }, body: "<h1>Welcome to our hotel</h1>" };
  const { book, sent } = await opened(() => (hotel ? page : undefined), { user: ADA });
  assert.deepEqual([book.user, book.reachable], [null, false]);
  await book.save("a", 1);
  assert.equal(book.status.unclaimed, 1);
  hotel = false;
  dispatchEvent(new Event("online"));
  await until(() => book.user);
  await book.claim();
  await until(() => sent("/storage/").length === 1);
});

test("signing out and in in another tab is seen here", async () => {
  const { book, state } = await opened(undefined, { user: ADA });
  const tab = new BroadcastChannel("bookgate-session");
  let cleared = 0;
  book.addEventListener("signedout", () => (cleared += 1));
  state.user = null;
  tab.postMessage("signed-out");
  await until(() => book.user === null && cleared === 1);
  state.user = { sub: "p-bob", name: "Bob" };
  tab.postMessage({ merged: null });
  await until(() => book.user?.name === "Bob");
  assert.equal(cleared, 1);
  state.user = ADA;
  tab.postMessage({ merged: null });
  await until(() => book.user?.name === "Ada" && cleared === 2);
});

test("a sign-out of which no tab here hears is seen when the reader is back: what is unsaved is kept as theirs, then the page is cleared", async () => {
  const { book, state, sent } = await opened(undefined, { user: ADA });
  const told = [];
  book.addEventListener("leaving", () => told.push("leaving") && void book.save("draft", 1));
  book.addEventListener("signedout", () => told.push("signedout"));
  state.user = null;
  dispatchEvent(new Event("focus"));
  await until(() => told.length === 2);
  assert.deepEqual([told, book.user], [["leaving", "signedout"], null]);
  assert.equal(book.status.unclaimed, 0);
  await new Promise((resolve) => setTimeout(resolve, 50)); // the draft is refused, and looked after
  const asked = sent("/auth/session").length;
  document.dispatchEvent(new Event("visibilitychange"));
  dispatchEvent(new Event("focus"));
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(sent("/auth/session").length, asked, "at most once a minute");
  state.user = ADA;
  dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
  await until(() => book.user?.name === "Ada");
});

test("nobody is asked about while a sign-in is under way", async () => {
  const { book, sent } = await opened();
  const signingIn = book.signIn();
  await popup();
  const asked = sent("/auth/session").length;
  dispatchEvent(new Event("focus"));
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(sent("/auth/session").length, asked);
  popups[0].answer({ code: "C" });
  await signingIn;
});

test("a gateway that comes back is noticed without a word from the browser", async (context) => {
  let down = true;
  const pauses = [];
  const { setTimeout: after } = globalThis;
  context.after(() => (globalThis.setTimeout = after));
  globalThis.setTimeout = (act, pause) => (pause === 60_000 ? pauses.push(act) : after(act, pause));
  const { book } = await opened(() => (down ? { status: 503 } : undefined), { user: ADA });
  const minute = () => pauses.splice(0).forEach((act) => act()); // for the books of other tests too
  assert.equal(book.reachable, false);
  minute();
  await until(() => pauses.length > 0);
  down = false;
  minute();
  await until(() => book.user?.name === "Ada");
});

test("sign-out says what it ended, and of which scope", async () => {
  const { book, sent } = await opened(undefined, { user: ADA });
  assert.deepEqual(await book.signOut({ scope: "book" }), { next: null, rest: "/out" });
  assert.equal(form(sent("/auth/logout")[0]).get("scope"), "book");
  assert.equal(book.user, null);
});
