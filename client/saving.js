/** Everything about saving but the outbox itself: loaded at once, yet not waited for by the page's first sight of the book. */

import { Delivery } from "./delivery.js";
import { EventLog } from "./event-log.js";
import { Items } from "./items.js";
import { thing } from "./outbox.js";
import { Shelf } from "./shelf.js";
import { Studies } from "./studies.js";
import { Waiting } from "./waiting.js";

/** @typedef {import("./database.js").Database} Database */
/** @typedef {import("./delivery.js").Conflict} Conflict */
/** @typedef {import("./outbox.js").Outbox} Outbox */
/** @typedef {import("./outbox.js").Status} Status */
/** @typedef {import("./requests.js").Requests} Requests */
/** @typedef {import("./session.js").Session} Session */

const ASK_AGAIN = 30 * 86_400_000; // ms

export class Saving {
  #outbox;
  #shelf;
  #database;
  #sender;
  #delivery;
  #guarding = false;

  /**
   * @param {object} parts
   * @param {string} parts.gateway
   * @param {Database} parts.database
   * @param {Session} parts.session
   * @param {Requests} parts.requests
   * @param {Outbox} parts.outbox
   * @param {() => string | null} parts.person who the book believes is signed in
   * @param {(page?: import("./session.js").Page) => string | null} parts.book which of the origin's books a page is of, or this one
   * @param {(conflict: Conflict) => void} parts.conflicted
   * @param {() => void} parts.changed
   */
  constructor({ gateway, database, session, requests, outbox, person, book, conflicted, changed }) {
    const shelf = new Shelf({ gateway, database, requests });
    const delivery = new Delivery({ gateway, session, requests, shelf, conflicted });
    this.items = new Items({ outbox, shelf, person, book });
    this.events = new EventLog({ gateway, session, requests, outbox, delivery });
    this.waiting = new Waiting({ database, book, changed });
    this.studies = new Studies({ gateway, database, session, changed });
    this.#shelf = shelf;
    this.#outbox = outbox;
    this.#sender = () => (session.confirmed ? person() : null);
    this.#database = database;
    this.#delivery = delivery;
  }

  /** What the outbox sends with. @param {import("./outbox.js").Entry} entry */
  deliver(entry) {
    return this.#delivery.deliver(entry);
  }

  /** A reader has signed out: nothing of theirs stays on this device. @param {string} person */
  async forget(person) {
    await this.waiting.discard(person);
    await this.#shelf.forget(person);
    await this.studies.forget(person);
  }

  /** Makes ready for the end of the page, as long as something waits. */
  prepare() {
    for (const { method, path } of this.#outbox.known) void this.#delivery.prepare(method, path);
  }

  /**
   * The page may be going away: what waits is sent in this very task, the first of each thing so that none overtakes another.
   * All of it stays on the device until the answer is heard, in this page or, under the same key, in the next.
   */
  leave() {
    this.events.leave();
    const person = this.#sender();
    const begun = new Set();
    for (const entry of this.#outbox.known) {
      if (entry.person === null || entry.person !== person || entry.refused !== null || this.#outbox.flying.has(entry.key)) continue;
      const about = entry.type === "events" ? entry.key : thing(entry);
      const sent = begun.has(about) ? null : this.#delivery.sendNow(entry);
      begun.add(about);
      if (sent) this.#outbox.flying.set(entry.key, sent);
    }
  }

  /** Asks the browser not to clear what waits when disks are full; once a month, because some browsers ask the reader. */
  async persist() {
    const asked = (await this.#database.get("state", "persist")) ?? 0;
    if (!this.#database.lasting || !navigator.storage?.persist || Date.now() - asked < ASK_AGAIN) return;
    if (await navigator.storage.persisted()) return;
    await this.#database.change("state", "persist", () => Date.now());
    await navigator.storage.persist();
  }

  /** "Leave this page?" is asked only while something would be lost with it. @param {Status} status */
  guard({ kept, waiting, unclaimed, reason }) {
    const needed = (!kept && waiting + unclaimed > 0) || reason === "device_full" || reason === "device_failed";
    if (needed === this.#guarding) return;
    this.#guarding = needed;
    if (needed) addEventListener("beforeunload", warn);
    else removeEventListener("beforeunload", warn);
  }
}

/** @param {Event} event */
const warn = (event) => event.preventDefault();
