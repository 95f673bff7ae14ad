import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { MemoryDatabase } from "../../client/memory-database.js";
import { Requests } from "../../client/requests.js";
import { Session } from "../../client/session.js";
import { TabStorage, scriptedGateway } from "./scripted-gateway.mjs";

globalThis.location = { origin: "https://book.test" };
const ADA = { sub: "p-ada", name: "Ada", guest: false };
const claims = (proof) => JSON.parse(Buffer.from(proof.split(".")[1], "base64url"));
const stops = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** A gateway that knows one refresh token and one access token at a time; `rules` come first. */
async function parts(rules = () => undefined, { database = new MemoryDatabase(), tab = new TabStorage() } = {}) {
  const state = { access: 0, user: ADA };
  const gateway = await scriptedGateway((request) => {
    const ruled = rules(request, state);
    if (ruled) return ruled;
    const signedIn = request.headers.authorization === `DPoP at-${state.access}` && state.access > 0;
    if (request.path === "/auth/session") return { body: { user: signedIn ? state.user : null, expires_in: 100, now: now() } };
    const tokens = () => ({ access_token: `at-${++state.access}`, refresh_token: "rt", token_type: "DPoP", expires_in: 600, now: now() });
    if (request.path === "/auth/confirm") return { body: { mode: "dpop", keep: true, user: ADA, ...tokens() } };
    if (request.path === "/auth/token" && request.body.includes("authorization_code")) return { body: { ticket: "T", now: now() } };
    if (request.path === "/auth/token") return { body: tokens() };
    if (request.path === "/auth/logout") return { body: { signed_out: "book", next: null, sign_out_page: "/out", now: now() } };
    return signedIn ? { body: { ok: true } } : { status: 401, body: { error: "login_required", request_id: "r1" } };
  });
  stops.push(gateway.stop);
  const session = new Session({ gateway: gateway.origin, database, tab });
  const requests = new Requests({ session, gateway: gateway.origin, signingIn: () => null, changed: () => {} });
  return { session, requests, state, database, tab, ...gateway };
}
const now = () => Math.floor(Date.now() / 1000);
const CODE = { grant_type: "authorization_code", code: "C", code_verifier: "V", redirect_uri: "https://book.test/bookgate-return.html" };

test("a code becomes a token session: the steps, their fields, one key", async () => {
  const { session, received } = await parts();
  await session.redeem(CODE);
  assert.deepEqual([session.mode, session.user], ["dpop", ADA]);
  const [token, confirm] = received;
  assert.deepEqual(Object.fromEntries(new URLSearchParams(token.body)), {
    grant_type: "authorization_code", code: "C", code_verifier: "V", client_id: "https://book.test", delivery: "cookie",
    redirect_uri: CODE.redirect_uri,
  });
  assert.equal(confirm.body, "ticket=T");
  assert.equal(claims(token.headers.dpop).htm, "POST");
});

test("a request in token mode carries token, proof with its hash, and the person when it writes", async () => {
  const { session, requests, received, origin } = await parts();
  await session.redeem(CODE);
  assert.equal((await requests.fetch("/storage/v1/items/a?course=c", { method: "put", body: "{}" })).status, 200);
  const { headers } = received.at(-1);
  assert.equal(headers.authorization, "DPoP at-1");
  assert.equal(headers["x-bookgate-person"], "p-ada");
  const { htm, htu, ath } = claims(headers.dpop);
  assert.deepEqual([htm, htu], ["PUT", `${origin}/storage/v1/items/a`]);
  assert.match(ath, /^[\w-]{43}$/);
  await requests.fetch("/storage/v1/items/a");
  assert.equal(received.at(-1).headers["x-bookgate-person"], undefined);
});

test("an access token that ended is renewed and the request replayed once, body and all", async () => {
  const { session, requests, received, state, origin } = await parts();
  await session.redeem(CODE);
  state.access = 7; // the gateway forgot at-1
  const response = await requests.fetch(new Request(`${origin}/storage/x`, { method: "POST", body: "work" }));
  assert.equal(response.status, 200);
  const sent = received.filter(({ path }) => path === "/storage/x");
  assert.deepEqual(sent.map(({ body }) => body), ["work", "work"]);
  assert.notEqual(claims(sent[0].headers.dpop).jti, claims(sent[1].headers.dpop).jti);
});

test("a session that is over is over: the 401 comes through, after one refresh", async () => {
  const { session, requests, received } = await parts(({ path, body }) =>
    path === "/auth/token" && body.includes("refresh") ? { status: 400, body: { error: "invalid_grant" } } : path === "/x" ? { status: 401, body: { error: "login_required" } } : undefined,
  );
  await session.redeem(CODE);
  const response = await requests.fetch("/x");
  assert.equal(response.status, 401);
  assert.deepEqual([session.user, session.mode], [null, null]);
  assert.equal(received.filter(({ path }) => path === "/x").length, 1);
});

test("a write of one person is not replayed when another came back", async () => {
  const { session, requests, received, state } = await parts();
  await session.redeem(CODE);
  state.access = 7;
  state.user = { sub: "p-bob", name: "Bob" };
  assert.equal((await requests.fetch("/x", { method: "POST", body: "of ada" })).status, 401);
  assert.equal(received.filter(({ path }) => path === "/x").length, 1);
  assert.equal(session.user.sub, "p-bob");
});

test("person_changed makes the client look again who is signed in", async () => {
  const { session, requests, state } = await parts(({ path }) => (path === "/x" ? { status: 409, body: { error: "person_changed" } } : undefined));
  await session.redeem(CODE);
  state.user = { sub: "p-bob", name: "Bob" };
  assert.equal((await requests.fetch("/x", { method: "POST" })).status, 409);
  assert.equal(session.user.sub, "p-bob");
});

test("a wrong clock is told by the gateway, and a nonce asked for is given once", async () => {
  const asked = [];
  const { session } = await parts(({ path, headers }) => {
    if (path !== "/auth/token") return undefined;
    asked.push(claims(headers.dpop).nonce);
    return asked.length === 1 ? { status: 400, headers: { "DPoP-Nonce": "n1" }, body: { error: "use_dpop_nonce", now: 5 } } : undefined;
  });
  await session.redeem(CODE);
  assert.deepEqual(asked, [undefined, "n1"]);
});

test("keep: the refresh token stays on the device, else it ends with the tab", async () => {
  const kept = await parts();
  await kept.session.redeem(CODE);
  assert.equal(await kept.database.get("state", "refresh"), "rt");
  const shared = await parts(({ path }, state) =>
    path === "/auth/confirm" ? { body: { mode: "dpop", keep: false, user: ADA, access_token: `at-${++state.access}`, refresh_token: "rt", expires_in: 600 } } : undefined,
  );
  await shared.session.redeem(CODE);
  assert.equal(await shared.database.get("state", "refresh"), undefined);
  assert.equal(shared.tab.getItem("bookgate.refresh"), '"rt"');
});

test("a later visit signs in again by the refresh token", async () => {
  const first = await parts();
  await first.session.redeem(CODE);
  const again = new Session({ gateway: first.origin, database: first.database, tab: new TabStorage() });
  await again.read();
  assert.deepEqual([again.user, again.mode], [ADA, "dpop"]);
});

test("a gateway that is away signs nobody out: the reader is remembered, not confirmed", async () => {
  const first = await parts();
  await first.session.redeem(CODE);
  await first.stop();
  const again = new Session({ gateway: first.origin, database: first.database, tab: new TabStorage() });
  await again.read();
  assert.deepEqual([again.user, again.confirmed, again.reachable], [ADA, false, false]);
  assert.equal(await first.database.get("state", "refresh"), "rt");
});

test("a gateway whose sessions cannot be read (503) signs nobody out either", async () => {
  const first = await parts();
  await first.session.redeem(CODE);
  const away = await parts(() => ({ status: 503, headers: { "Retry-After": "1" }, body: { error: "sessions_unavailable" } }), first);
  await away.session.read();
  assert.deepEqual([away.session.user, away.session.confirmed], [ADA, false]);
});

test("a page of HTML from a captive portal is nobody's answer", async () => {
  const { session } = await parts(() => ({ headers: { "Content-Type": "text/html" }, body: "<p>Welcome to the hotel" }));
  await session.read();
  assert.deepEqual([session.user, session.confirmed], [null, false]);
});

test("signing out erases token, person and key", async () => {
  const { session, database, received } = await parts();
  await session.redeem(CODE);
  const { jkt } = await session.key();
  assert.deepEqual(await session.end(null), { next: null, rest: "/out" });
  assert.equal(received.at(-1).headers.authorization, "DPoP at-1");
  assert.equal(session.user, null);
  for (const name of ["refresh", "person", "key"]) assert.equal(await database.get("state", name), undefined);
  assert.notEqual((await session.key()).jkt, jkt);
});

test("credentials go nowhere but to the gateway", async () => {
  const { requests } = await parts();
  await assert.rejects(requests.fetch("https://elsewhere.test/x"), { code: "foreign_url" });
  await assert.rejects(requests.fetch("//elsewhere.test/x"), { code: "foreign_url" });
});

test("a page of a later visit asks once, with the token that the last one got", async () => {
  const first = await parts();
  await first.session.redeem(CODE);
  first.received.length = 0;
  const again = new Session({ gateway: first.origin, database: first.database, tab: new TabStorage() });
  await again.read();
  assert.deepEqual([again.mode, first.received.map(({ path }) => path)], ["dpop", ["/auth/session"]]);
});

test("of two tabs whose token ended one gets the next, and both use it", async () => {
  const first = await parts();
  await first.session.redeem(CODE);
  const second = new Session({ gateway: first.origin, database: first.database, tab: new TabStorage() });
  await second.read();
  first.received.length = 0;
  assert.deepEqual(await Promise.all([first.session.refresh(), second.refresh()]), [true, true]);
  assert.equal(first.received.filter(({ path }) => path === "/auth/token").length, 1);
  assert.equal((await second.send("GET", `${first.origin}/x`, {}, null)).status, 200);
});

test("a token session that is over leaves the way to the cookie's", async () => {
  const { session, state, received } = await parts(({ path, headers, body }) => {
    if (path === "/auth/token" && body.includes("refresh")) return { status: 400, body: { error: "invalid_grant" } };
    return path === "/auth/session" && !headers.authorization ? { body: { user: ADA, now: now() } } : undefined;
  });
  await session.redeem(CODE);
  state.access = 9;
  await session.read();
  assert.deepEqual([session.mode, session.user, received.at(-1).path], ["cookie", ADA, "/auth/session"]);
});

test("a guest in token mode shows the guest's token when a reader signs in", async () => {
  const guest = { sub: "p-guest", name: null, guest: true };
  const answers = [{ user: guest, refresh_token: "rt-guest" }, { user: ADA, refresh_token: "rt-ada", merged: true }];
  const { session, received } = await parts(({ path }, state) =>
    path === "/auth/confirm" ? { body: { mode: "dpop", keep: true, access_token: `at-${++state.access}`, expires_in: 600, now: now(), ...answers.shift() } } : undefined,
  );
  assert.equal(await session.redeem({ grant_type: "urn:bookgate:guest" }), false);
  const fields = () => Object.fromEntries(new URLSearchParams(received.findLast(({ path }) => path === "/auth/token").body));
  assert.deepEqual(fields(), { grant_type: "urn:bookgate:guest", client_id: "https://book.test", delivery: "cookie" });
  assert.deepEqual(session.user, guest);
  assert.equal(await session.redeem(CODE), true);
  assert.equal(fields().guest_token, "rt-guest");
  await session.redeem(CODE).catch(() => null);
  assert.equal(fields().guest_token, undefined);
});

test("a clock that is hours off does not outdate a token", async () => {
  const ahead = 7200;
  const { session, received } = await parts(({ path }, state) =>
    path === "/auth/confirm" ? { body: { mode: "dpop", keep: true, user: ADA, access_token: `at-${++state.access}`, refresh_token: "rt", expires_in: 600, now: now() + ahead } } : undefined,
  );
  await session.redeem(CODE);
  await session.proofs("GET", "https://gw.test/x");
  assert.ok(Math.abs(session.now() - now() - ahead) < 5);
  received.length = 0;
  await session.refresh();
  await session.read();
  assert.equal(received.filter(({ path }) => path === "/auth/token").length, 1, "asked for once, not again for its end");
});

test("what the gateway said about the origin is known while it is away", async () => {
  const books = { "/cs1/": "ada-cs1" };
  const first = await parts(({ path }) => (path === "/auth/session" ? { body: { user: null, guests: true, books, now: now() } } : undefined));
  await first.session.read();
  await first.stop();
  const again = new Session({ gateway: first.origin, database: first.database, tab: new TabStorage(), book: "named" });
  await again.read();
  assert.deepEqual([again.site, again.book, again.reachable], [{ guests: true, books }, "named", false]);
});

test("a WebSocket's ticket is asked for by token and proof, in token mode alone", async () => {
  const { session, received } = await parts(({ path }) => (path === "/auth/ws-ticket" ? { body: { ticket: "W", now: now() } } : undefined));
  assert.equal(await session.webSocketTicket("/live"), null);
  await session.redeem(CODE);
  assert.equal(await session.webSocketTicket("/live"), "W");
  const { body, headers } = received.at(-1);
  assert.deepEqual([body, headers.authorization], ["path=%2Flive", "DPoP at-1"]);
  assert.match(claims(headers.dpop).ath, /^[\w-]{43}$/);
});

test("a gateway that takes the question and says nothing is away", async () => {
  const { createServer } = await import("node:http");
  const server = createServer(() => {});
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  stops.push(() => (server.closeAllConnections(), server.close()));
  const { timeout } = AbortSignal;
  AbortSignal.timeout = () => timeout.call(AbortSignal, 50);
  const session = new Session({ gateway: `http://127.0.0.1:${server.address().port}`, database: new MemoryDatabase(), tab: new TabStorage() });
  await session.read();
  AbortSignal.timeout = timeout;
  assert.deepEqual([session.reachable, session.user], [false, null]);
});
