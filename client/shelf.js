/** The reader's items as the gateway has them, and the entity tags that say which state this device knows. */

import { refusal } from "./errors.js";

/** @typedef {import("./database.js").Database} Database */
/** @typedef {import("./requests.js").Requests} Requests */
/** @typedef {{person: string, book: string | null, id: string, course: string}} Place */

/** @typedef {{value: any, etag: string} | undefined} Found undefined: there is none */
/** @typedef {{place: Place, resolve: (found: Found) => void, reject: (error: unknown) => void}} Asked */

export const SLOWEST = 30_000; // ms
const GATHERING = 10; // ms: a page that begins asks for all that is on it
const MOST = 100; // ids in one request, which the storage service takes
const LONGEST = 2000; // characters of them, because addresses are short

export class Shelf {
  #gateway;
  #database;
  #requests;
  /** what this page knows: the end of a page cannot wait for the database, and a full device keeps nothing @type {Map<string, {etag: string | null, kept: boolean}>} */
  #tags = new Map();
  /** reads that wait for others of the same reader, book and course @type {Map<string, Asked[]>} */
  #asked = new Map();

  /** @param {{gateway: string, database: Database, requests: Requests}} parts */
  constructor({ gateway, database, requests }) {
    this.#gateway = gateway;
    this.#database = database;
    this.#requests = requests;
  }

  /**
   * Reads together what a page asks for at about the same time: one request, in which what is missing is no error.
   * @param {Place} place @returns {Promise<Found>}
   */
  find(place) {
    const others = name({ ...place, id: "" });
    return new Promise((resolve, reject) => {
      const asked = this.#asked.get(others) ?? [];
      asked.push({ place, resolve, reject });
      if (asked.length > 1) return;
      this.#asked.set(others, asked);
      setTimeout(() => {
        this.#asked.delete(others);
        for (const some of portions(asked)) void this.#findTogether(some);
      }, GATHERING);
    });
  }

  /** @param {Asked[]} asked */
  async #findTogether(asked) {
    try {
      const { contents, apart } = await this.#together(asked.map(({ place }) => place));
      for (const { place, resolve, reject } of asked) {
        if (apart.has(place.id)) {
          this.read(place).then(resolve, reject);
          continue;
        }
        const there = contents.get(place.id);
        await this.remember(place, there?.etag ?? null);
        resolve(there && { value: JSON.parse(there.body), etag: there.etag });
      }
    } catch (error) {
      for (const { reject } of asked) reject(error);
    }
  }

  /** @param {Place[]} places of one reader, book and course */
  async #together(places) {
    const [{ person, book, course }] = places;
    const query = new URLSearchParams({ ids: [...new Set(places.map(({ id }) => id))].join(","), ...(course && { course }) });
    const response = await this.#get(`/storage/v1/contents?${query}`, person, book);
    const body = response.ok ? await response.clone().json().catch(() => null) : null;
    if (!Array.isArray(body?.contents) || !Array.isArray(body.apart)) throw await refusal(response);
    /** @type {Map<string, {etag: string, body: string}>} */
    const contents = new Map(body.contents.map((/** @type {{id: string}} */ one) => [one.id, one]));
    return { contents, apart: new Set(body.apart) };
  }

  /** @param {string} path @param {string} person @param {string | null} book */
  #get(path, person, book) {
    const init = { cache: /** @type {const} */ ("no-cache"), signal: AbortSignal.timeout(SLOWEST) };
    return this.#requests.send({ method: "GET", url: this.#gateway + path, init }, person, book);
  }

  /** @param {Place} place @returns {Promise<Found>} */
  async read(place) {
    const query = place.course ? `?${new URLSearchParams({ course: place.course })}` : "";
    const response = await this.#get(`/storage/v1/items/${place.id}${query}`, place.person, place.book);
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

  /** A reader has signed out: what they saved, and that they did, is nobody else's business. @param {string} person */
  async forget(person) {
    this.#tags.clear();
    await this.#database.erase("etags", `${person}\n`);
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

/** @param {Asked[]} asked @returns {Asked[][]} as many in each as one request can name */
function portions(asked) {
  /** @type {Asked[][]} */
  const found = [];
  let length = Infinity;
  for (const one of asked) {
    length += one.place.id.length + 1;
    if (length > LONGEST || /** @type {Asked[]} */ (found.at(-1)).length === MOST) {
      found.push([]);
      length = one.place.id.length;
    }
    /** @type {Asked[]} */ (found.at(-1)).push(one);
  }
  return found;
}

/** @param {string | null} etag @returns {Record<string, string>} */
const precondition = (etag) => (etag === null ? { "If-None-Match": "*" } : { "If-Match": etag });

/** @param {Place} place */
const name = ({ person, book, course, id }) => `${person}\n${book ?? ""}\n${course}\n${id}`;
