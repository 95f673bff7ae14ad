/** The reader's items as the gateway has them, and the entity tags that say which state this device knows. */

import { refusal } from "./errors.js";

/** @typedef {import("./database.js").Database} Database */
/** @typedef {import("./requests.js").Requests} Requests */
/** @typedef {{person: string, book: string | null, id: string, course: string}} Place */

export const SLOWEST = 30_000; // ms

export class Shelf {
  #gateway;
  #database;
  #requests;
  /** what this page knows: the end of a page cannot wait for the database, and a full device keeps nothing @type {Map<string, {etag: string | null, kept: boolean}>} */
  #tags = new Map();

  /** @param {{gateway: string, database: Database, requests: Requests}} parts */
  constructor({ gateway, database, requests }) {
    this.#gateway = gateway;
    this.#database = database;
    this.#requests = requests;
  }

  /** @param {string} path @param {Place} place @returns {Promise<{value: any, etag: string} | undefined>} undefined: there is none */
  async read(path, place) {
    const init = { cache: /** @type {const} */ ("no-cache"), signal: AbortSignal.timeout(SLOWEST) };
    const response = await this.#requests.send({ method: "GET", url: this.#gateway + path, init }, place.person, place.book);
    const etag = response.headers.get("ETag");
    if (response.status === 404 || response.status === 410) {
      await this.remember(place, null);
      return undefined;
    }
    if (!response.ok || etag === null) throw await refusal(response);
    const value = await response.json();
    await this.remember(place, etag);
    return { value, etag };
  }

  /** The precondition of a write, in this very task; undefined: not known without asking the database. @param {Place} place */
  preconditionNow(place) {
    const known = this.#tags.get(name(place));
    return known && precondition(known.etag);
  }

  /** The precondition of a write (RFC 9110 section 13.1). @param {Place} place */
  async precondition(place) {
    const known = this.#tags.get(name(place));
    if (known && !known.kept) return precondition(known.etag);
    const etag = (await this.#database.get("etags", name(place))) ?? null; // another tab may know a newer one
    this.#tags.set(name(place), { etag, kept: true });
    return precondition(etag);
  }

  /** @param {Place} place @param {string | null} etag */
  async remember(place, etag) {
    const known = { etag, kept: false };
    this.#tags.set(name(place), known);
    try {
      await this.#database.change("etags", name(place), () => etag ?? undefined);
      known.kept = true;
    } catch (error) {
      if (!(error instanceof DOMException)) throw error; // a full device
    }
  }
}

/** @param {string | null} etag @returns {Record<string, string>} */
const precondition = (etag) => (etag === null ? { "If-None-Match": "*" } : { "If-Match": etag });

/** @param {Place} place */
const name = ({ person, book, course, id }) => `${person}\n${book ?? ""}\n${course}\n${id}`;
