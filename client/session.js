/** The book's session at the gateway: who is signed in, in which mode, and what proves it on each request (docs/protocol.md, steps 0 and 4 to 7). */

import { generateKey, makeProof } from "./dpop.js";
import { BookgateError, refusal, unreachable } from "./errors.js";

/** @typedef {import("./database.js").Database} Database */
/** @typedef {import("./dpop.js").ProofKey} ProofKey */
/** @typedef {{sub: string, name?: string | null, guest?: boolean}} User */
/** @typedef {{next: string | null, rest: string | null}} SignedOut next: a page that must be visited to end it all; rest: one that ends the other books too */
/** @typedef {Pick<Storage, "getItem" | "setItem" | "removeItem">} TabStorage */

const SAFE = new Set(["GET", "HEAD", "OPTIONS"]);
const REFRESH = "bookgate.refresh"; // sessionStorage: a shared device keeps the token no longer than the tab
const PERSON = "bookgate.person";

export class Session {
  /** @type {User | null} who the book believes is signed in; while the gateway is away, who was */
  user = null;
  /** @type {"cookie" | "dpop" | null} null: nobody is signed in, or the gateway has not said so yet */
  mode = null;
  reachable = true;
  /** May a guest begin here now? */
  guests = false;
  /** Which of the origin's books this page is of; null: the origin has one. @type {string | null} */
  book = null;

  #gateway;
  #database;
  #tab;
  /** @type {Promise<ProofKey> | null} */
  #key = null;
  /** @type {string | null} */
  #access = null;
  #accessEnds = 0;
  /** @type {string | null} */
  #nonce = null;
  #skew = 0; // seconds that the gateway's clock is ahead of ours
  /** @type {Promise<boolean> | null} */
  #refreshing = null;

  /** @param {{gateway: string, database: Database, tab: TabStorage}} parts */
  constructor({ gateway, database, tab }) {
    this.#gateway = gateway;
    this.#database = database;
    this.#tab = tab;
  }

  /** Does the gateway itself confirm the user, now? */
  get confirmed() {
    return this.mode !== null && this.user !== null;
  }

  /** Is the key still there after the page went away? */
  get keyLasts() {
    return this.#database.lasting;
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
      const asked = this.#access !== null && this.mode === "dpop" ? await this.#readByToken() : await this.#readByCookie();
      if (asked || (await this.refresh())) return;
      await this.#forget();
    } catch (error) {
      if (!(error instanceof BookgateError)) throw error;
      this.mode = null;
      this.user ??= await this.#remembered();
    }
  }

  async #readByCookie() {
    const answer = await this.#json("/auth/session", { credentials: "include" });
    if (!answer.user) return false;
    await this.#signedIn("cookie", answer.user);
    return true;
  }

  async #readByToken() {
    const response = await this.send("GET", `${this.#gateway}/auth/session`, {});
    const answer = response.ok ? await response.json() : {};
    if (!answer.user) return false;
    await this.#signedIn("dpop", answer.user);
    return true;
  }

  /**
   * Steps 4 and 5: the code becomes a session, in the mode that works in this browser.
   * @param {{code: string, verifier: string, redirectUri: string | null}} answer
   */
  async redeem({ code, verifier, redirectUri }) {
    /** @type {Record<string, string>} */
    const fields = { grant_type: "authorization_code", code, code_verifier: verifier, client_id: location.origin, delivery: "cookie" };
    if (redirectUri) fields.redirect_uri = redirectUri;
    await this.#begin(fields);
  }

  /** Somebody who has not signed in saves here as a guest. */
  async beginGuest() {
    await this.#begin({ grant_type: "urn:bookgate:guest", client_id: location.origin, delivery: "cookie" });
  }

  /** @param {Record<string, string>} fields */
  async #begin(fields) {
    const { ticket } = await this.#post("/auth/token", fields);
    const answer = await this.#post("/auth/confirm", { ticket });
    if (answer.mode === "dpop") {
      await this.#keepRefresh(answer.refresh_token, answer.keep === true);
      this.#takeAccess(answer);
    }
    this.mode = answer.mode;
    const known = answer.user ? true : answer.mode === "dpop" ? await this.#readByToken() : await this.#readByCookie();
    if (answer.user) await this.#signedIn(answer.mode, answer.user);
    if (!known) throw new BookgateError("bad_answer", "The sign-in was confirmed, yet nobody is signed in.");
    await this.#remember(answer.keep === true);
  }

  /** A new access token from the refresh token. @returns {Promise<boolean>} false: there is none, or it is over */
  refresh() {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  async #refresh() {
    const token = this.#tab.getItem(REFRESH) ?? (await this.#database.get("state", "refresh"));
    if (!token) return false;
    try {
      this.#takeAccess(await this.#post("/auth/token", { grant_type: "refresh_token", refresh_token: token, client_id: location.origin }));
    } catch (error) {
      if (!(error instanceof BookgateError) || error.status >= 500 || error.status === 429 || error.status === 0) throw error;
      await this.#forget();
      return false;
    }
    this.mode = "dpop";
    return this.#readByToken();
  }

  /**
   * Ends the session: of this book only, or of the whole browser where the gateway allows it to this origin.
   * @param {"book" | null} scope @returns {Promise<SignedOut>}
   */
  async end(scope) {
    if (this.mode === "dpop" && this.now() > this.#accessEnds) await this.refresh();
    /** @type {SignedOut} */
    const signedOut = { next: null, rest: null };
    try {
      const answer = await this.#post("/auth/logout", scope ? { scope } : {}, this.#proofs());
      signedOut.next = answer.next ?? null;
      if (answer.signed_out === "book") signedOut.rest = answer.sign_out_page ?? null;
    } catch (error) {
      if (!(error instanceof BookgateError) || error.status !== 401) throw error; // 401: it had ended before
    }
    await this.#forget();
    await this.#database.change("state", "key", () => undefined);
    this.#key = null;
    return signedOut;
  }

  /** A ticket for a WebSocket in token mode; null: the cookie does it. @param {string} path without query @returns {Promise<string | null>} */
  async webSocketTicket(path) {
    if (this.mode === "dpop" && this.now() > this.#accessEnds - 5) await this.refresh();
    return this.mode === "dpop" ? (await this.#post("/auth/ws-ticket", { path }, this.#proofs())).ticket : null;
  }

  /**
   * One request with what proves the session.
   * @param {string} method @param {string} url of the gateway
   * @param {{headers?: HeadersInit, body?: BodyInit | null, person?: string | null, book?: string | null} & Omit<RequestInit, "headers" | "body">} init
   *   person: whom an unsafe request is for; the gateway refuses it (409) when somebody else is signed in
   * @returns {Promise<Response>}
   */
  async send(method, url, { person = this.user?.sub, book = this.book, ...init }) {
    init.headers = new Headers(init.headers);
    if (book) init.headers.set("X-Bookgate-Book", book);
    if (this.mode === "dpop" && this.now() > this.#accessEnds - 5 && !this.#refreshing) await this.refresh();
    const response = await this.#once(method, url, init, person);
    if (response.status !== 401 || !response.headers.has("DPoP-Nonce") || this.mode !== "dpop") return response;
    return (await refusal(response)).code === "use_dpop_nonce" ? this.#once(method, url, init, person) : response;
  }

  /** @param {string} method @param {string} url @param {RequestInit} init @param {string | null | undefined} person */
  async #once(method, url, init, person) {
    const proofs = this.mode === "dpop" ? await this.proofs(method, url) : {};
    return this.sendNow(method, url, init, person, proofs);
  }

  /**
   * The same in this very task, with proofs made ahead: for the moment when the page goes away.
   * @param {string} method @param {string} url @param {RequestInit} init
   * @param {string | null | undefined} person @param {Record<string, string>} proofs
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
    const accessToken = this.#access;
    const proof = await makeProof(await this.key(), { method, url, now: this.now(), nonce: this.#nonce, accessToken });
    return { Authorization: `DPoP ${accessToken}`, DPoP: proof };
  }

  /** The access token and the person, for our own endpoints. @returns {Record<string, string>} */
  #proofs() {
    /** @type {Record<string, string>} */
    const headers = {};
    if (this.mode === "dpop" && this.#access !== null) headers.Authorization = `DPoP ${this.#access}`;
    if (this.user) headers["X-Bookgate-Person"] = this.user.sub;
    return headers;
  }

  /** @param {string} path @param {Record<string, string>} fields @param {Record<string, string>} [more] headers */
  async #post(path, fields, more = {}) {
    const url = this.#gateway + path;
    const accessToken = more.Authorization ? this.#access : null;
    for (let attempt = 0; ; attempt++) {
      const proof = await makeProof(await this.key(), { method: "POST", url, now: this.now(), nonce: this.#nonce, accessToken });
      const init = { method: "POST", credentials: /** @type {const} */ ("include"), body: new URLSearchParams(fields) };
      try {
        return await this.#json(path, { ...init, headers: { ...more, DPoP: proof } });
      } catch (error) {
        if (attempt > 0 || !(error instanceof BookgateError) || error.code !== "use_dpop_nonce") throw error;
      }
    }
  }

  /** @param {string} path @param {RequestInit} init @returns {Promise<any>} */
  async #json(path, init) {
    const response = await this.#fetch(this.#gateway + path, init);
    if (!response.ok) throw await refusal(response);
    const answer = await response.json().catch(() => null);
    if (answer === null || typeof answer !== "object") throw new BookgateError("bad_answer", "This is not the gateway's answer."); // a hotel's page
    if (typeof answer.now === "number") this.#skew = answer.now - Date.now() / 1000;
    return answer;
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

  /** @param {{access_token: string, expires_in: number}} answer */
  #takeAccess({ access_token, expires_in }) {
    this.#access = access_token;
    this.#accessEnds = this.now() + expires_in;
  }

  /** @param {string} token @param {boolean} keep */
  async #keepRefresh(token, keep) {
    if (keep) {
      this.#tab.removeItem(REFRESH);
      await this.#database.change("state", "refresh", () => token);
    } else {
      this.#tab.setItem(REFRESH, token);
      await this.#database.change("state", "refresh", () => undefined);
    }
  }

  /** @param {"cookie" | "dpop"} mode @param {User} user */
  async #signedIn(mode, user) {
    this.mode = mode;
    this.user = user;
    if (this.#tab.getItem(PERSON) !== null) this.#tab.setItem(PERSON, JSON.stringify(user));
    await this.#database.change("state", "person", (kept) => (kept ? user : undefined));
  }

  /** Work done while the gateway is away belongs to the person who was signed in. @param {boolean} keep beyond this tab */
  async #remember(keep) {
    if (keep) await this.#database.change("state", "person", () => this.user);
    else this.#tab.setItem(PERSON, JSON.stringify(this.user));
  }

  /** @returns {Promise<User | null>} */
  async #remembered() {
    const inTab = this.#tab.getItem(PERSON);
    return inTab === null ? ((await this.#database.get("state", "person")) ?? null) : JSON.parse(inTab);
  }

  async #forget() {
    this.user = null;
    this.mode = null;
    this.#access = null;
    this.#tab.removeItem(REFRESH);
    this.#tab.removeItem(PERSON);
    await this.#database.change("state", "refresh", () => undefined);
    await this.#database.change("state", "person", () => undefined);
  }
}
