/** Sends what waits in the outbox, and says what became of it; at the end of a page, in the very task that is left. */

import { randomId } from "./base64url.js";
import { BookgateError, STEP_UP, needsSignIn, refusal } from "./errors.js";
import { SLOWEST } from "./shelf.js";

/** @typedef {import("./outbox.js").Entry} Entry */
/** @typedef {import("./outbox.js").Outcome} Outcome */
/** @typedef {import("./requests.js").Requests} Requests */
/** @typedef {import("./session.js").Session} Session */
/** @typedef {import("./shelf.js").Shelf} Shelf */
/** @typedef {{id: string, course: string, value: unknown, etag: string}} Conflict what another device saved, and is now a version */

const CARRIED = 60_000; // bytes; Fetch section 4.6: keepalive bodies may have 64 KiB in all, the page's own among them
const PROOF_LIVES = 50_000; // ms; the gateway takes one for 60 s
const LAST_YEAR = 253_402_300_800_000; // ms: what comes then has no RFC 3339

export class Delivery {
  #gateway;
  #session;
  #requests;
  #shelf;
  #conflicted;
  #room = CARRIED;
  /** made ahead in token mode, because the end of a page cannot wait for a signature @type {Map<string, {proofs: Record<string, string>, made: number}>} */
  #proofs = new Map();

  /** @param {{gateway: string, session: Session, requests: Requests, shelf: Shelf, conflicted: (conflict: Conflict) => void}} parts */
  constructor({ gateway, session, requests, shelf, conflicted }) {
    this.#gateway = gateway;
    this.#session = session;
    this.#requests = requests;
    this.#shelf = shelf;
    this.#conflicted = conflicted;
  }

  /** Sends one entry, and says what became of it. @param {Entry} entry @returns {Promise<Outcome>} */
  async deliver(entry) {
    try {
      const response = await this.#send(entry, entry.key);
      if (response.status !== 412 || entry.item === null) return await this.#outcome(entry, response);
      return await this.#overtaken(entry);
    } catch (error) {
      if (error instanceof BookgateError || error instanceof DOMException) return { later: null }; // offline, or too slow
      throw error;
    }
  }

  /** @param {Entry} entry @param {string} key */
  async #send(entry, key) {
    const place = placeOf(entry);
    const headers = { ...headersOf(entry, key), ...(place && (await this.#shelf.precondition(place))) };
    const init = { headers, body: entry.body, signal: AbortSignal.timeout(SLOWEST) };
    const url = this.#gateway + entry.path;
    const hidden = globalThis.document?.visibilityState === "hidden"; // the page may go at any moment
    const send = (/** @type {boolean} */ keepalive) =>
      this.#requests.send({ method: entry.method, url, init: { ...init, keepalive } }, entry.person, entry.book);
    return (hidden && this.#carried(entry, () => send(true))) || send(false);
  }

  /**
   * Another device saved since this one last read. Its value stays as a version; the one in front of the reader goes on top,
   * and the page hears of it. The second try is another write, so it has another key.
   * @param {Entry} entry @returns {Promise<Outcome>}
   */
  async #overtaken(entry) {
    const place = /** @type {import("./shelf.js").Place} */ (placeOf(entry));
    const theirs = await this.#shelf.read(place);
    const response = await this.#send(entry, `${entry.key}.${randomId(6)}`);
    if (response.ok && theirs) this.#conflicted({ id: place.id, course: place.course, ...theirs });
    return response.status === 412 ? { later: null } : this.#outcome(entry, response);
  }

  /** @param {Entry} entry @param {Response} response @returns {Promise<Outcome>} */
  async #outcome(entry, response) {
    const etag = response.headers.get("ETag");
    const place = placeOf(entry);
    if (response.ok && (etag !== null || place === null) && !isPage(response)) {
      if (place !== null) await this.#shelf.remember(place, etag);
      return { sent: true };
    }
    const error = await refusal(response);
    if (error.code === STEP_UP) return { held: true };
    const full = error.status === 507; // the shelf: what is sent again is refused again, until the reader makes room
    const waits = response.ok || needsSignIn(error) || error.code === "person_changed" || (error.status >= 500 && !full);
    if (waits || [401, 408, 425, 429].includes(error.status)) return { later: error.retryAfter };
    return { refused: error.code };
  }

  /** Makes ready for the end of the page, where a request needs a proof. @param {string} method @param {string} path */
  async prepare(method, path) {
    const known = this.#proofs.get(`${method} ${path}`);
    if (this.#session.mode !== "dpop" || (known && fresh(known))) return;
    const proofs = await this.#session.proofs(method, this.#gateway + path).catch(() => ({}));
    this.#proofs.set(`${method} ${path}`, { proofs, made: Date.now() });
  }

  /** The page may be going: sends in this very task. @param {Entry} entry @returns {Promise<Outcome> | null} null: it cannot be carried */
  sendNow(entry) {
    const place = placeOf(entry);
    const precondition = place === null ? {} : this.#shelf.preconditionNow(place);
    const proofs = this.#takeProofs(`${entry.method} ${entry.path}`);
    if (precondition === undefined || proofs === null) return null;
    const headers = { ...headersOf(entry, entry.key), ...precondition, ...(entry.book && { "X-Bookgate-Book": entry.book }) };
    const init = { headers, body: entry.body, keepalive: true };
    const sent = () => this.#session.sendNow(entry.method, this.#gateway + entry.path, init, entry.person, proofs);
    const answer = this.#carried(entry, sent);
    return answer && answer.then((response) => this.#outcome(entry, response)).catch(() => ({ later: null }));
  }

  /** @param {string} request @returns {Record<string, string> | null} */
  #takeProofs(request) {
    if (this.#session.mode !== "dpop") return {};
    const known = this.#proofs.get(request);
    this.#proofs.delete(request);
    return known && fresh(known) && known.proofs.DPoP ? known.proofs : null;
  }

  /** Sends with keepalive as long as there is room for the body. @param {Entry} entry @param {() => Promise<Response>} send */
  #carried({ body }, send) {
    const size = new TextEncoder().encode(body).length;
    if (size > this.#room) return null;
    this.#room -= size;
    return send().finally(() => (this.#room += size));
  }
}

/** @param {{made: number}} proof */
const fresh = ({ made }) => Date.now() - made < PROOF_LIVES;

/** @param {Response} response a captive portal's page is nobody's receipt */
const isPage = (response) => (response.headers.get("Content-Type") ?? "").startsWith("text/html");

/** @param {Entry} entry @param {string} key @returns {Record<string, string>} */
function headersOf({ contentType = "application/json", at }, key) {
  /** @type {Record<string, string>} */
  const headers = { "Content-Type": contentType, "Idempotency-Key": key };
  if (at >= 0 && at < LAST_YEAR) headers["X-Bookgate-Time"] = new Date(at).toISOString();
  return headers;
}

/** @param {Entry} entry @returns {import("./shelf.js").Place | null} */
function placeOf({ item, person, book }) {
  return item === null || person === null ? null : { person, book, id: item.id, course: item.course };
}
