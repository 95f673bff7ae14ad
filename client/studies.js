/** What research asks a reader: once, after a first save, and never again on this device once they said "not now". */

/** @typedef {import("./database.js").Database} Database */
/** @typedef {import("./outbox.js").Status} Status */
/** @typedef {import("./session.js").Session} Session */
/** @typedef {{href: string, later: () => Promise<void>}} Question href: the gateway's page with the text, and the answers; later: "not now" */

const MOST = 50; // of those who said so here

export class Studies {
  #gateway;
  #database;
  #session;
  #changed;
  /** who was asked here, in which book @type {string[]} */
  #asked = [];

  /** @param {{gateway: string, database: Database, session: Session, changed: () => void}} parts */
  constructor({ gateway, database, session, changed }) {
    this.#gateway = gateway;
    this.#database = database;
    this.#session = session;
    this.#changed = changed;
    void database.get("state", "studies").then((asked) => asked && this.#note(asked), () => null);
  }

  /** What this book's reader is to be asked; null: nothing. @param {Status} status @returns {Question | null} */
  question({ savedAt, reason }) {
    const { waits } = this.#session;
    const here = this.#session.book;
    const asks = here === null ? waits.length > 0 : waits.includes(here);
    if (!asks || savedAt === null || reason !== null || this.#asked.includes(this.#who)) return null;
    return { href: `${this.#gateway}/auth/studies`, later: () => this.#later() };
  }

  get #who() {
    return `${this.#session.user?.sub} ${this.#session.book ?? ""}`;
  }

  async #later() {
    const who = this.#who;
    this.#note([...this.#asked, who]);
    await this.#database.change("state", "studies", (asked = []) => [...asked, who].slice(-MOST));
  }

  /** A reader has signed out: nothing of theirs stays on this device. @param {string} person */
  async forget(person) {
    const others = (/** @type {string[]} */ asked) => asked.filter((who) => !who.startsWith(`${person} `));
    this.#asked = others(this.#asked);
    await this.#database.change("state", "studies", (asked) => asked && others(asked));
  }

  /** @param {string[]} asked */
  #note(asked) {
    this.#asked = asked;
    this.#changed();
  }
}
