/**
 * Writes that wait on this device until the gateway took them: each bound to the person who made it, sent in order, once.
 *
 * Every save goes through here, so there is one path: kept first, then sent, then forgotten. A tab that is killed loses nothing.
 */

import { randomId } from "./base64url.js";
import { BookgateError } from "./errors.js";

/** @typedef {import("./database.js").Database} Database */
/** @typedef {import("./session.js").Page} Page */

/**
 * @typedef {object} Entry
 * @property {number} n order on this device, whatever its clock says
 * @property {string | null} person null: made while nobody was signed in; goes out only when a reader says that it is theirs
 * @property {string | null} book which of the origin's books it is for; null: the origin has one, or had not been heard of
 * @property {Page} [page] where it was made, for the time when the origin's books are known
 * @property {string} key Idempotency-Key
 * @property {"item" | "events" | "write"} type
 * @property {string} path
 * @property {string} method
 * @property {string} body JSON, unless `contentType` says otherwise
 * @property {string} [contentType] of a "write"; else application/json
 * @property {string} [label] what a list of waiting work calls it; at the end of a page those of one label stay in order
 * @property {{id: string, course: string, kind: string} | null} item
 * @property {number} at device time, ms
 * @property {number} tries
 * @property {string | null} refused the code, when repeating cannot help
 */

/** @typedef {{sent: true} | {held: true} | {later: number | null} | {refused: string}} Outcome held: until another sign-in; later: seconds, null: a pause that grows */
/** @typedef {Omit<Entry, "n" | "book" | "page" | "key" | "at" | "tries" | "refused">} Draft */

/**
 * @typedef {object} Status what the reader should always be able to see; events of the book do not count
 * @property {"idle" | "saving" | "saved" | "waiting" | "failed"} state
 * @property {Date | null} savedAt
 * @property {number} waiting on this device, for the reader of now
 * @property {number} failed refused for good: kept here, tried again at the next visit
 * @property {number} unclaimed made in this book while nobody was signed in
 * @property {string | null} reason the code of what failed last
 * @property {boolean} kept does what waits survive the page?
 */

const LONGEST_PAUSE = 60;

export class Outbox {
  /** what waits, as far as this tab knows without asking the database @type {Entry[]} */
  known = [];
  /** sent already, because the page seemed to go away: by key @type {Map<string, Promise<Outcome>>} */
  flying = new Map();

  #database;
  #person;
  #book;
  #page;
  #deliver;
  #changed;
  #exclusive;
  /** @type {Promise<void> | null} */
  #draining = null;
  #again = false;
  /** whose work the gateway took last, and when @type {{person: string | null, at: Date} | null} */
  #saved = null;
  #failures = 0;
  /** @type {ReturnType<typeof setTimeout> | null} */
  #timer = null;
  /** @type {Promise<unknown>} */
  #writes = Promise.resolve();
  /** what could be neither kept nor sent, and why @type {Map<string, string>} */
  #lost = new Map();
  /** what waits for another sign-in, by key, and what it is about @type {Map<string, string>} */
  #held = new Map();

  /**
   * @param {object} parts
   * @param {Database} parts.database
   * @param {() => string | null} parts.person who is signed in, confirmed by the gateway
   * @param {(page?: Page) => string | null} [parts.book] which of the origin's books a page is of, or this one
   * @param {() => Page | undefined} [parts.page] this one
   * @param {(entry: Entry) => Promise<Outcome>} parts.deliver
   * @param {() => void} parts.changed
   * @param {(work: () => Promise<void>) => Promise<void>} [parts.exclusive] one tab at a time
   */
  constructor({ database, person, book = () => null, page = () => undefined, deliver, changed, exclusive = (work) => work() }) {
    this.#database = database;
    this.#person = person;
    this.#book = book;
    this.#page = page;
    this.#deliver = deliver;
    this.#changed = changed;
    this.#exclusive = exclusive;
  }

  /**
   * Keeps a write; one of the same item that was never tried is replaced, except answers: every attempt counts.
   * Rejects with `device_full` when there is no room for it here and the gateway could not take it either.
   * @param {Draft} draft
   */
  async add(draft) {
    const entry = { ...draft, n: Infinity, book: this.#book(), page: this.#page(), key: randomId(16), at: Date.now(), tries: 0, refused: null };
    this.known.push(entry);
    const kept = this.#writes.then(() => this.#keep(entry));
    this.#writes = kept.catch(() => null);
    await kept.finally(this.#changed);
  }

  /** @param {Entry} fresh */
  async #keep(fresh) {
    try {
      await this.#write(fresh);
    } catch (error) {
      await this.#rescue(fresh, /** @type {DOMException} */ (error));
    }
    this.#lost.delete(thing(fresh));
  }

  /** @param {Entry} fresh */
  async #write(fresh) {
    const earlier = (await this.#entries()).findLast((entry) => sameItem(entry, fresh));
    if (earlier?.refused || (earlier && fresh.item?.kind !== "answer")) {
      const now = await this.#database.change("outbox", earlier.n, (entry) => replaced(entry, fresh));
      if (now?.key === fresh.key) return void (fresh.n = earlier.n);
    }
    const { n, ...unnumbered } = fresh;
    fresh.n = await this.#database.add("outbox", unnumbered);
  }

  /** No room here: sending what waits makes some; else the write goes out by itself, last. @param {Entry} fresh @param {DOMException} cause */
  async #rescue(fresh, cause) {
    await this.drain({ now: true });
    const written = await this.#write(fresh).then(() => true, () => false);
    if (written) return;
    const first = !(await this.#entries()).some((entry) => entry.person === fresh.person && entry.refused === null);
    const mine = fresh.person !== null && fresh.person === this.#person();
    if (first && mine && "sent" in (await this.#deliver(fresh))) return this.#taken(fresh);
    this.#drop(fresh);
    const code = cause.name === "QuotaExceededError" ? "device_full" : "device_failed";
    this.#lost.set(thing(fresh), code);
    throw new BookgateError(code, "Neither kept on this device nor sent.", { cause });
  }

  /** Resolves when everything asked for so far is on the device. */
  settled() {
    return this.#writes;
  }

  /** The newest waiting write of an item of this book. @param {string | null} person @param {string} id @param {string} course */
  async latest(person, id, course) {
    const wanted = { person, book: this.#book(), item: { id, course } };
    return (await this.#entries()).findLast((entry) => sameItem(entry, wanted)) ?? null;
  }

  /** @param {string | null} person @returns {Promise<Status>} */
  async status(person) {
    const entries = (await this.#entries()).filter(({ type }) => type !== "events");
    const own = entries.filter((entry) => person !== null && entry.person === person);
    const refused = own.filter((entry) => entry.refused !== null);
    const unclaimed = entries.filter((entry) => entry.person === null && entry.book === this.#book()).length;
    const waiting = own.length - refused.length;
    const reason = [...this.#lost.values()].at(-1) ?? refused.at(-1)?.refused ?? null;
    const stuck = this.#failures > 0 || this.#held.size > 0 || this.#person() === null;
    const here = waiting + (person === null ? unclaimed : 0);
    const savedAt = this.#saved?.person === person ? this.#saved.at : null; // not the time of the reader before
    const sent = savedAt === null ? "idle" : "saved";
    const state = reason !== null ? "failed" : here === 0 ? sent : stuck ? "waiting" : "saving";
    return { state, savedAt, waiting, failed: refused.length, unclaimed, reason, kept: this.#database.lasting };
  }

  /**
   * Sends what waits, in order, until it is empty or something says no. One run at a time.
   * @param {{now?: boolean}} [how] now: without waiting for the end of a pause, or for another sign-in @returns {Promise<void>}
   */
  async drain({ now = false } = {}) {
    if (this.#timer !== null && !now) return;
    this.#again = true;
    if (now) this.#held.clear();
    this.#draining ??= this.#exclusive(() => this.#run()).finally(() => {
      this.#draining = null;
      this.#changed();
    });
    await this.#draining;
  }

  async #run() {
    while (this.#again) {
      this.#again = false;
      this.#stopTimer();
      try {
        await this.#sendAll();
      } catch (error) {
        if (!(error instanceof DOMException)) throw error;
        this.#pause(null); // the database, not the gateway
      }
    }
  }

  async #sendAll() {
    for (const entry of await this.#entries()) {
      if (entry.refused !== null || entry.person === null || entry.person !== this.#person()) continue;
      if ([...this.#held.values()].includes(thing(entry))) continue; // in its order, and the rest goes on
      if (!(await this.#attempt(entry))) return;
    }
  }

  /** @param {Entry} listed @returns {Promise<boolean>} go on with the next? */
  async #attempt({ n }) {
    const tried = (/** @type {Entry | undefined} */ entry) => entry && { ...placed(entry, this.#book), tries: entry.tries + 1 }; // frozen from here on
    const asked = () => this.#database.get("outbox", n); // a full device takes not even that
    const entry = await this.#database.change("outbox", n, tried).catch(asked);
    if (!entry) return true; // another tab sent it
    const outcome = await (this.flying.get(entry.key) ?? this.#deliver(entry));
    this.flying.delete(entry.key);
    if ("later" in outcome) {
      this.#pause(outcome.later);
      return false;
    }
    this.#failures = 0;
    if ("held" in outcome) this.#held.set(entry.key, thing(entry));
    else await ("sent" in outcome ? this.#taken(entry) : this.#mark(entry, outcome.refused));
    this.#changed();
    return true;
  }

  /** @param {Entry} entry */
  async #taken(entry) {
    const older = (await this.#entries()).filter(({ n, refused }) => n < entry.n && refused !== null);
    for (const { n, key } of [entry, ...older.filter((one) => sameItem(one, entry))]) {
      await this.#database.change("outbox", n, (kept) => (kept?.key === key ? undefined : kept)); // a newer body may stand there
    }
    this.#drop(entry);
    if (entry.type !== "events") this.#saved = { person: entry.person, at: new Date() };
  }

  /** @param {Entry} entry @param {string} refused */
  async #mark(entry, refused) {
    await this.#database.change("outbox", entry.n, (kept) => (kept?.key === entry.key ? { ...kept, refused } : kept));
  }

  /** @param {Entry} entry */
  #drop({ key }) {
    this.known = this.known.filter((entry) => entry.key !== key);
    this.#held.delete(key);
  }

  /** @param {number | null} seconds */
  #pause(seconds) {
    this.#failures += 1;
    this.#stopTimer();
    const pause = seconds ?? Math.min(2 ** this.#failures, LONGEST_PAUSE);
    this.#timer = setTimeout(() => void this.drain({ now: true }), pause * 1000);
    this.#changed();
  }

  #stopTimer() {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** @returns {Promise<Entry[]>} */
  async #entries() {
    const entries = (await this.#database.all("outbox")).map((entry) => placed(entry, this.#book));
    const keys = new Set(entries.map(({ key }) => key));
    const places = new Set(entries.map(({ n }) => n));
    const sent = this.known.findLast(({ n, person, type }) => n !== Infinity && !places.has(n) && person !== null && type !== "events");
    if (sent) this.#saved = { person: sent.person, at: new Date() }; // by another tab
    this.known = [...entries, ...this.known.filter(({ n, key }) => n === Infinity && !keys.has(key))];
    return entries;
  }
}

/**
 * What was made before the gateway had said which books there are belongs to that of its page; what was sent once stays as it was.
 * @param {Entry} entry @param {(page: Page) => string | null} book @returns {Entry}
 */
export const placed = (entry, book) => (entry.book === null && entry.page && entry.tries === 0 ? { ...entry, book: book(entry.page) } : entry);

/** What a write is about: of two writes about one thing the later counts. @param {Entry} entry */
export const thing = ({ book, path, label }) => `${book}\n${path}\n${label}`;

/** @param {Entry} entry @param {{person: string | null, book: string | null, item: {id: string, course: string} | null}} other */
function sameItem(entry, other) {
  if (entry.item === null || other.item === null || entry.person !== other.person || entry.book !== other.book) return false;
  return entry.item.id === other.item.id && entry.item.course === other.item.course;
}

/** A write that was tried keeps its body, because the gateway may have it under its key already. @param {Entry | undefined} entry @param {Entry} fresh */
function replaced(entry, fresh) {
  if (!entry) return undefined;
  return entry.tries === 0 || entry.refused !== null ? { ...fresh, n: entry.n } : entry;
}
