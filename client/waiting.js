/** What can be done with work that waits on this device, beside sending it: claimed, handed on, erased, tried again, written to a file. */

import { placed } from "./outbox.js";

/** @typedef {import("./database.js").Database} Database */
/** @typedef {import("./outbox.js").Entry} Entry */
/** @typedef {import("./session.js").Page} Page */

export class Waiting {
  #database;
  #book;
  #changed;

  /** @param {{database: Database, book: (page?: Page) => string | null, changed: () => void}} parts book: which of the origin's books a page is of, or this one */
  constructor({ database, book, changed }) {
    this.#database = database;
    this.#book = book;
    this.#changed = changed;
  }

  /**
   * The reader says that what was done in this book while nobody was signed in is theirs.
   * @param {string} person @param {number} [since] only what was made from then on, ms
   */
  async claim(person, since = 0) {
    await this.#each((entry) => this.#isUnclaimed(entry) && entry.at >= since, (entry) => ({ ...entry, person }));
  }

  /**
   * What waits for one becomes another's, who was shown to be the same person, or nobody's.
   * @param {string} from @param {string | null} to
   */
  async hand(from, to) {
    await this.#each((entry) => entry.person === from, (entry) => ({ ...entry, person: to }));
  }

  /** Erases what waits for a person, or what is nobody's in this book. @param {string | null} person */
  async discard(person) {
    await this.#each((entry) => (person === null ? this.#isUnclaimed(entry) : entry.person === person), () => undefined);
  }

  /** Refused writes are to be tried again: once on each visit. */
  async retryRefused() {
    await this.#each((entry) => entry.refused !== null, (entry) => ({ ...entry, refused: null }));
  }

  /**
   * All that a reader would lose with this device, as a file that a person can read.
   * @param {{sub: string, name?: string | null} | null} user @param {string} gateway @returns {Promise<Blob>} JSON
   */
  async file(user, gateway) {
    const entries = await this.#database.all("outbox");
    const theirs = entries.filter((entry) => entry.type !== "events" && ((user && entry.person === user.sub) || this.#isUnclaimed(entry)));
    const file = { work_not_yet_saved_at: gateway, of: user?.name ?? null, written: new Date().toISOString(), work: theirs.map(readable) };
    return new Blob([JSON.stringify(file, null, 2), "\n"], { type: "application/json" });
  }

  /**
   * Writes under a path of the gateway that it has not taken yet, oldest first.
   * @param {string} path its beginning @param {string | null} person null: made here while nobody was signed in
   */
  async under(path, person) {
    const entries = await this.#database.all("outbox");
    const theirs = entries.filter((entry) => entry.path.startsWith(path) && entry.person === person && placed(entry, this.#book).book === this.#book());
    return /** @type {Entry[]} */ (theirs);
  }

  /** @param {(entry: Entry) => unknown} which @param {(entry: Entry) => Entry | undefined} change */
  async #each(which, change) {
    for (const { n } of (await this.#database.all("outbox")).filter(which)) {
      await this.#database.change("outbox", n, (entry) => entry && which(entry) ? change(entry) : entry);
    }
    this.#changed();
  }

  /** @param {Entry} entry */
  #isUnclaimed(entry) {
    return entry.person === null && placed(entry, this.#book).book === this.#book();
  }
}

/** @param {Entry} entry */
function readable({ item, label, path, method, person, body, at, refused }) {
  const value = parsed(body);
  const about = item ? { id: item.id, course: item.course, kind: item.kind } : { id: label ?? path, sent_to: `${method} ${path}` };
  return { ...about, time: new Date(at).toString(), made_before_signing_in: person === null, refused, value };
}

/** @param {string} body */
function parsed(body) {
  try {
    return JSON.parse(body);
  } catch {
    return body; // a form, or text
  }
}
