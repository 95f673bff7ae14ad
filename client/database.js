/** What the book keeps on this device: a few stores behind one narrow interface, in IndexedDB or, failing that, in memory. */

/** @typedef {"state" | "outbox" | "etags"} StoreName */

/**
 * @typedef {object} Database
 * @property {boolean} lasting does it survive the page?
 * @property {(store: StoreName, key: IDBValidKey) => Promise<any>} get
 * @property {(store: StoreName) => Promise<any[]>} all in the order of the keys
 * @property {(store: StoreName, value: any) => Promise<number>} add only to "outbox": gives the entry its number `n`
 * @property {(store: StoreName, key: IDBValidKey, change: (value: any) => any) => Promise<any>} change
 *   read, decide and write in one transaction; `change` returns the new value, undefined to delete; what is there now is the result
 * @property {(store: StoreName, prefix: string) => Promise<void>} erase what is kept under keys that begin so
 */

const VERSION = 1;

/**
 * @param {string} name one database for each gateway, so that two gateways of one book never meet
 * @param {IDBFactory | undefined} factory
 * @returns {Promise<Database>}
 */
export async function openDatabase(name, factory = globalThis.indexedDB) {
  if (factory) {
    try {
      const database = new IndexedDatabase(() => open(name, factory));
      await database.get("state", "key");
      return database;
    } catch {
      // private windows of some browsers, storage switched off by the reader
    }
  }
  const { MemoryDatabase } = await import("./memory-database.js");
  return new MemoryDatabase();
}

/** @param {string} name @param {IDBFactory} factory @returns {Promise<IDBDatabase>} */
async function open(name, factory) {
  const request = factory.open(name, VERSION);
  request.onupgradeneeded = () => {
    request.result.createObjectStore("state");
    request.result.createObjectStore("etags");
    request.result.createObjectStore("outbox", { keyPath: "n", autoIncrement: true });
  };
  const database = await result(request);
  database.onversionchange = () => database.close(); // a newer page of the book wants to migrate
  return database;
}

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
function result(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** @param {IDBTransaction} transaction @returns {Promise<void>} */
function committed(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}

/** @implements {Database} */
class IndexedDatabase {
  lasting = true;
  #open;
  /** @type {Promise<IDBDatabase> | null} */
  #opened = null;

  /** @param {() => Promise<IDBDatabase>} open */
  constructor(open) {
    this.#open = open;
  }

  /**
   * A connection that the browser closed, as when the reader clears the storage, is opened again.
   * @param {StoreName} store @param {IDBTransactionMode} mode @returns {Promise<IDBTransaction>}
   */
  async #begin(store, mode) {
    for (let again = false; ; again = true) {
      const opened = (this.#opened ??= this.#open());
      try {
        return (await opened).transaction(store, mode, { durability: "strict" }); // on the disk, not on its way there
      } catch (error) {
        if (this.#opened === opened) this.#opened = null;
        if (again || /** @type {DOMException} */ (error).name !== "InvalidStateError") throw error;
      }
    }
  }

  /** @param {StoreName} store @param {IDBValidKey} key */
  async get(store, key) {
    return result((await this.#begin(store, "readonly")).objectStore(store).get(key));
  }

  /** @param {StoreName} store */
  async all(store) {
    return result((await this.#begin(store, "readonly")).objectStore(store).getAll());
  }

  /** @param {StoreName} store @param {any} value */
  async add(store, value) {
    const transaction = await this.#begin(store, "readwrite");
    const added = result(transaction.objectStore(store).add(value));
    transaction.commit(); // now: the page may be gone before it could hear of the success
    const [key] = await Promise.all([added, committed(transaction)]);
    return Number(key);
  }

  /** @param {StoreName} store @param {IDBValidKey} key @param {(value: any) => any} change */
  async change(store, key, change) {
    const transaction = await this.#begin(store, "readwrite");
    const objects = transaction.objectStore(store);
    const write = async () => {
      const value = change(await result(objects.get(key)));
      if (value === undefined) objects.delete(key);
      else if (objects.keyPath === null) objects.put(value, key);
      else objects.put(value);
      return value;
    };
    const [value] = await Promise.all([write(), committed(transaction)]);
    return value;
  }

  /** @param {StoreName} store @param {string} prefix */
  async erase(store, prefix) {
    const transaction = await this.#begin(store, "readwrite");
    transaction.objectStore(store).delete(IDBKeyRange.bound(prefix, `${prefix}\uffff`));
    await committed(transaction);
  }
}
