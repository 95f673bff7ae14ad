/**
 * Writes that wait on this device until the gateway took them: each bound to the person who made it, sent in order, once.
 *
 * Every save goes through here, so there is one path: kept first, then sent, then forgotten. A tab that is killed loses nothing.
 */

import { randomId } from "./base64url.js";

/** @typedef {import("./database.js").Database} Database */

/**
 * @typedef {object} Entry
 * @property {number} n order on this device
 * @property {string | null} person null: made while nobody was signed in; goes out only when a reader says that it is theirs
 * @property {string | null} [book] which of the origin's books it is for; null: the origin has one
 * @property {string} key Idempotency-Key
 * @property {"item" | "events" | "write"} type
 * @property {string} path
 * @property {string} method
 * @property {string} body JSON
 * @property {string} [contentType] of a "write"; else application/json
 * @property {string} [label] what a list of waiting work calls it
 * @property {{id: string, course: string, kind: string} | null} item
 * @property {number} at device time, ms
 * @property {number} tries
 * @property {string | null} refused the code, when repeating cannot help
 */

/** @typedef {{sent: true} | {later: number | null} | {refused: string}} Outcome later: seconds, null: a pause that grows */
/** @typedef {Omit<Entry, "n" | "key" | "at" | "tries" | "refused">} Draft */
/** @typedef {{waiting: number, refused: number, unclaimed: number}} Counts */

const LONGEST_PAUSE = 60;

export class Outbox {
  /** when the last entry was taken by the gateway, ms @type {number | null} */
  savedAt = null;

  #database;
  #person;
  #deliver;
  #changed;
  #exclusive;
  /** @type {Promise<void> | null} */
  #draining = null;
  #again = false;
  #failures = 0;
  /** @type {ReturnType<typeof setTimeout> | null} */
  #timer = null;
  /** @type {Promise<unknown>} */
  #writes = Promise.resolve();

  /**
   * @param {object} parts
   * @param {Database} parts.database
   * @param {() => string | null} parts.person who is signed in, confirmed by the gateway
   * @param {(entry: Entry) => Promise<Outcome>} parts.deliver
   * @param {() => void} parts.changed
   * @param {(work: () => Promise<void>) => Promise<void>} [parts.exclusive] one tab at a time
   */
  constructor({ database, person, deliver, changed, exclusive = (work) => work() }) {
    this.#database = database;
    this.#person = person;
    this.#deliver = deliver;
    this.#changed = changed;
    this.#exclusive = exclusive;
  }

  /** Keeps a write; one of the same item that was never tried is replaced, except answers: every attempt counts. @param {Draft} draft */
  async add(draft) {
    const written = this.#writes.then(() => this.#write(draft));
    this.#writes = written.catch(() => null);
    await written;
    this.#changed();
  }

  /** @param {Draft} draft */
  async #write(draft) {
    const earlier = (await this.#entries()).findLast((entry) => sameItem(entry, draft));
    const fresh = { ...draft, key: randomId(16), at: Date.now(), tries: 0, refused: null };
    if (earlier?.refused || (earlier && draft.item?.kind !== "answer")) {
      const now = await this.#database.change("outbox", earlier.n, (entry) => replaced(entry, fresh));
      if (now?.key === fresh.key) return;
    }
    await this.#database.add("outbox", fresh);
  }

  /** Does something keep what waits from being sent? */
  get stuck() {
    return this.#failures > 0 || this.#person() === null;
  }

  /** Resolves when everything asked for so far is on the device. */
  settled() {
    return this.#writes;
  }

  /** The newest waiting write of an item. @param {string | null} person @param {string} id @param {string} course */
  async latest(person, id, course) {
    const entries = await this.#entries();
    return entries.findLast((entry) => entry.person === person && entry.item?.id === id && entry.item.course === course) ?? null;
  }

  /** @param {string | null} person @returns {Promise<Counts>} */
  async counts(person) {
    const entries = await this.#entries();
    const own = person === null ? [] : entries.filter((entry) => entry.person === person);
    const refused = own.filter((entry) => entry.refused !== null).length;
    const unclaimed = entries.filter((entry) => entry.person === null).length;
    return { waiting: own.length - refused, refused, unclaimed };
  }

  /**
   * The reader says that what was done here while nobody was signed in is theirs.
   * @param {string} person @param {number} [since] only what was made from then on, ms
   */
  async claim(person, since = 0) {
    for (const { n } of (await this.#unclaimed()).filter(({ at }) => at >= since)) {
      await this.#database.change("outbox", n, (entry) => entry && { ...entry, person });
    }
    this.#changed();
  }

  /** Erases what waits for a person, or what is nobody's. @param {string | null} person */
  async discard(person) {
    for (const { n } of (await this.#entries()).filter((entry) => entry.person === person)) {
      await this.#database.change("outbox", n, () => undefined);
    }
    this.#changed();
  }

  /** Refused writes are tried again: once on each visit. */
  async retryRefused() {
    for (const { n } of (await this.#entries()).filter((entry) => entry.refused !== null)) {
      await this.#database.change("outbox", n, (entry) => entry && { ...entry, refused: null });
    }
  }

  /**
   * Sends what waits, in order, until it is empty or something says no. One run at a time.
   * @param {{now?: boolean}} [how] now: without waiting for the end of a pause @returns {Promise<void>}
   */
  async drain({ now = false } = {}) {
    if (this.#timer !== null && !now) return;
    this.#again = true;
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
      for (let entry = await this.#next(); entry; entry = await this.#next()) {
        if (!(await this.#attempt(entry))) break;
      }
    }
  }

  /** @returns {Promise<Entry | null>} */
  async #next() {
    const person = this.#person();
    if (person === null) return null;
    return (await this.#entries()).find((entry) => entry.person === person && entry.refused === null) ?? null;
  }

  /** @param {Entry} entry @returns {Promise<boolean>} go on with the next? */
  async #attempt({ n }) {
    const tried = (/** @type {Entry | undefined} */ entry) => entry && { ...entry, tries: entry.tries + 1 }; // frozen from here on
    const entry = await this.#database.change("outbox", n, tried);
    if (!entry) return true; // another tab sent it
    const outcome = await this.#deliver(entry);
    if ("later" in outcome) {
      this.#failures += 1;
      this.#startTimer(outcome.later ?? Math.min(2 ** this.#failures, LONGEST_PAUSE));
      this.#changed();
      return false;
    }
    this.#failures = 0;
    const refused = "refused" in outcome ? outcome.refused : null;
    await this.#database.change("outbox", n, (kept) => (refused === null ? undefined : kept && { ...kept, refused }));
    if (refused === null) this.savedAt = Date.now();
    this.#changed();
    return true;
  }

  /** @param {number} seconds */
  #startTimer(seconds) {
    this.#stopTimer();
    this.#timer = setTimeout(() => void this.drain({ now: true }), seconds * 1000);
  }

  #stopTimer() {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** @returns {Promise<Entry[]>} */
  #entries() {
    return this.#database.all("outbox");
  }

  async #unclaimed() {
    return (await this.#entries()).filter((entry) => entry.person === null);
  }
}

/** @param {Entry} entry @param {Draft} draft */
function sameItem(entry, draft) {
  if (entry.item === null || draft.item === null || entry.person !== draft.person) return false;
  return entry.item.id === draft.item.id && entry.item.course === draft.item.course;
}

/** A write that was tried keeps its body, because the gateway may have it under its key already. @param {Entry | undefined} entry @param {any} fresh */
function replaced(entry, fresh) {
  if (!entry) return undefined;
  return entry.tries === 0 || entry.refused !== null ? { ...fresh, n: entry.n } : entry;
}
