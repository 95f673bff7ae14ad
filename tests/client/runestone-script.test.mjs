import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import vm from "node:vm";

const SOURCE = await readFile(new URL("../../client/bookgate-runestone.js", import.meta.url), "utf8");
const GATEWAY = "https://gw.test";

class Storage {
  #items = new Map();
  get length() { return this.#items.size; }
  key(index) { return [...this.#items.keys()][index] ?? null; }
  getItem(name) { return this.#items.get(name) ?? null; }
  setItem(name, value) { this.#items.set(name, String(value)); }
  removeItem(name) { this.#items.delete(name); }
  clear() { this.#items.clear(); }
  names() { return [...this.#items.keys()].sort(); }
}

/** A page of a book in which the script has just run, with the part that it imports in the test's hands. */
async function page({ kept, config, components = [], importing = Promise.resolve(), root = "../" } = {}) {
  const PageStorage = class extends Storage {};
  const localStorage = new PageStorage();
  if (kept !== undefined) localStorage.setItem("bookgate-runestone", kept);
  const ready = [];
  const elements = { documentation_options: { dataset: { url_root: root } } };
  const sent = [];
  class XMLHttpRequest {
    open(...asked) { sent.push(["open", ...asked]); }
    send(body) { sent.push(["send", body]); }
  }
  const seen = { calls: [], reader: null, imported: null };
  const context = vm.createContext({
    URL, Request, Response, Headers, Promise, console, WeakMap, Storage: PageStorage, XMLHttpRequest, localStorage,
    location: new URL("https://book.test/small/chap1/a.html"),
    document: {
      baseURI: "https://book.test/small/chap1/a.html",
      currentScript: { src: `${GATEWAY}/client/1/bookgate-runestone.js` },
      body: { id: "smallbook" },
      addEventListener: (_, heard) => ready.push(heard),
      querySelectorAll: () => components.map((id) => ({ id })),
      getElementById: (id) => elements[id] ?? null,
    },
    fetch: async (...asked) => (sent.push(asked), new Response("theirs")),
    ...(config === undefined ? {} : { eBookConfig: config }),
  });
  const openPage = async (reader) => {
    seen.reader = reader;
    await importing;
    return { answer: async (call) => (seen.calls.push({ ...call }), { status: 201, text: '{"detail":null}' }) };
  };
  context.imported = async (address) => ((seen.imported = address), await importing, { openPage });
  vm.runInContext(SOURCE.replace("import(new URL", "imported(new URL"), context);
  ready.forEach((heard) => heard());
  await new Promise((resolve) => setTimeout(resolve)); // what it imports
  return { context, localStorage, sent, seen };
}
const run = (context, source) => vm.runInContext(source, context);

test("the rest comes from where the script came from", async () => {
  assert.equal((await page()).seen.imported, `${GATEWAY}/client/1/runestone/page.js`);
});

for (const [when, config] of [["before the script", { course: "c", isLoggedIn: false }], ["after it", undefined]]) {
  test(`a configuration made ${when} says what is so here`, async () => {
    const { context } = await page({ config, kept: '{"person":"ada"}' });
    run(context, "if (!globalThis.eBookConfig) { eBookConfig = {}; }");
    run(context, "eBookConfig.course = 'c'; eBookConfig.isLoggedIn = false; eBookConfig.useRunestoneServices = false;");
    run(context, "eBookConfig.host = 'http://127.0.0.1:8000'; eBookConfig.app = eBookConfig.host + '/runestone';");
    run(context, "eBookConfig.new_server_prefix = ''; eBookConfig.email = ''; eBookConfig.logLevel = 0;");
    const said = run(context, "JSON.stringify(eBookConfig)");
    const { isLoggedIn, useRunestoneServices, email, username, new_server_prefix, app, course, logLevel } = JSON.parse(said);
    assert.deepEqual([isLoggedIn, useRunestoneServices, logLevel], [true, true, 10]);
    assert.deepEqual([email, username, new_server_prefix], ["ada@book.invalid", "ada", "/ns"]);
    assert.deepEqual([app, course], ["#runestone", "c"]);
  });
}

test("a PreTeXt book that no server named is named by its document-id", async () => {
  const { context } = await page({ config: { course: "PTX_Course_Title_Here" } });
  assert.equal(run(context, "eBookConfig.course"), "smallbook");
});

test("the book's own files are found where the book is", async () => {
  const { context } = await page({ config: {} });
  const files = ["/ns/books/published/", "/books/published/"].map((path) => run(context, `"${path}" + eBookConfig.basecourse + "/_static/a"`));
  for (const file of files) assert.equal(new URL(file, "https://book.test").pathname, "/small/_static/a");
});

test("nobody is nobody, and the same at every visit", async () => {
  for (const kept of [undefined, '{"person":null}', "broken"]) {
    const { context, localStorage } = await page({ config: {}, kept });
    assert.equal(run(context, "eBookConfig.email"), "nobody@book.invalid");
    assert.deepEqual(localStorage.names(), ["bookgate-runestone"]);
  }
});

test("calls to the book's server are answered here; all others go where they went", async () => {
  const { context, sent, seen } = await page({ config: {} });
  const answer = await run(context, `fetch(new Request("https://book.test/ns/logger/bookevent", { method: "POST", body: '{"a":1}' }))`);
  assert.equal(answer.status, 201);
  assert.equal(await answer.text(), '{"detail":null}');
  await run(context, `fetch("https://book.test/ns/assessment/getpollresults?div_id=p")`);
  assert.deepEqual(seen.calls, [
    { method: "POST", path: "/ns/logger/bookevent", body: '{"a":1}' },
    { method: "GET", path: "/ns/assessment/getpollresults?div_id=p", body: "" },
  ]);
  const theirs = ["https://gw.test/ns/logger/bookevent", "https://book.test/data.json", "https://book.test/ns/books/published/x.js", "https://book.test/ns.html"];
  for (const address of theirs) assert.equal(await (await run(context, `fetch("${address}")`)).text(), "theirs");
  assert.deepEqual(sent.map(([address]) => address), theirs);
});

test("XMLHttpRequests too: at once where the page does not wait, else when there is an answer", async () => {
  const { context, sent, seen } = await page({ config: {} });
  run(context, `one = new XMLHttpRequest(); one.open("GET", "/ns/logger/getCompletionStatus?x=1", false); one.send(null)`);
  assert.match(decodeURIComponent(sent.at(-2)[2]), /"completionStatus":-1/);
  seen.reader.completion = 1;
  run(context, `one.open("GET", "/ns/logger/getCompletionStatus?x=1", false); one.send(null)`);
  assert.match(decodeURIComponent(sent.at(-2)[2]), /"completionStatus":1/);
  const read = ([, method, address, wait]) => [method, decodeURIComponent(address).replace("data:application/json,", ""), wait];
  run(context, `two = new XMLHttpRequest(); two.open("POST", "#runestone/assignments/student_autograde"); two.send("a=1")`);
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual(seen.calls.at(-1), { method: "POST", path: "#runestone/assignments/student_autograde", body: "a=1" });
  assert.deepEqual(read(sent.at(-2)), ["GET", '{"detail":null}', true]);
  run(context, `three = new XMLHttpRequest(); three.open("GET", "/other", true, "name"); three.send()`);
  assert.deepEqual(sent.at(-2), ["open", "GET", "/other", true, "name"]);
});

test("what components keep is its reader's, whatever they call it", async () => {
  const { context, localStorage, seen } = await page({ config: {}, components: ["poll_one"], kept: '{"person":"ada"}' });
  run(context, `localStorage.setItem(eBookConfig.email + ":c:q-given", "1"); localStorage.setItem("poll_one", "true"); localStorage.setItem("theme", "dark")`);
  const read = () => [run(context, `localStorage.getItem(eBookConfig.email + ":c:q-given")`), run(context, `localStorage.getItem("poll_one")`)];
  assert.deepEqual(read(), ["1", "true"]);
  seen.reader.person = "bob";
  assert.deepEqual(read(), [null, null]);
  assert.equal(run(context, `localStorage.getItem("theme")`), "dark");
  seen.reader.forget("ada");
  assert.deepEqual(localStorage.names(), ["bookgate-runestone", "theme"]);
});

test("an exam that clears everything clears its reader's answers", async () => {
  const { context, localStorage, seen } = await page({ config: {}, components: ["q"], kept: '{"person":"ada"}' });
  run(context, `localStorage.setItem("q", "1"); localStorage.setItem("theme", "dark")`);
  seen.reader.person = "bob";
  run(context, `localStorage.setItem("q", "2"); localStorage.clear()`);
  assert.deepEqual(localStorage.names(), ["bookgate ada /small/chap1/a.html q", "bookgate-runestone", "theme"]);
});

test("without the rest, the book works as it does without a server", async () => {
  const importing = Promise.reject(new TypeError("no gateway"));
  importing.catch(() => null);
  const { context } = await page({ config: {}, importing });
  await assert.rejects(run(context, `fetch("https://book.test/ns/logger/bookevent", { method: "POST", body: "{}" }).catch((error) => { after = eBookConfig.useRunestoneServices; throw error; })`));
  assert.equal(run(context, "after"), false); // so the page says nothing
  assert.equal(run(context, "eBookConfig.isLoggedIn"), false);
});
