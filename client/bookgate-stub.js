/**
 * For pages that must not break where the gateway's script never comes: `bookgate.connect()` from the first line on.
 *
 *     <script src="bookgate-stub.js"></script>
 *     <script type="module" async src="https://gateway.example/bookgate.js"></script>
 *
 * The book that it gives when nothing else comes keeps values for as long as the page is open, and says so in `status`. Does the
 * gateway's script come after all, then they are saved there. A classic script without imports, to be hosted or written into a page.
 */

(function () {
  "use strict";
  const PATIENCE = 8000; // ms

  /** @typedef {import("./bookgate.js").Book} Book */
  /** @typedef {{connect(options?: object): Promise<Book>}} Client */

  const page = /** @type {{bookgate?: Client}} */ (/** @type {unknown} */ (globalThis));
  if (page.bookgate) return;

  /** @type {Promise<Client>} */
  const real = new Promise((resolve) => {
    document.addEventListener("bookgate-ready", () => resolve(/** @type {Client} */ (page.bookgate)), { once: true });
  });
  // "load" waits for the gateway's script; where that host swallows all it is asked, the reader does not.
  const given = new Promise((resolve) => {
    addEventListener("load", () => setTimeout(resolve));
    setTimeout(resolve, document.readyState === "complete" ? 0 : PATIENCE);
  });

  class LoneBook extends EventTarget {
    /** @type {Map<string, {value: unknown, options?: object}>} */
    #saved = new Map();
    onchange = null;
    user = null;
    mode = null;
    error = null;
    id = null;
    guests = false;
    reachable = false;
    signingIn = false;
    stepUp = null;
    question = null;
    status = { state: "idle", savedAt: null, waiting: 0, failed: 0, unclaimed: 0, reason: null, kept: false };

    /** @param {string} id @param {unknown} value @param {object} [options] */
    async save(id, value, options) {
      this.#saved.set(id, { value, options });
      this.status = { ...this.status, state: "waiting", unclaimed: this.#saved.size };
      this.dispatchEvent(new Event("change"));
    }

    /** @param {string} id */
    async load(id) {
      return this.#saved.get(id)?.value;
    }

    log() {}
    async claim() {}
    async discardUnclaimed() {}
    async signOut() {
      return { next: null, rest: null };
    }
    async reportScore() {
      return null;
    }
    async signInSilently() {
      return null;
    }
    signIn = away;
    fetch = away;
    write = away;
    webSocket = away;
    eventStream = away;
    beginGuest = away;

    /** @param {Book} book */
    async moveTo(book) {
      for (const [id, { value, options }] of this.#saved) await book.save(id, value, options);
    }
  }

  async function away() {
    throw Object.assign(new Error("The gateway cannot be reached."), { name: "BookgateError", code: "unreachable", status: 0 });
  }

  const alone = new LoneBook();
  page.bookgate = {
    async connect(options) {
      const client = await Promise.race([real, given]);
      if (client) return client.connect(options);
      void real.then((late) => late.connect(options)).then((book) => alone.moveTo(book));
      return /** @type {Book} */ (/** @type {unknown} */ (alone));
    },
  };
})();
