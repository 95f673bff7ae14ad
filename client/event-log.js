/** What happens in the book, for the analytics service: collected, sent in batches, and once more when the page goes away. */

import { BookgateError, needsSignIn, refusal } from "./errors.js";

/** @typedef {import("./delivery.js").Delivery} Delivery */
/** @typedef {import("./outbox.js").Outbox} Outbox */
/** @typedef {import("./requests.js").Requests} Requests */
/** @typedef {import("./session.js").Session} Session */
/** @typedef {{type: string, item?: string} & Record<string, unknown>} BookEvent */

const PATH = "/analytics/v1/events";
const PAUSE = 5000; // ms between the first event of a batch and its sending
const BATCH = 100;

export class EventLog {
  #url;
  #session;
  #requests;
  #outbox;
  #delivery;
  /** @type {BookEvent[]} */
  #events = [];
  /** @type {string | null} whose the events are */
  #person = null;
  #visit = uuid7(Date.now());
  #seq = 0;
  /** @type {ReturnType<typeof setTimeout> | null} */
  #timer = null;

  /** @param {{gateway: string, session: Session, requests: Requests, outbox: Outbox, delivery: Delivery}} parts */
  constructor({ gateway, session, requests, outbox, delivery }) {
    this.#url = gateway + PATH;
    this.#session = session;
    this.#requests = requests;
    this.#outbox = outbox;
    this.#delivery = delivery;
  }

  /** One event. Readers who are not signed in are not recorded. @param {BookEvent} event */
  log(event) {
    const person = this.#session.user?.sub;
    if (!person) return;
    if (person !== this.#person) void this.flush();
    this.#person = person;
    const now = Date.now();
    const page = globalThis.location?.pathname;
    this.#events.push({ id: uuid7(now), t: new Date(now).toISOString(), seq: this.#seq++, session: this.#visit, page, ...event });
    if (this.#events.length >= BATCH) void this.flush();
    this.#timer ??= setTimeout(() => void this.flush(), PAUSE);
    if (this.#events.length === 1) void this.#delivery.prepare("POST", PATH);
  }

  /** @returns {{person: string | null, body: string} | null} */
  #take() {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const events = this.#events.splice(0);
    return events.length > 0 ? { person: this.#person, body: JSON.stringify({ events }) } : null;
  }

  /** Sends the batch; one that the gateway could not take now waits in the outbox. Ids make a second sending harmless. */
  async flush() {
    const batch = this.#take();
    if (batch === null) return;
    const init = { headers: { "Content-Type": "application/json" }, body: batch.body };
    const error = await this.#requests
      .send({ method: "POST", url: this.#url, init }, batch.person)
      .then((response) => (response.ok ? null : refusal(response)))
      .catch((cause) => (cause instanceof BookgateError ? cause : Promise.reject(cause)));
    if (error === null || !canWait(error)) return;
    await this.#wait(batch);
  }

  /** The page may be going away: the batch joins what waits, and with it is sent now or later. */
  leave() {
    const batch = this.#take();
    if (batch !== null) void this.#wait(batch).catch(() => null); // a full device loses events, and no work
  }

  /** @param {{person: string | null, body: string}} batch */
  async #wait(batch) {
    await this.#outbox.add({ ...batch, type: "events", method: "POST", path: PATH, item: null });
  }
}

/** @param {BookgateError} error */
const canWait = (error) =>
  error.status === 0 || error.status === 429 || error.status >= 500 || error.code === "person_changed" || needsSignIn(error);

/** UUIDv7 (RFC 9562 section 5.7): sorts by time. @param {number} now ms @returns {string} */
export function uuid7(now) {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  new DataView(bytes.buffer).setUint16(0, Math.floor(now / 2 ** 32));
  new DataView(bytes.buffer).setUint32(2, now % 2 ** 32);
  bytes[6] = 0x70 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
