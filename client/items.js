/** A reader's work in the storage service: items saved with If-Match, so that no device overwrites another unseen. */

import { randomId } from "./base64url.js";
import { BookgateError, needsSignIn, refusal } from "./errors.js";

/** @typedef {import("./database.js").Database} Database */
/** @typedef {import("./outbox.js").Entry} Entry */
/** @typedef {import("./outbox.js").Outbox} Outbox */
/** @typedef {import("./outbox.js").Outcome} Outcome */
/** @typedef {import("./requests.js").Requests} Requests */
/** @typedef {{kind?: string, course?: string}} SaveOptions kind: answer | program | notebook | progress */
/** @typedef {{id: string, course: string, value: unknown, etag: string}} Conflict what another device saved, and is now a version */

const ID = /^(?!internal$)[A-Za-z0-9_][A-Za-z0-9._~:@-]{0,199}$/; // one path segment that needs no percent-encoding
const KINDS = ["answer", "program", "notebook", "progress"];
const SLOWEST = 30_000; // ms
const KEEPALIVE = 60_000; // bytes; browsers stop at 64 KiB in all

export class Items {
  #gateway;
  #database;
  #outbox;
  #requests;
  #person;
  #conflicted;

  /**
   * @param {{gateway: string, database: Database, outbox: Outbox, requests: Requests, person: () => string | null,
   *   conflicted: (conflict: Conflict) => void}} parts
   */
  constructor({ gateway, database, outbox, requests, person, conflicted }) {
    this.#gateway = gateway;
    this.#database = database;
    this.#outbox = outbox;
    this.#requests = requests;
    this.#person = person;
    this.#conflicted = conflicted;
  }

  /**
   * Keeps a value on this device, from where the outbox sends it.
   * @param {string} id @param {unknown} value anything that JSON can hold @param {SaveOptions} [options]
   */
  async save(id, value, { kind = "answer", course = "" } = {}) {
    if (!KINDS.includes(kind)) throw new BookgateError("invalid_kind", `An item's kind is one of ${KINDS.join(", ")}: ${kind}`);
    const body = JSON.stringify(value);
    if (body === undefined) throw new BookgateError("invalid_value", "The value cannot be written as JSON.");
    const path = itemPath(id, course, kind);
    await this.#outbox.add({ person: this.#person(), type: "item", method: "PUT", path, body, item: { id, course, kind } });
  }

  /**
   * The reader's newest value: one that waits on this device, else the gateway's.
   * @param {string} id @param {{course?: string}} [options] @returns {Promise<unknown>} undefined when there is none
   */
  async load(id, { course = "" } = {}) {
    const path = itemPath(id, course);
    const person = this.#person();
    const waiting = await this.#outbox.latest(person, id, course);
    if (waiting) return JSON.parse(waiting.body);
    if (person === null) return undefined;
    return (await this.#read(path, person, id, course))?.value;
  }

  /** @param {string} path @param {string} person @param {string} id @param {string} course */
  async #read(path, person, id, course) {
    const init = { cache: /** @type {const} */ ("no-cache"), signal: AbortSignal.timeout(SLOWEST) };
    const response = await this.#requests.send({ method: "GET", url: this.#gateway + path, init }, person);
    const etag = response.headers.get("ETag");
    if (response.status === 404 || response.status === 410) {
      await this.#remember(person, course, id, null);
      return undefined;
    }
    if (!response.ok || etag === null) throw await refusal(response);
    const value = await response.json();
    await this.#remember(person, course, id, etag);
    return { value, etag };
  }

  /** Sends one entry of the outbox, and says what became of it. @param {Entry} entry @returns {Promise<Outcome>} */
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
    /** @type {Record<string, string>} */
    const headers = { "Content-Type": entry.contentType ?? "application/json", "Idempotency-Key": key, "X-Bookgate-Time": new Date(entry.at).toISOString() };
    if (entry.item !== null && entry.person !== null) {
      const etag = await this.#database.get("etags", etagKey(entry.person, entry.item.course, entry.item.id));
      if (etag) headers["If-Match"] = etag;
      else headers["If-None-Match"] = "*";
    }
    const keepalive = globalThis.document?.visibilityState === "hidden" && entry.body.length < KEEPALIVE;
    const init = { headers, body: entry.body, keepalive, signal: AbortSignal.timeout(SLOWEST) };
    return this.#requests.send({ method: entry.method, url: this.#gateway + entry.path, init }, entry.person);
  }

  /**
   * Another device saved since this one last read. Its value stays as a version; the one in front of the reader goes on top,
   * and the page hears of it. The second try is another write, so it has another key.
   * @param {Entry} entry @returns {Promise<Outcome>}
   */
  async #overtaken(entry) {
    const { id, course } = /** @type {NonNullable<Entry["item"]>} */ (entry.item);
    const theirs = await this.#read(itemPath(id, course), /** @type {string} */ (entry.person), id, course);
    const response = await this.#send(entry, `${entry.key}.${randomId(6)}`);
    if (response.ok && theirs) this.#conflicted({ id, course, ...theirs });
    return response.status === 412 ? { later: null } : this.#outcome(entry, response);
  }

  /** @param {Entry} entry @param {Response} response @returns {Promise<Outcome>} */
  async #outcome(entry, response) {
    const etag = response.headers.get("ETag");
    if (response.ok && (etag !== null || entry.item === null) && !isPage(response)) {
      if (entry.item !== null) await this.#remember(/** @type {string} */ (entry.person), entry.item.course, entry.item.id, etag);
      return { sent: true };
    }
    const error = await refusal(response);
    const waits = response.ok || needsSignIn(error) || error.code === "person_changed" || error.status >= 500;
    if (waits || [401, 408, 425, 429].includes(error.status)) return { later: error.retryAfter };
    return { refused: error.code };
  }

  /** @param {string} person @param {string} course @param {string} id @param {string | null} etag */
  async #remember(person, course, id, etag) {
    await this.#database.change("etags", etagKey(person, course, id), () => etag ?? undefined);
  }
}

/** @param {Response} response a captive portal's page is nobody's receipt */
const isPage = (response) => (response.headers.get("Content-Type") ?? "").startsWith("text/html");

/** @param {string} person @param {string} course @param {string} id */
const etagKey = (person, course, id) => `${person}\n${course}\n${id}`;

/** @param {string} id @param {string} course @param {string} [kind] */
function itemPath(id, course, kind) {
  if (!ID.test(id)) throw new BookgateError("invalid_id", `An item's id is 1 to 200 of A-Z a-z 0-9 . _ ~ : @ - and begins with a letter, digit or _: ${id}`);
  const query = new URLSearchParams();
  if (kind) query.set("kind", kind);
  if (course) query.set("course", course);
  return `/storage/v1/items/${id}${query.size > 0 ? `?${query}` : ""}`;
}
