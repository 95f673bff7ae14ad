/** One book at one gateway: what pages call. It wires session, sign-in, outbox, items and events, and tells the page what changed. */

import { Authorization } from "./authorization.js";
import { openDatabase } from "./database.js";
import { BookgateError, unreachable } from "./errors.js";
import { Outbox } from "./outbox.js";
import { Requests } from "./requests.js";
import { Session } from "./session.js";

/** @typedef {import("./session.js").User} User */
/** @typedef {import("./authorization.js").Choice} Choice */
/** @typedef {import("./event-log.js").BookEvent} BookEvent */
/** @typedef {import("./items.js").SaveOptions} SaveOptions */
/** @typedef {import("./outbox.js").Status} Status */
/** @typedef {import("./saving.js").Saving} Saving */

const CHANNEL = "bookgate-session"; // between the tabs of one origin

export class Book extends EventTarget {
  /** @type {((event: Event) => void) | null} */
  onchange = null;
  /** Who is signed in; null: nobody. @type {User | null} */
  user = null;
  /** @type {Status} */
  status = { state: "idle", savedAt: null, waiting: 0, failed: 0, unclaimed: 0, reason: null, kept: true };
  /** What went wrong at the last sign-in. @type {BookgateError | null} */
  error = null;
  /** A sign-in window is open. */
  signingIn = false;

  /** @type {Promise<unknown> | null} */
  #underWay = null;
  /** @type {"consent" | null} what the gateway wants to be asked next */
  #prompt = null;
  #turn = 0;
  #channel = new BroadcastChannel(CHANNEL);
  /** @type {Authorization} */ #authorization;
  /** @type {Session} */ #session;
  /** @type {Requests} */ #requests;
  /** @type {Outbox} */ #outbox;
  /** @type {() => Promise<Saving>} */ #loadSaving;
  /** @type {Saving | null} what the end of a page can use, which waits for nothing */ #saving = null;

  /**
   * Use `connect()`.
   * @param {string} gateway @param {URL} returnPage @param {import("./database.js").Database} database
   */
  constructor(gateway, returnPage, database) {
    super();
    this.gateway = gateway;
    const session = new Session({ gateway, database, tab: sessionStorage });
    const changed = () => void this.#sync();
    const requests = new Requests({ session, gateway, signingIn: () => this.#underWay, changed });
    const person = () => this.user?.sub ?? null;
    const book = () => session.book;
    const outbox = new Outbox({
      database,
      person: () => (session.confirmed ? person() : null),
      book,
      deliver: (entry) => this.#loadSaving().then((saving) => saving.deliver(entry), () => ({ later: null })),
      changed,
      exclusive: (work) => (navigator.locks ? navigator.locks.request(`bookgate-outbox ${gateway}`, work) : work()),
    });
    const conflicted = (/** @type {import("./saving.js").Conflict} */ detail) => void this.dispatchEvent(new CustomEvent("conflict", { detail }));
    this.#session = session;
    this.#authorization = new Authorization({ gateway, returnPage, session });
    this.#requests = requests;
    this.#outbox = outbox;
    /** @type {Promise<Saving> | null} */
    let loading = null;
    this.#loadSaving = () => {
      loading ??= import("./saving.js").then(
        ({ Saving }) => (this.#saving = new Saving({ gateway, database, session, requests, outbox, person, book, conflicted, changed })),
        (cause) => {
          loading = null; // asked for again when it is needed
          throw unreachable(cause);
        },
      );
      return loading;
    };
    void this.#loadSaving().catch(() => null); // now: the gateway may be away when it is needed
  }

  /** How requests prove who is signed in; null: nobody is, or the gateway is away. */
  get mode() {
    return this.#session.mode;
  }

  /** May a guest begin here now? */
  get guests() {
    return this.#session.guests;
  }

  /** Which of the origin's books this page is of; null: the origin has one. @returns {string | null} */
  get id() {
    return this.#session.book;
  }

  /** Did the gateway answer the last time it was asked? */
  get reachable() {
    return this.#session.reachable;
  }

  /** Step 0, and the end of a full-page redirect. @returns {Promise<this>} */
  async start() {
    this.#watchPage();
    try {
      const answer = this.#authorization.resume();
      if (answer) await this.#redeem(answer);
      else await this.#session.read();
    } catch (error) {
      this.#failed(error);
      await this.#session.read();
    }
    await this.#loadSaving().then(({ waiting }) => waiting.retryRefused(), () => null);
    await this.#sync();
    void this.#outbox.drain();
    void this.#authorization.prepare().catch((error) => this.#failed(error));
    return this;
  }

  #watchPage() {
    addEventListener("online", () => void this.#resume());
    addEventListener("pageshow", (event) => void (event.persisted && this.#resume()));
    addEventListener("pagehide", () => this.#saving?.leave());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState !== "hidden") return;
      this.#saving?.leave();
      void this.#outbox.drain({ now: true });
    });
    this.#channel.onmessage = ({ data }) => {
      if (data === "signed-out") this.dispatchEvent(new Event("signedout"));
      void this.#resume();
    };
  }

  async #resume() {
    await this.#session.read();
    await this.#sync();
    await this.#outbox.drain({ now: true });
  }

  /**
   * Call it in the task of the reader's click. It settles when the reader is signed in, or did not want to be.
   * @param {Choice} [choice] @returns {Promise<User | null>}
   */
  signIn(choice = {}) {
    const asked = this.#authorization.begin({ prompt: this.#prompt ?? undefined, ...choice }, () => this.#leaving());
    this.error = null;
    this.signingIn = true;
    const underWay = this.#finish(asked);
    this.#underWay = underWay;
    this.#changed();
    return underWay.finally(() => {
      if (this.#underWay === underWay) {
        this.#underWay = null;
        this.signingIn = false;
      }
      this.#changed();
    });
  }

  /** @param {Promise<import("./authorization.js").Answer>} asked */
  async #finish(asked) {
    try {
      await this.#redeem(await asked);
    } catch (error) {
      this.#failed(error);
      throw error;
    }
    await this.#sync();
    this.#channel.postMessage("signed-in");
    void this.#outbox.drain({ now: true });
    return this.user;
  }

  /** @param {import("./authorization.js").Answer} answer */
  async #redeem(answer) {
    this.#prompt = null;
    await this.#session.redeem(answer);
  }

  /** @param {unknown} error */
  #failed(error) {
    if (!(error instanceof BookgateError)) throw error;
    if (error.code === "interaction_required" || error.code === "consent_required") this.#prompt = "consent"; // docs/protocol.md, step 5
    if (error.code !== "cancelled") this.error = error;
    this.#changed();
  }

  /** Pages put what is unsaved into `save()` when they hear "leaving"; the outbox holds it when the page goes. */
  async #leaving() {
    this.dispatchEvent(new Event("leaving"));
    this.#saving?.leave();
    await new Promise((resolve) => setTimeout(resolve)); // saves begun by the listeners
    await this.#outbox.settled();
  }

  /**
   * Signs out of this book, and of the gateway in this browser where the book is trusted (or `scope: "book"`: only here).
   * Work that waits is sent first; what cannot be sent stops the sign-out, unless `force` gives it up.
   * @param {{scope?: "book", force?: boolean}} [options] @returns {Promise<import("./session.js").SignedOut>}
   */
  async signOut({ scope, force = false } = {}) {
    const saving = await this.#loadSaving();
    await saving.events.flush();
    await this.#outbox.drain({ now: true });
    const person = this.user?.sub ?? null;
    const { waiting, failed } = await this.#outbox.status(person);
    if (waiting + failed > 0 && !force) {
      throw new BookgateError("work_waiting", `${waiting + failed} changes are on this device only.`);
    }
    const signedOut = await this.#session.end(scope ?? null);
    if (person !== null) await saving.waiting.discard(person);
    this.#channel.postMessage("signed-out");
    await this.#sync();
    this.dispatchEvent(new Event("signedout")); // pages take the reader's work off the screen
    void this.#authorization.prepare();
    return signedOut;
  }

  /**
   * Like `fetch`, with the reader's session: a path of the gateway ("/storage/v1/items"), or a whole URL of it.
   * @param {RequestInfo | URL} input @param {RequestInit} [init]
   */
  async fetch(input, init) {
    return this.#requests.fetch(input, init);
  }

  /**
   * Saves a value under an id of the book's own. It is safe on this device when the promise resolves; `status` tells the rest.
   * @param {string} id @param {unknown} value @param {SaveOptions} [options]
   */
  async save(id, value, options) {
    const saving = await this.#loadSaving();
    await saving.items.save(id, value, options);
    this.#added(saving);
  }

  /** @param {Saving} saving */
  #added(saving) {
    saving.prepare();
    void this.#outbox.drain();
    void saving.persist();
  }

  /** The newest value saved under an id, on any device. @param {string} id @param {{course?: string}} [options] @returns {Promise<any>} */
  async load(id, options) {
    return (await this.#loadSaving()).items.load(id, options);
  }

  /**
   * Any write to a service of the gateway, by way of the outbox: safe on this device when the promise resolves, sent in order
   * and once, as the reader of now.
   * @param {string} path of the gateway, such as "/ns/logger/bookevent"
   * @param {{method?: string, body: string, contentType?: string, label?: string}} write label: what a list of waiting work calls it
   */
  async write(path, { method = "POST", body, contentType = "application/json", label }) {
    await this.#outbox.add({ person: this.user?.sub ?? null, type: "write", method, path, body, contentType, label, item: null });
    void this.#loadSaving().then((saving) => this.#added(saving), () => null);
  }

  /**
   * A WebSocket with the reader's session.
   * @param {string} path of the gateway @param {string | string[]} [protocols] the page's own @returns {Promise<WebSocket>}
   */
  async webSocket(path, protocols = []) {
    const { openWebSocket } = await import("./streams.js");
    return openWebSocket(this.#session, this.gateway, path, protocols);
  }

  /**
   * Server-sent events with the reader's session: "open", "error" and the stream's own events; it connects again by itself.
   * @param {string} path of the gateway @param {{lastEventId?: string}} [init]
   * @returns {Promise<EventTarget & {close(): void}>}
   */
  async eventStream(path, init = {}) {
    const { EventStream } = await import("./streams.js");
    return new EventStream(this.#requests, path, init);
  }

  /** Begins to save for a reader who has not signed in, where `guests` says that the gateway lets them. @returns {Promise<User>} */
  async beginGuest() {
    await this.#session.beginGuest();
    await this.#sync();
    this.#channel.postMessage("signed-in");
    return /** @type {User} */ (this.user);
  }

  /** Notes something that happened, for the analytics service. @param {BookEvent} event */
  log(event) {
    void this.#loadSaving().then(({ events }) => events.log(event), () => null);
  }

  /** "Yes, what was done here before I signed in is mine." */
  async claim() {
    if (!this.#session.confirmed || !this.user) throw new BookgateError("login_required");
    await (await this.#loadSaving()).waiting.claim(this.user.sub);
    await this.#outbox.drain({ now: true });
  }

  /** "No, it is not mine": erased. */
  async discardUnclaimed() {
    await (await this.#loadSaving()).waiting.discard(null);
  }

  /** What the reader wrote under a path of the gateway, and it has not taken yet: oldest first. @param {string} path its beginning */
  async waiting(path) {
    return (await this.#loadSaving()).waiting.under(path, this.user?.sub ?? null);
  }

  /** What waits on this device for the reader, or for nobody yet, as a file that a person can read. @returns {Promise<Blob>} JSON */
  async exportWaiting() {
    return (await this.#loadSaving()).waiting.file(this.user, this.gateway);
  }

  async #sync() {
    const turn = ++this.#turn;
    this.user = this.#session.user;
    const status = await this.#outbox.status(this.user?.sub ?? null);
    if (turn !== this.#turn) return; // a later one knows better
    this.status = status;
    this.#saving?.guard(status);
    this.#changed();
  }

  #changed() {
    const event = new Event("change");
    this.dispatchEvent(event);
    this.onchange?.(event);
  }
}

/** @type {Map<string, Promise<Book>>} */
const books = new Map();

/**
 * The book of this page: one for each gateway, however often it is asked for.
 * @param {{gateway: string, returnPage?: string | URL}} options
 * @returns {Promise<Book>}
 */
export function openBook({ gateway, returnPage = "bookgate-return.html" }) {
  const origin = new URL(gateway, document.baseURI).origin;
  const opened = books.get(origin) ?? open(origin, new URL(returnPage, document.baseURI));
  books.set(origin, opened);
  return opened;
}

/** @param {string} gateway @param {URL} returnPage */
async function open(gateway, returnPage) {
  return new Book(gateway, returnPage, await openDatabase(`bookgate ${gateway}`)).start();
}
