/** The book's session at the gateway: who is signed in, in which mode, and what proves it on each request (docs/protocol.md, steps 0 and 4 to 7). */

import { generateKey, makeProof } from "./dpop.js";
import { BookgateError, refusal, unreachable } from "./errors.js";

/** @typedef {{score: number, of: number, comment?: string, page?: string}} Result page: path and query, where it is not the page of now */
/** @typedef {import("./database.js").Database} Database */
/** @typedef {import("./dpop.js").ProofKey} ProofKey */
/** @typedef {{sub: string, name?: string | null, guest?: boolean}} User */
/** @typedef {{next: string | null, rest: string | null}} SignedOut next: a page that must be visited to end it all; rest: one that ends the other books too */
/** @typedef {Pick<Storage, "getItem" | "setItem" | "removeItem">} TabStorage */
/** @typedef {{guests: boolean, books: Record<string, string>}} Site what the gateway said about this origin; books: path prefix -> id, where there are several */
/** @typedef {{path: string, named: string | null}} Page named: the page's own word on which of the origin's books it is of */
/** @typedef {{token: string, ends: number}} Access ends: the gateway's time, seconds */

const SAFE = new Set(["GET", "HEAD", "OPTIONS"]);
const SLOWEST = 10_000; // ms for an endpoint of ours; the reader waits for it
const KEPT = /** @type {const} */ (["person", "refresh", "access"]);
/** @typedef {(typeof KEPT)[number]} Kept */

/**
 * One tab of this origin at a time, where the browser has locks.
 * @template T @param {string} name @param {() => Promise<T>} work @returns {Promise<T>}
 */
export const exclusively = (name, work) => (navigator.locks ? navigator.locks.request(name, work) : work());

/** sessionStorage, or the same for this page alone where the browser forbids it. @returns {TabStorage} */
export function tabStorage() {
  try {
    sessionStorage.getItem("bookgate.person");
    return sessionStorage;
  } catch {
    const kept = new Map();
    return { getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => void kept.set(name, value), removeItem: (name) => void kept.delete(name) };
  }
}

export class Session {
  /** @type {User | null} who the book believes is signed in; while the gateway is away, who was */
  user = null;
  /** @type {"cookie" | "dpop" | null} null: nobody is signed in, or the gateway has not said so yet */
  mode = null;
  reachable = true;
  /** @type {Site | null} null: never heard of */
  site = null;
  /** books of this origin in which research asks this reader something @type {string[]} */
  waits = [];

  #gateway;
  #database;
  #tab;
  #named;
  /** @type {Promise<ProofKey> | null} */
  #key = null;
  /** @type {Access | null} */
  #access = null;
  /** @type {string | null} */
  #nonce = null;
  #skew = 0; // seconds that the gateway's clock is ahead of ours
  /** @type {Promise<boolean> | null} */
  #refreshing = null;

  /**
   * @param {{gateway: string, database: Database, tab: TabStorage, book?: string | null}} parts
   *   book: the page's own word on which of the origin's books it is of
   */
  constructor({ gateway, database, tab, book = null }) {
    this.#gateway = gateway;
    this.#database = database;
    this.#tab = tab;
    this.#named = book;
  }

  /** Does the gateway itself confirm the user, now? */
  get confirmed() {
    return this.mode !== null && this.user !== null;
  }

  /** Is the key still there after the page went away? */
  get keyLasts() {
    return this.#database.lasting;
  }

  /** @returns {Page} */
  get page() {
    return { path: location.pathname, named: this.#named };
  }

  /** Which of the origin's books this page is of. */
  get book() {
    return this.bookOf(this.page);
  }

  /** The longest prefix of a page's path says its book; null: the origin has one, or nobody said yet. @param {Page} page @returns {string | null} */
  bookOf({ path, named }) {
    const listed = Object.entries(this.site?.books ?? {}).sort(([a], [b]) => b.length - a.length);
    if (listed.length === 0) return null;
    return named ?? listed.find(([prefix]) => path.startsWith(prefix))?.[1] ?? null;
  }

  /** The gateway's time, in seconds. */
  now() {
    return Date.now() / 1000 + this.#skew;
  }

  /** The book's key: made once, kept in IndexedDB; of two tabs that make one, the first wins. @returns {Promise<ProofKey>} */
  key() {
    this.#key ??= this.#makeKey();
    return this.#key;
  }

  async #makeKey() {
    if (!globalThis.crypto?.subtle) throw new BookgateError("insecure_context", "Signing in needs https, or http on localhost.");
    const kept = await this.#database.get("state", "key");
    if (kept) return kept;
    const made = await generateKey();
    return this.#database.change("state", "key", (first) => first ?? made);
  }

  /** Who is signed in? Asks the gateway; a refresh token of an earlier visit signs in again. */
  async read() {
    try {
      this.site ??= (await this.#database.get("state", "site")) ?? null;
      if (!(await this.#recognised())) await this.#forget();
    } catch (error) {
      if (!(error instanceof BookgateError)) throw error;
      this.mode = null;
      this.user ??= await this.#kept("person");
    }
  }

  async #recognised() {
    if (await this.#kept("refresh")) {
      this.#access ??= await this.#kept("access");
      if (this.#live && (await this.#ask("dpop"))) return true;
      if (await this.refresh()) return true;
    }
    return this.#ask("cookie");
  }

  /** Does the gateway know somebody by this? @param {"cookie" | "dpop"} mode */
  async #ask(mode) {
    this.mode = mode;
    const response = await this.send("GET", `${this.#gateway}/auth/session`, { signal: AbortSignal.timeout(SLOWEST) }, null);
    if (response.status === 401) return false; // a token that ended
    const { user, guests = false, books = {}, studies = [] } = await this.#answer(response);
    this.site = { guests, books };
    this.waits = studies;
    await this.#database.change("state", "site", () => this.site);
    if (!user) return false;
    await this.#signedIn(user, (await this.#database.get("state", "person")) !== undefined);
    return true;
  }

  /**
   * Steps 4 and 5: a code, or being a guest, becomes a session, in the mode that works in this browser. A guest who was here
   * before comes along: by the cookie, or by the token.
   * @param {Record<string, string>} fields what the grant is made of
   * @returns {Promise<boolean>} is the work of that guest the new one's now?
   */
  async redeem(fields) {
    const guest = (await this.#kept("person"))?.guest ? await this.#kept("refresh") : null;
    const request = { ...fields, ...(guest && { guest_token: guest }), client_id: location.origin, delivery: "cookie" };
    const { ticket } = await this.#post("/auth/token", request);
    const confirmed = await this.#post("/auth/confirm", { ticket });
    const { mode, user, keep = false, refresh_token, merged, merge, studies = [] } = confirmed;
    if (!user || !mode) throw new BookgateError("bad_answer", "Confirmed, but as nobody.");
    this.mode = mode;
    this.waits = studies;
    const key = await this.key();
    await this.#database.change("state", "key", () => key); // a sign-out in another tab may have erased it meanwhile
    await this.#keep("refresh", refresh_token ?? null, keep);
    await this.#takeAccess(mode === "dpop" ? confirmed : null, keep);
    await this.#signedIn(user, keep);
    return merged === true || merge === "later";
  }

  /** A new access token from the refresh token, or the one that another tab got meanwhile. @returns {Promise<boolean>} false: there is none, or it is over */
  refresh() {
    this.#refreshing ??= exclusively(`bookgate-refresh ${this.#gateway}`, () => this.#refresh()).finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  async #refresh() {
    const [refresh, access] = [await this.#kept("refresh"), await this.#kept("access")];
    if (!refresh) return false;
    if (access && access.token !== this.#access?.token && access.ends > this.now()) {
      this.#access = access;
      return this.#ask("dpop");
    }
    try {
      const fields = { grant_type: "refresh_token", refresh_token: refresh, client_id: location.origin };
      await this.#takeAccess(await this.#post("/auth/token", fields), this.#tab.getItem("bookgate.refresh") === null);
    } catch (error) {
      const told = error instanceof BookgateError && !/^(unreachable|bad_answer|http_\d+)$/.test(error.code); // else a network's own page
      if (!told || error.status >= 500 || error.status === 429) throw error;
      await this.#forget();
      return false;
    }
    return this.#ask("dpop");
  }

  /**
   * Ends the session: of this book only, or of the whole browser where the gateway allows it to this origin.
   * @param {"book" | "browser" | null} scope @returns {Promise<SignedOut>}
   */
  async end(scope) {
    /** @type {SignedOut} */
    const signedOut = { next: null, rest: null };
    try {
      const answer = await this.#postSigned("/auth/logout", scope ? { scope } : {});
      signedOut.next = answer.next ?? null;
      if (answer.signed_out === "book") signedOut.rest = answer.sign_out_page ?? null;
    } catch (error) {
      if (!(error instanceof BookgateError) || error.status !== 401) throw error; // 401: it had ended before
    }
    await this.#forget();
    await this.#database.change("state", "key", () => undefined);
    this.dropKey();
    return signedOut;
  }

  /** The key was erased: the next use makes another. */
  dropKey() {
    this.#key = null;
  }

  /**
   * A score of a page that a course opened. It is the book's word, and the course's gradebook is told so.
   * @param {Result} result @returns {Promise<{state: "delivered" | "queued" | "refused"} | null>} null: no course grades the page, or nobody is signed in
   */
  async report({ score, of, comment = "", page = location.pathname + location.search }) {
    if (!this.user || this.user.guest) return null;
    try {
      const { state } = await this.#postSigned("/auth/lti/score", { score: String(score), of: String(of), comment, page });
      return { state };
    } catch (error) {
      if (error instanceof BookgateError && error.code === "not_graded") return null;
      throw error;
    }
  }

  /** A ticket for a WebSocket in token mode; null: the cookie does it. @param {string} path without query @returns {Promise<string | null>} */
  async webSocketTicket(path) {
    return this.mode === "dpop" ? (await this.#postSigned("/auth/ws-ticket", { path })).ticket : null;
  }

  /**
   * One request with what proves the session.
   * @param {string} method @param {string} url of the gateway
   * @param {RequestInit} init
   * @param {string | null} person whom an unsafe request is for; the gateway refuses it (409) when somebody else is signed in
   * @returns {Promise<Response>}
   */
  async send(method, url, init, person) {
    await this.#freshen();
    const response = await this.#once(method, url, init, person);
    if (response.status !== 401 || !response.headers.has("DPoP-Nonce") || this.mode !== "dpop") return response;
    return (await refusal(response)).code === "use_dpop_nonce" ? this.#once(method, url, init, person) : response;
  }

  get #live() {
    return this.#access !== null && this.#access.ends - 5 > this.now();
  }

  async #freshen() {
    if (this.mode === "dpop" && !this.#refreshing && !this.#live) await this.refresh();
  }

  /** @param {string} method @param {string} url @param {RequestInit} init @param {string | null} person */
  async #once(method, url, init, person) {
    return this.sendNow(method, url, init, person, await this.proofs(method, url));
  }

  /**
   * The same in this very task, with proofs made ahead: for the moment when the page goes away.
   * @param {string} method @param {string} url @param {RequestInit} init
   * @param {string | null} person @param {Record<string, string>} proofs
   */
  async sendNow(method, url, init, person, proofs) {
    const headers = new Headers(init.headers);
    for (const [name, value] of Object.entries(proofs)) headers.set(name, value);
    if (person && !SAFE.has(method)) headers.set("X-Bookgate-Person", person);
    const credentials = this.mode === "dpop" ? "omit" : "include";
    return this.#fetch(url, { ...init, method, headers, credentials });
  }

  /** @param {string} method @param {string} url @returns {Promise<Record<string, string>>} empty in cookie mode */
  async proofs(method, url) {
    if (this.mode !== "dpop" || this.#access === null) return {};
    const accessToken = this.#access.token;
    const proof = await makeProof(await this.key(), { method, url, now: this.now(), nonce: this.#nonce, accessToken });
    return { Authorization: `DPoP ${accessToken}`, DPoP: proof };
  }

  /** A form to an endpoint of ours, as the reader of now. @param {string} path @param {Record<string, string>} fields */
  async #postSigned(path, fields) {
    await this.#freshen();
    const accessToken = this.mode === "dpop" ? (this.#access?.token ?? null) : null;
    /** @type {Record<string, string>} */
    const headers = accessToken ? { Authorization: `DPoP ${accessToken}` } : {};
    if (this.user) headers["X-Bookgate-Person"] = this.user.sub;
    return this.#post(path, fields, headers, accessToken);
  }

  /**
   * @param {string} path @param {Record<string, string>} fields
   * @param {Record<string, string>} [headers] @param {string | null} [accessToken]
   */
  async #post(path, fields, headers = {}, accessToken = null) {
    const url = this.#gateway + path;
    for (let attempt = 0; ; attempt++) {
      const DPoP = await makeProof(await this.key(), { method: "POST", url, now: this.now(), nonce: this.#nonce, accessToken });
      const [body, signal] = [new URLSearchParams(fields), AbortSignal.timeout(SLOWEST)];
      try {
        return await this.#answer(await this.#fetch(url, { method: "POST", credentials: "include", body, signal, headers: { ...headers, DPoP } }));
      } catch (error) {
        if (attempt > 0 || !(error instanceof BookgateError) || error.code !== "use_dpop_nonce") throw error;
      }
    }
  }

  /** What an endpoint of ours says. @param {Response} response @returns {Promise<any>} */
  async #answer(response) {
    const body = response.ok ? await response.clone().json().catch(() => null) : null;
    if (body === null || typeof body !== "object") {
      this.reachable = !response.ok && response.status < 500; // a hotel's page, a proxy without us behind it
      throw await refusal(response);
    }
    if (typeof body.now === "number") this.#skew = body.now - Date.now() / 1000;
    return body;
  }

  /** @param {string} url @param {RequestInit} init */
  async #fetch(url, init) {
    try {
      const response = await fetch(url, { redirect: "error", ...init });
      this.reachable = true;
      this.#nonce = response.headers.get("DPoP-Nonce") ?? this.#nonce;
      return response;
    } catch (cause) {
      if (init.signal?.aborted && cause instanceof DOMException && cause.name === "AbortError") throw cause; // the page's own wish
      this.reachable = false;
      throw unreachable(cause);
    }
  }

  /** @param {{access_token: string, expires_in: number} | null} answer @param {boolean} lasting */
  async #takeAccess(answer, lasting) {
    this.#access = answer && { token: answer.access_token, ends: this.now() + answer.expires_in };
    await this.#keep("access", this.#access, lasting);
  }

  /** @param {User} user @param {boolean} lasting */
  async #signedIn(user, lasting) {
    this.user = user;
    await this.#keep("person", user, lasting); // work done while the gateway is away belongs to them
  }

  async #forget() {
    this.user = this.mode = this.#access = null;
    for (const name of KEPT) await this.#keep(name, null, false);
  }

  /** What an earlier page kept: in this tab, where the device is shared, else in the database. @param {Kept} name @returns {Promise<any>} */
  async #kept(name) {
    const inTab = this.#tab.getItem(`bookgate.${name}`);
    return inTab === null ? ((await this.#database.get("state", name)) ?? null) : JSON.parse(inTab);
  }

  /** @param {Kept} name @param {unknown} value null: nothing any more @param {boolean} lasting beyond this tab */
  async #keep(name, value, lasting) {
    if (lasting || value === null) this.#tab.removeItem(`bookgate.${name}`);
    else this.#tab.setItem(`bookgate.${name}`, JSON.stringify(value));
    await this.#database.change("state", name, () => (lasting && value !== null ? value : undefined));
  }
}
