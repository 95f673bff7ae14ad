/** What a page keeps for its reader: restored when the gateway knows who reads, saved a moment after each change. */

const PAUSE = 800; // ms without a change before a text is saved

let here = null; // the book, once it is connected
/** The gateway's client, once its script is there; a book without a gateway waits for ever, and works all the same. */
const connected = new Promise((resolve) => {
  const connect = () => resolve(globalThis.bookgate.connect().then((book) => (here = book)));
  if (globalThis.bookgate) connect();
  else document.addEventListener("bookgate-ready", connect, { once: true });
});

/** Everything on this page that is kept. */
const items = new Set();

/** One thing that is kept under an id of the book's own. */
export function kept(id, { kind, restored = () => {}, cleared = () => {}, missing = () => {} } = {}) {
  const item = new Kept(id, { kind, restored, cleared, missing });
  items.add(item);
  return item;
}

class Kept {
  #timer = null;
  #read = null; // reads what is not saved yet

  constructor(id, parts) {
    Object.assign(this, { id, ...parts });
  }

  async save(value) {
    const book = here ?? (await connected); // no pause: the page may be going
    await book.save(this.id, value, { kind: this.kind });
  }

  /** Something is being written: save it when the reader pauses. */
  changed(read) {
    this.#read = read;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.finish(), PAUSE);
  }

  /** Saves now what is waiting for a pause. */
  finish() {
    clearTimeout(this.#timer);
    const read = this.#read;
    this.#read = null;
    if (read) void this.save(read());
  }

  get isBeingWritten() {
    return this.#read !== null;
  }

  async log(event) {
    (await connected).log({ item: this.id, item_kind: this.kind, ...event });
  }
}

/** Puts back what this reader saved, here or on another device. */
async function restore(book) {
  const restoreOne = async (item) => {
    if (item.isBeingWritten) return;
    const value = await book.load(item.id).catch(() => null); // away: what is on the page stays
    if (value === undefined && book.user) item.missing();
    else if (value && !item.isBeingWritten) item.restored(value);
  };
  await Promise.all([...items].map(restoreOne)); // at once: the client asks for all of them in one request
}

function finishAll() {
  for (const item of items) item.finish();
}

/* The page goes: saved before the book looks for what it can still send. */
addEventListener("pagehide", finishAll, { capture: true });
addEventListener("visibilitychange", () => document.visibilityState === "hidden" && finishAll(), { capture: true });

/** Follows who reads: their work comes onto the page, and leaves it when they sign out on purpose. */
async function begin() {
  const book = await connected;
  let reader;
  const follow = async () => {
    const now = `${book.user?.sub} ${book.user !== null && book.status.unclaimed > 0}`; // nobody's work waits for an answer first
    if (now === reader) return;
    reader = now;
    await restore(book);
  };
  book.addEventListener("change", follow);
  book.addEventListener("leaving", finishAll);
  book.addEventListener("signedout", () => items.forEach((item) => item.cleared()));
  await follow();
}
void begin();
