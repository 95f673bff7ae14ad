/**
 * Makes an unmodified Runestone or PreTeXt book sign in, save and restore through the gateway that this script came from.
 *
 * A classic script, because it must run before the book's own: it says at once what the last visit knew, and stands before
 * `fetch` and XMLHttpRequest for the calls that such books send to a Runestone server. What answers them is imported
 * (`runestone/page.js`), and waits for the gateway where it has to. docs/authors/runestone.md, docs/authors/pretext.md.
 */
(() => {
  "use strict";

  const REMEMBERED = "bookgate-runestone"; // who read here last, in localStorage: it must be known before anything is asked
  const PLACEHOLDER = "PTX_Course_Title_Here"; // every PreTeXt book that no Runestone server serves has this course
  const ADDRESS = /^[^:]*@book\.invalid:/; // components name their reader in their keys, most of them
  const CALL = /^\/(?:ns\/(?:logger|assessment|coach|books|auth)|assignment\/student)\/(?!published\/)/;
  const NOWHERE = "#runestone"; // a server that is not there: going to it leaves the reader on the page

  const { getItem, setItem, removeItem, clear, key } = Storage.prototype;
  const send = globalThis.fetch;
  const { open: openRequest, send: sendRequest } = XMLHttpRequest.prototype;

  const reader = {
    /** whose answers the page shows; null: nobody's who is signed in @type {string | null} */
    person: remembered(),
    remember,
    forget,
    root,
    /** is this page marked as completed? 1: yes; Runestone's pages ask without waiting for the answer */
    completion: -1,
  };

  /** @returns {string | null} */
  function remembered() {
    try {
      return JSON.parse(getItem.call(localStorage, REMEMBERED) ?? "{}").person ?? null;
    } catch {
      return null;
    }
  }

  /** From the next visit on, the page begins with this reader. @param {string | null} person */
  function remember(person) {
    setItem.call(localStorage, REMEMBERED, JSON.stringify({ person })); // never empty: some components ask the server only then
  }

  /** Takes a reader's answers off this browser. @param {string | null} person */
  function forget(person) {
    for (const name of kept(person)) removeItem.call(localStorage, name);
  }

  const email = () => `${reader.person ?? "nobody"}@book.invalid`; // the same at every visit of a person

  let away = false; // the rest of this script cannot be loaded: the book works as it does without a server

  /* What the book believes of its server. Everybody is "logged in": only then does a book report what its reader does. */

  /** @type {Record<string, () => unknown>} */
  const SAYS = {
    useRunestoneServices: () => !away,
    isLoggedIn: () => !away,
    loginRequired: () => false,
    logLevel: () => 10,
    new_server_prefix: () => "/ns",
    app: () => NOWHERE,
    ajaxURL: () => `${NOWHERE}/ajax/`,
    email,
    username: () => reader.person ?? "",
    isInstructor: () => false,
    termStartDate: () => "2000-01-01", // what is older was for another course
    basecourse: () => `../../..${root().pathname.slice(0, -1)}`, // below /ns/books/published/: the book's own files
    enableCompareMe: () => false, // with other readers: a service that is not here
    allow_pairs: () => false,
  };

  /** The book's folder: Sphinx says where it is, and PreTeXt puts all pages into it. */
  function root() {
    return new URL(document.getElementById("documentation_options")?.dataset.url_root ?? ".", document.baseURI);
  }

  /** @param {any} config the book's own; what it says of its server is not heard */
  function correct(config) {
    if (typeof config !== "object" || config === null) return;
    for (const [name, get] of Object.entries(SAYS)) {
      Object.defineProperty(config, name, { get, set() {}, enumerable: true, configurable: true });
    }
    let { course } = config;
    const get = () => (course === PLACEHOLDER ? document.body.id || course : course); // PreTeXt: the document-id
    Object.defineProperty(config, "course", { get, set: (/** @type {unknown} */ said) => (course = said), enumerable: true, configurable: true });
  }

  const page = /** @type {any} */ (globalThis);
  let config = page.eBookConfig;
  correct(config);
  if (config === undefined) {
    const set = (/** @type {unknown} */ made) => correct((config = made)); // Runestone's pages make it below this script
    Object.defineProperty(globalThis, "eBookConfig", { get: () => config, set, configurable: true });
  }

  /* localStorage holds what components keep: here each reader's apart, and each page's, so that no reader meets another's. */

  /** @type {Set<string>} */
  const components = new Set();
  document.addEventListener("DOMContentLoaded", () => {
    for (const { id } of document.querySelectorAll("[data-component][id]")) components.add(id);
  });

  /** @param {string | null} person */
  const shelf = (person) => `bookgate ${person ?? ""} `;

  /** @param {Storage} storage @param {string} name */
  function named(storage, name) {
    const ours = storage === localStorage && (ADDRESS.test(name) || components.has(name));
    return ours ? `${shelf(reader.person)}${location.pathname} ${name.replace(ADDRESS, ":")}` : name;
  }

  /** @param {string | null} person */
  function kept(person) {
    const names = Array.from({ length: localStorage.length }, (_, index) => String(key.call(localStorage, index)));
    return names.filter((name) => name.startsWith(shelf(person)));
  }

  Object.assign(Storage.prototype, {
    /** @this {Storage} @param {string} name */
    getItem(name) {
      return getItem.call(this, named(this, String(name)));
    },
    /** @this {Storage} @param {string} name @param {string} value */
    setItem(name, value) {
      setItem.call(this, named(this, String(name)), value);
    },
    /** @this {Storage} @param {string} name */
    removeItem(name) {
      removeItem.call(this, named(this, String(name)));
    },
    /** A timed exam clears all that there is; it means the reader's earlier answers. @this {Storage} */
    clear() {
      if (this === localStorage) forget(reader.person);
      else clear.call(this);
    },
  });
  remember(reader.person);

  /* The calls. */

  const { src } = /** @type {HTMLScriptElement} */ (document.currentScript); // imports of a foreign classic script have no base
  const module = /** @type {Promise<typeof import("./runestone/page.js")>} */ (import(new URL("runestone/page.js", src).href));
  const opened = module.then(({ openPage }) => openPage(reader));
  opened.catch(() => (away = true));

  /**
   * @param {string} method @param {string | URL} address
   * @returns {{method: string, path: string} | null} null: no call of a book to its server
   */
  function call(method, address) {
    const { origin, pathname, search, hash } = new URL(address, document.baseURI);
    if (origin !== location.origin) return null;
    if (hash.startsWith(`${NOWHERE}/`)) return { method, path: hash };
    return CALL.test(pathname) ? { method, path: pathname + search } : null;
  }

  /** @param {RequestInfo | URL} input @param {RequestInit} [init] */
  globalThis.fetch = function fetch(input, init) {
    const request = input instanceof Request ? input : null;
    const called = call(init?.method ?? request?.method ?? "GET", request?.url ?? String(input));
    return called === null ? send.call(globalThis, input, init) : answer(called, new Request(input, init).text());
  };

  /** Bodies are read one after the other, so that calls stay in order. @type {Promise<unknown>} */
  let reading = Promise.resolve();

  /** @param {{method: string, path: string}} called @param {Promise<string>} read */
  async function answer(called, read) {
    const before = reading;
    reading = before.then(() => read);
    await before;
    const body = await read;
    const { status, text } = await (await opened).answer({ ...called, body });
    return new Response(text, { status, headers: { "Content-Type": "application/json" } });
  }

  /** What an XMLHttpRequest of the book waits for. @type {WeakMap<XMLHttpRequest, {method: string, path: string, wait: boolean}>} */
  const calls = new WeakMap();
  const asData = (/** @type {string} */ text) => `data:application/json,${encodeURIComponent(text)}`;

  /** @this {XMLHttpRequest} @param {string} method @param {string | URL} address @param {...any} rest */
  function open(method, address, ...rest) {
    const called = call(method, address);
    if (called === null) calls.delete(this);
    else calls.set(this, { ...called, wait: rest[0] !== false });
    const [wait = true, ...names] = rest;
    Reflect.apply(openRequest, this, called ? ["GET", asData("null"), wait] : [method, address, wait, ...names]);
  }
  XMLHttpRequest.prototype.open = open;

  /** @this {XMLHttpRequest} @param {any} [body] */
  XMLHttpRequest.prototype.send = function (body) {
    const called = calls.get(this);
    if (called === undefined) return sendRequest.call(this, body);
    const { wait, ...asked } = called;
    const deliver = (/** @type {string} */ text) => {
      openRequest.call(this, "GET", asData(text), wait);
      sendRequest.call(this);
    };
    if (!wait) return deliver(JSON.stringify({ detail: [{ completionStatus: reader.completion }] }));
    void opened.then((page) => page.answer({ ...asked, body: String(body ?? "") })).then(({ text }) => deliver(text), () => deliver("null"));
  };
})();
