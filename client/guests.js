/** Readers whose work is kept before they sign in, and what becomes of it when they do (docs/protocol.md, "Guests"). */

import { exclusively } from "./session.js";

/** @typedef {import("./outbox.js").Outbox} Outbox */
/** @typedef {import("./session.js").Session} Session */
/** @typedef {import("./session.js").User} User */
/** @typedef {import("./waiting.js").Waiting} Waiting */
/** @typedef {{returnCode?: string, keep?: "yes" | "no"}} How returnCode: go on as the guest whom another device showed it to; keep: what becomes of the work of the guest who is here */

const LAST_CALL = 3000; // ms for the work of a guest to go out, before a code that lives for 60 s is exchanged

export class Guests {
  /** whose work is the reader's now @type {string | null} */
  merged = null;

  #gateway;
  #session;
  #outbox;
  #waiting;
  #opened = Date.now();
  #refused = false;
  /** @type {Promise<User> | null} */
  #beginning = null;

  /** @param {{gateway: string, session: Session, outbox: Outbox, waiting: Waiting}} parts */
  constructor({ gateway, session, outbox, waiting }) {
    this.#gateway = gateway;
    this.#session = session;
    this.#outbox = outbox;
    this.#waiting = waiting;
  }

  /** May a guest begin here now? */
  get welcome() {
    return this.#session.site?.guests ?? false;
  }

  /** May one begin without a word of the reader's? */
  get unasked() {
    return this.welcome && this.#session.reachable && !this.#refused;
  }

  /** From now on the reader's own word is needed: no guest was let in, or who was known here signs in again. */
  refuse() {
    this.#refused = true;
  }

  /** @param {How} how @returns {Promise<User>} */
  begin({ returnCode, keep }) {
    const more = { ...(returnCode && { return_code: returnCode }), ...(keep && { keep }) };
    this.#beginning ??= exclusively(`bookgate-guest ${this.#gateway}`, () => this.#begin(more)).finally(() => (this.#beginning = null));
    return this.#beginning;
  }

  /** @param {Record<string, string>} more */
  async #begin(more) {
    const before = this.#session.user;
    await this.#session.read(); // another tab may have begun
    if (!this.#session.confirmed || more.return_code) await this.redeem({ grant_type: "urn:bookgate:guest", ...more });
    const user = /** @type {User} */ (this.#session.user);
    if (before === null || before.sub === user.sub) await this.#waiting.claim(user.sub, this.#opened);
    return user;
  }

  /**
   * A code, or being a guest, becomes a session. The work of a guest who was here goes out as the guest's; what cannot is the
   * next one's when the gateway says that the two are one.
   * @param {Record<string, string>} grant
   */
  async redeem(grant) {
    const { user } = this.#session;
    const guest = user?.guest ? user.sub : null;
    if (guest) await Promise.race([this.#outbox.drain({ now: true }), new Promise((resolve) => setTimeout(resolve, LAST_CALL))]);
    const merged = await this.#session.redeem(grant);
    this.merged = merged ? guest : null;
    if (guest) await this.#waiting.hand(guest, merged ? (this.#session.user?.sub ?? null) : null);
  }
}
