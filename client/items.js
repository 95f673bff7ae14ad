/** A reader's work in the storage service: saved by way of the outbox, loaded from there or from the gateway. */

import { BookgateError } from "./errors.js";

/** @typedef {import("./outbox.js").Outbox} Outbox */
/** @typedef {import("./shelf.js").Shelf} Shelf */
/** @typedef {{kind?: string, course?: string}} SaveOptions kind: answer | program | notebook | progress */

const ID = /^(?!internal$)[A-Za-z0-9_][A-Za-z0-9._~:@-]{0,199}$/; // one path segment that needs no percent-encoding
const KINDS = ["answer", "program", "notebook", "progress"];

export class Items {
  #outbox;
  #shelf;
  #person;
  #book;

  /** @param {{outbox: Outbox, shelf: Shelf, person: () => string | null, book: () => string | null}} parts */
  constructor({ outbox, shelf, person, book }) {
    this.#outbox = outbox;
    this.#shelf = shelf;
    this.#person = person;
    this.#book = book;
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
    const person = this.#person();
    if (person !== null) void this.#shelf.precondition({ person, book: this.#book(), id, course }).catch(() => null); // for the end of the page
    await this.#outbox.add({ person, type: "item", method: "PUT", path, body, item: { id, course, kind } });
  }

  /**
   * The reader's newest value: one that waits on this device, else the gateway's.
   * @param {string} id @param {{course?: string}} [options] @returns {Promise<any>} undefined when there is none
   */
  async load(id, { course = "" } = {}) {
    checkId(id);
    const person = this.#person();
    const waiting = await this.#outbox.latest(person, id, course);
    if (waiting) return JSON.parse(waiting.body);
    if (person === null) return undefined;
    return (await this.#shelf.find({ person, book: this.#book(), id, course }))?.value;
  }
}

/** @param {string} id */
function checkId(id) {
  if (!ID.test(id)) throw new BookgateError("invalid_id", `An item's id is 1 to 200 of A-Z a-z 0-9 . _ ~ : @ - and begins with a letter, digit or _: ${id}`);
}

/** @param {string} id @param {string} course @param {string} kind */
function itemPath(id, course, kind) {
  checkId(id);
  return `/storage/v1/items/${id}?${new URLSearchParams({ kind, ...(course && { course }) })}`;
}
