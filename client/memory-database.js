/** The database of a page whose browser keeps nothing: in memory, until the page is closed. */

/** @typedef {import("./database.js").Database} Database */
/** @typedef {import("./database.js").StoreName} StoreName */

/** @implements {Database} */
export class MemoryDatabase {
  lasting = false;
  /** @type {Record<StoreName, Map<IDBValidKey, any>>} */
  #stores = { state: new Map(), outbox: new Map(), etags: new Map() };
  #next = 1;

  /** @param {StoreName} store @param {IDBValidKey} key */
  async get(store, key) {
    return this.#stores[store].get(key);
  }

  /** @param {StoreName} store */
  async all(store) {
    return [...this.#stores[store].values()];
  }

  /** @param {StoreName} store @param {any} value */
  async add(store, value) {
    const n = this.#next++;
    this.#stores[store].set(n, { ...value, n });
    return n;
  }

  /** @param {StoreName} store @param {IDBValidKey} key @param {(value: any) => any} change */
  async change(store, key, change) {
    const value = change(this.#stores[store].get(key));
    if (value === undefined) this.#stores[store].delete(key);
    else this.#stores[store].set(key, value);
    return value;
  }
  /** @param {StoreName} store @param {string} prefix */
  async erase(store, prefix) {
    for (const key of this.#stores[store].keys()) if (String(key).startsWith(prefix)) this.#stores[store].delete(key);
  }
}
