/**
 * Keeps what readers write: back on the page when they come again, saved a moment after each change.
 *
 *     <textarea data-keep="essay"></textarea>            a text: saved while it is written
 *     <form data-keep="question1"> ... </form>           a question: saved when the reader presses its button
 *
 * An editor of another kind calls `keep()` itself. Put this file beside your pages, unchanged.
 */

const PAUSE = 800; // ms without a change before a text is saved

let here = null; // the book, once it is connected
/** The gateway's client, once its script is there; without a gateway nothing is kept, and the book works all the same. */
const connected = new Promise((resolve) => {
  const connect = () => resolve(globalThis.bookgate.connect().then((book) => (here = book)));
  if (globalThis.bookgate) connect();
  else document.addEventListener("bookgate-ready", connect, { once: true });
});

/** Everything on this page that is kept. @type {Set<Kept>} */
const all = new Set();

/**
 * Keeps one thing under an id of the book's own.
 * @param {string} id letters, digits and . _ - ~ : @
 * @param {{read: () => unknown, show: (value: any) => void, kind?: string, element?: Element}} parts
 *   read: what stands there now; show: put this there; kind: "program" for what is written, "answer" for what is handed in;
 *   element: where it stands; when it leaves the page, so does this
 * @returns {Kept} call its `changed()` at every change, or its `save()` to save at once
 */
export function keep(id, { read, show, kind = "program", element }) {
  const item = new Kept(id, read, show, kind, element);
  all.add(item);
  void connected.then((book) => item.restore(book));
  return item;
}

class Kept {
  #first; // as the author wrote it
  #timer = null;

  constructor(id, read, show, kind, element) {
    Object.assign(this, { id, read, show, kind, element });
    this.#first = read();
  }

  /** The reader changed it: saved after a pause. */
  changed() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.save(), PAUSE);
  }

  get isBeingWritten() {
    return this.#timer !== null;
  }

  async save() {
    clearTimeout(this.#timer);
    this.#timer = null;
    const value = this.read();
    const book = here ?? (await connected); // no pause: the page may be going
    await book.save(this.id, value, { kind: this.kind });
  }

  /** Puts back what this reader saved, here or on another device; what is being written now is newer. */
  async restore(book) {
    if (this.isBeingWritten) return;
    const reader = book.user?.sub;
    const value = await book.load(this.id).catch(() => undefined); // the gateway is away: what is on the page stays
    if (value === undefined || this.isBeingWritten || book.user?.sub !== reader) return;
    if (JSON.stringify(value) !== JSON.stringify(this.read())) this.show(value); // a cursor stays where it is
    this.element?.dispatchEvent(new Event("restored", { bubbles: true })); // for the page's own feedback
  }

  clear() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.show(this.#first);
    this.element?.dispatchEvent(new Event("restored", { bubbles: true }));
  }
}

/** Saves now what waits for a pause. */
function finish() {
  for (const item of all) if (item.isBeingWritten) void item.save();
}

/* Elements with data-keep: those of this page, and those that come when a theme changes pages without loading them anew. */

const known = new WeakSet();

function find() {
  finishWhatLeft();
  for (const element of document.querySelectorAll("[data-keep]")) {
    if (known.has(element)) continue;
    known.add(element);
    if (element instanceof HTMLFormElement) keepForm(element);
    else keepText(element);
  }
}

function finishWhatLeft() {
  for (const item of all) {
    if (!item.element || item.element.isConnected) continue;
    if (item.isBeingWritten) void item.save();
    all.delete(item);
  }
}

function keepText(element) {
  const show = (value) => (element.value = value);
  const item = keep(element.dataset.keep, { read: () => element.value, show, element });
  element.addEventListener("input", () => item.changed());
}

function keepForm(form) {
  const read = () => Object.fromEntries([...new FormData(form).keys()].map((name) => [name, new FormData(form).getAll(name)]));
  const show = (value) => {
    form.reset();
    for (const input of form.elements) {
      const values = value[input.name] ?? [];
      if (input.type === "radio" || input.type === "checkbox") input.checked = values.includes(input.value);
      else if (values.length > 0) input.value = values[0];
    }
  };
  const item = keep(form.dataset.keep, { read, show, kind: "answer", element: form });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void item.save();
  });
}

/* The page goes: saved before the book looks for what it can still send. */
addEventListener("pagehide", finish, { capture: true });
addEventListener("visibilitychange", () => document.visibilityState === "hidden" && finish(), { capture: true });

/** Follows who reads: their work comes onto the page, and leaves it when they sign out. */
async function follow() {
  const book = await connected;
  const who = () => `${book.user?.sub} ${book.user !== null && book.status.unclaimed > 0}`; // "is this yours?" was answered
  let reader = who();
  book.addEventListener("change", () => {
    if (who() === reader) return;
    reader = who();
    for (const item of all) void item.restore(book);
  });
  book.addEventListener("leaving", finish);
  book.addEventListener("signedout", () => all.forEach((item) => item.clear()));
}

find();
new MutationObserver(find).observe(document.documentElement, { childList: true, subtree: true });
void follow();
