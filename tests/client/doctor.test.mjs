import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { missingHash, policiesOf, sources } from "../../client/doctor-content-policy.js";
import { findingsOf, note } from "../../client/doctor-findings.js";
import { asText, said } from "../../client/doctor-report.js";
import * as german from "../../client/texts/doctor-de.js";
import * as english from "../../client/texts/doctor-en.js";

const GATEWAY = "https://gw.example.edu";
const BOOK = "https://book.example.edu";
const RETURN = `${BOOK}/x/bookgate-return.html`;
const PAGE = await readFile(new URL("../../client/bookgate-return.html", import.meta.url), "utf-8");
const NONE = { answered: false };
const UNKNOWN = { answered: true, status: 404, type: "application/json", json: { error: "not_found" } };

/** A book where all is well, with what differs. */
function facts(changed = {}) {
  const about = { version: "1", your_origin: BOOK, status: "trusted", listed: true, backends: ["storage"], methods: ["GET", "PUT"], contact: null };
  return {
    gateway: GATEWAY, origin: BOOK, page: `${BOOK}/x/`, returnPage: RETURN, script: `${GATEWAY}/client/1.2.0-abcdef01/doctor-facts.js`,
    agent: "Mozilla/5.0 Firefox/153.0", secure: true, online: true, frame: "none", cookies: true, mode: "cookie",
    about: { answered: true, status: 200, type: "application/json", json: about }, opaque: null,
    session: { answered: true, status: 200, json: { user: null, now: 1000 }, sent: 999, received: 1000 },
    write: UNKNOWN, read: null,
    entry: { answered: true, text: 'export * from "/client/1.2.0-abcdef01/bookgate.js";\n' },
    own: { answered: true }, opener: null, returnHash: null,
    returned: { answered: true, status: 200, type: "text/html", url: RETURN, text: PAGE },
    original: { answered: true, status: 200, url: `${GATEWAY}/client/1.2.0-abcdef01/bookgate-return.html`, text: PAGE },
    blocked: [], storage: { works: true, persisted: true, free: 1e9, tab: true }, localNetwork: null, worker: null,
    ...changed,
  };
}
const told = (changed) => ({ about: { ...facts().about, json: { ...facts().about.json, ...changed } } });
const wanting = (changed) => findingsOf(facts(changed)).filter(({ level }) => level !== "ok").map(({ code }) => code).filter((code) => code !== "window_untried");
const finding = (code, changed) => findingsOf(facts(changed)).find((one) => one.code === code);

test("a book where all is well", () => {
  const codes = findingsOf(facts()).map(({ code, level }) => `${level} ${code}`);
  assert.deepEqual(codes, [
    "ok page_secure", "ok gateway_reached", "ok origin_trusted", "ok services", "ok calls_work", "ok script_newest", "ok mode_cookie",
    "ok return_page_there", "note window_untried", "ok storage_kept", "ok clock_right",
  ]);
});

const away = { about: NONE, session: NONE, write: NONE, read: NONE, entry: NONE, original: null, mode: null, opaque: false };
const LAN = "https://192.168.1.9:8443";
const CASES = [
  ["plain http", { origin: "http://book.example.edu", page: "http://book.example.edu/", secure: false, returnPage: "http://book.example.edu/bookgate-return.html", returned: { ...facts().returned, url: "http://book.example.edu/bookgate-return.html" }, ...told({ your_origin: "http://book.example.edu", status: "denied", listed: false }) }, ["page_insecure", "origin_unlisted"]],
  ["a sandbox", { origin: "null", ...away }, ["page_without_origin", "gateway_unreachable", "return_page_elsewhere"]],
  ["a frame", { frame: "foreign" }, ["page_framed"]],
  ["an app's browser", { agent: "Mozilla/5.0 (iPhone) [FBAN/FBIOS]" }, ["in_app_browser"]],
  ["an Android web view", { agent: "Mozilla/5.0 (Linux; Android 15; wv) Chrome/156" }, ["in_app_browser"]],
  ["the gateway is down", away, ["gateway_unreachable"]],
  ["offline", { ...away, online: false }, ["offline", "gateway_unreachable"]],
  ["a page of HTML that cannot be read", { ...away, opaque: true }, ["gateway_answers_unread"]],
  ["a page of HTML that can", { ...away, about: { answered: true, status: 200, type: "text/html", json: null } }, ["gateway_answers_otherwise"]],
  ["JSON of somebody else", { ...away, about: { answered: true, status: 200, type: "application/json", json: [] } }, ["gateway_answers_otherwise"]],
  ["the book's own policy", { ...away, blocked: ["connect-src"] }, ["gateway_blocked_by_policy"]],
  ["the book's own policy, in part", { blocked: ["connect-src"] }, ["calls_blocked_by_policy"]],
  ["mixed content", { ...away, gateway: "http://gw.example.edu" }, ["gateway_mixed"]],
  ["a private address that was refused", { ...away, gateway: LAN, localNetwork: "denied" }, ["local_network_denied"]],
  ["a private address that nobody allowed", { ...away, gateway: LAN, localNetwork: "prompt" }, ["local_network_unasked"]],
  ["a private address that answers", { gateway: LAN, localNetwork: "granted", script: `${LAN}/client/1.2.0-abcdef01/x.js` }, ["local_network_asks"]],
  ["a private address in a browser that does not ask", { gateway: LAN, script: `${LAN}/client/1.2.0-abcdef01/x.js` }, []],
  ["asked and unlisted", told({ status: "consent", listed: false }), ["origin_unlisted_consent"]],
  ["unlisted", { ...told({ status: "denied", listed: false, backends: [] }), session: NONE, write: NONE, mode: null }, ["origin_unlisted"]],
  ["denied", { ...told({ status: "denied", listed: true, backends: [] }), session: NONE, write: NONE, mode: null }, ["origin_denied"]],
  ["an Origin that was lost", told({ your_origin: null, status: null }), ["origin_changed_on_the_way"]],
  ["no services", told({ backends: [] }), ["services_none"]],
  ["CORS headers that were lost", { session: NONE }, ["cors_refused"]],
  ["sessions that cannot be read", { session: { answered: true, status: 503, json: { error: "sessions_unavailable" } } }, ["session_unreadable"]],
  ["PUT that is stopped", { write: NONE, read: UNKNOWN }, ["methods_refused"]],
  ["OPTIONS that is stopped", { write: NONE, read: NONE }, ["preflight_refused"]],
  ["a firewall that answers", { write: { answered: true, status: 403, json: null } }, ["write_answered_otherwise"]],
  ["a book that reads only", { ...told({ methods: ["GET", "HEAD"] }), write: NONE, read: UNKNOWN }, ["reads_only"]],
  ["a copied script", { script: `${BOOK}/bookgate/doctor-facts.js` }, ["script_copied"]],
  ["an old script", { script: `${GATEWAY}/client/1.1.0-abcdef01/doctor-facts.js` }, ["script_old"]],
  ["the script of a major", { script: `${GATEWAY}/client/1/doctor-facts.js` }, []],
  ["nobody signed in", { mode: null }, ["mode_unknown"]],
  ["token mode", { mode: "dpop" }, []],
  ["no cookies at all", { mode: null, cookies: false }, ["cookies_off", "mode_unknown"]],
  ["no return page", { returned: { answered: true, status: 404, type: "text/html", url: RETURN, text: "" } }, ["return_page_missing"]],
  ["a return page that cannot be read", { returned: NONE }, ["return_page_unread"]],
  ["a return page as text", { returned: { ...facts().returned, type: "text/plain" } }, ["return_page_type"]],
  ["a return page on another site", { returnPage: "https://other.example/bookgate-return.html" }, ["return_page_elsewhere"]],
  ["a return page that leads away", { returned: { ...facts().returned, url: "https://other.example/" } }, ["return_page_elsewhere"]],
  ["an odd path", { returnPage: `${BOOK}/a%20b/bookgate-return.html` }, ["return_page_path"]],
  ["the first page for every address", { returned: { ...facts().returned, text: "<h1>My book</h1>" } }, ["return_page_other"]],
  ["a changed return page", { returned: { ...facts().returned, text: `${PAGE}<script src=live.js></script>` } }, ["return_page_changed"]],
  ["other line ends", { returned: { ...facts().returned, text: PAGE.replaceAll("\n", "  \r\n") } }, []],
  ["a return page whose script is stopped", { returnHash: "'sha256-x'" }, ["return_page_blocked"]],
  ["a book that isolates itself", { opener: "same-origin" }, ["opener_isolated"]],
  ["storage that is refused", { storage: { works: false, persisted: null, free: null, tab: true } }, ["storage_blocked"]],
  ["little storage, not for long", { storage: { works: true, persisted: false, free: 9e6, tab: false } }, ["tab_storage_blocked", "storage_small"]],
  ["a clock that is late", { session: { ...facts().session, json: { now: 8200 } } }, ["clock_late"]],
  ["a clock that is ahead", { session: { ...facts().session, json: { now: 100 } } }, ["clock_ahead"]],
  ["a service worker", { worker: `${BOOK}/sw.js` }, ["service_worker"]],
];
for (const [name, changed, codes] of CASES) {
  test(name, () => assert.deepEqual(wanting(changed), codes));
}

test("what is to be pasted, to the letter", () => {
  assert.equal(finding("origin_unlisted", told({ status: "denied", listed: false })).paste, `      - ${BOOK}`);
  assert.equal(finding("gateway_blocked_by_policy", { ...away, blocked: ["connect-src"] }).paste, `connect-src ${GATEWAY} wss://gw.example.edu;\nscript-src ${GATEWAY};`);
  assert.equal(finding("return_page_blocked", { returnHash: "'sha256-x'" }).paste, "script-src 'sha256-x'");
});

test("every code has its words in both languages, and no other has", () => {
  const codes = new Set(CASES.flatMap(([, changed]) => findingsOf(facts(changed))).map(({ code }) => code));
  for (const code of ["page_local", "origin_consent", "window_untried", "window_works", "window_by_return_page", "window_blocked", "window_silent"]) codes.add(code);
  for (const words of [english, german]) {
    assert.deepEqual(Object.keys(words.findings).sort(), [...codes].sort());
    assert.deepEqual(Object.keys(words.ui), Object.keys(english.ui));
  }
  assert.deepEqual(findingsOf(facts({ origin: "http://localhost:8000" }))[0].code, "page_local");
  assert.equal(finding("origin_consent", told({ status: "consent" })).level, "ok");
});

test("no sentence has a hole", () => {
  const every = [...CASES.flatMap(([, changed]) => findingsOf(facts(changed))), note("window_silent", "author")];
  for (const words of [english, german]) {
    const lines = every.map((one) => said(one, words));
    const text = asText({ made: "now", gateway: GATEWAY, page: BOOK, browser: "x", link: GATEWAY, problems: 0, findings: lines }, words);
    assert.doesNotMatch(text, /undefined|\[object|NaN/);
    for (const { level, who, todo } of lines) if (level === "problem") assert.ok(who && todo);
  }
});

const HASH = `'sha256-${createHash("sha256").update(/<script>([\s\S]*?)<\/script>/.exec(PAGE)[1]).digest("base64")}'`;
for (const [policy, missing] of [
  ["", false],
  ["default-src 'self'", true],
  ["default-src 'none'; script-src 'unsafe-inline'", false],
  ["script-src 'unsafe-inline' 'nonce-x'", true],
  [`SCRIPT-SRC 'self' ${HASH}`, false],
  ["script-src-elem 'unsafe-inline'; script-src 'none'", false],
  ["img-src 'self'", false],
  ["img-src 'self', script-src 'self'", true],
]) {
  test(`does the return page run under "${policy}"`, async () => {
    const found = await missingHash(PAGE, policiesOf(new Headers({ "Content-Security-Policy": policy })));
    assert.equal(found, missing ? HASH : null);
  });
}

test("the first directive of a name counts", () => {
  assert.deepEqual(sources("script-src a; script-src b", ["script-src"]), ["a"]);
  assert.equal(sources("img-src a", ["script-src", "default-src"]), null);
  assert.deepEqual(policiesOf(null), []);
});
