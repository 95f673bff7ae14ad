/** One book at one gateway: what pages call. It wires session, sign-in, outbox and saving, and tells the page what changed. */

import { openDatabase } from "./database.js";
import { BookgateError, unreachable } from "./errors.js";
import { Requests } from "./requests.js";
import { Session, exclusively, tabStorage } from "./session.js";

/** @typedef {import("./session.js").User} User */
/** @typedef {import("./authorization.js").Choice} Choice */
/** @typedef {import("./event-log.js").BookEvent} BookEvent */
/** @typedef {import("./items.js").SaveOptions} SaveOptions */
/** @typedef {import("./outbox.js").Status} Status */
/** @typedef {import("./saving.js").Saving} Saving */
/** @typedef {{database: import("./database.js").Database, session: Session, Authorization: typeof import("./authorization.js").Authorization, Guests: typeof import("./guests.js").Guests, Outbox: typeof import("./outbox.js").Outbox, Presence: typeof import("./presence.js").Presence, Saving: typeof import("./saving.js").Saving, tab: import("./session.js").TabStorage}} Parts */

const LAUNCHED = "#bookgate=launched"; // the end of an address by which the gateway sends a reader here

export class Book extends EventTarget {
  /** @type {((event: Event) => void) | null} */ onchange = null;
  /** Who is signed in; null: nobody. @type {User | null} */
  user = null;
  /** @type {Status} */
  status = { state: "idle", savedAt: null, waiting: 0, failed: 0, unclaimed: 0, reason: null, kept: true };
  /** What went wrong at the last sign-in. @type {BookgateError | null} */
  error = null;
  /** A sign-in window is open. */
  signingIn = false;

  /** @type {Promise<unknown> | null} */ #underWay = null;
  /** @type {"consent" | null} what the gateway wants to be asked next */
  #prompt = null;
  #turn = 0;
  /** @type {import("./guests.js").Guests} */ #guests;
  /** @type {import("./presence.js").Presence} */ #presence;
  /** @type {import("./authorization.js").Authorization} */ #authorization;
  /** @type {Session} */ #session;
  /** @type {Requests} */ #requests;
  /** @type {import("./outbox.js").Outbox} */ #outbox;
  /** @type {Saving} */ #saving;

  /** Use `connect()`. @param {string} gateway @param {URL} returnPage @param {Parts} parts */
  constructor(gateway, returnPage, { database, session, Authorization, Guests, Outbox, Presence, Saving, tab }) {
    super();
    this.gateway = gateway;
    const changed = () => void this.#sync();
    const requests = new Requests({ session, gateway, signingIn: () => this.#underWay, changed });
    const person = () => this.user?.sub ?? null;
    const book = (page = session.page) => session.bookOf(page);
    const outbox = new Outbox({
      database,
      person: () => (session.confirmed ? person() : null),
      book,
      page: () => session.page,
      deliver: (entry) => this.#saving.deliver(entry),
      changed,
      exclusive: (work) => exclusively(`bookgate-outbox ${gateway}`, work),
    });
    const conflicted = (/** @type {import("./saving.js").Conflict} */ detail) => void this.dispatchEvent(new CustomEvent("conflict", { detail }));
    this.#presence = new Presence({
      busy: () => this.signingIn,
      online: () => void this.#resume(),
      back: () => this.#back(),
      leave: () => this.#saving.leave(),
      hidden: () => void outbox.drain({ now: true }),
      heard: (news) => void this.#heard(news),
    });
    this.#session = session;
    this.#authorization = new Authorization({ gateway, returnPage, session, tab });
    this.#requests = requests;
    this.#outbox = outbox;
    this.#saving = new Saving({ gateway, database, session, requests, outbox, person, book, conflicted, changed });
    this.#guests = new Guests({ gateway, session, outbox, waiting: this.#saving.waiting });
  }

  /** How requests prove who is signed in; null: nobody is, or the gateway is away. */
  get mode() {
    return this.#session.mode;
  }

  /** May a guest begin here now? */
  get guests() {
    return this.#guests.welcome;
  }

  /** Which of the origin's books this page is of; null: the origin has one. @returns {string | null} */
  get id() {
    return this.#session.book;
  }

  /** The sign-in that a service wants before it goes on, and which the next `signIn()` asks for. @returns {import("./errors.js").StepUp | null} null: none */
  get stepUp() {
    return this.#requests.stepUp;
  }

  /** What research asks the reader of this book, once something was saved. @returns {import("./studies.js").Question | null} null: nothing */
  get question() {
    return this.#saving.studies.question(this.status);
  }

  /** Did the gateway answer the last time it was asked? */
  get reachable() {
    return this.#session.reachable;
  }

  /** The end of a full-page redirect, and of step 0. @returns {Promise<this>} */
  async start() {
    this.#presence.watch();
    this.user = this.#session.user;
    try {
      const answer = this.#authorization.resume();
      if (answer) await this.#redeem(answer);
    } catch (error) {
      this.#failed(error);
    }
    await this.#saving.waiting.retryRefused();
    await this.#sync();
    void this.#outbox.drain();
    void this.#authorization.prepare().catch((error) => this.#failed(error));
    this.#launch();
    return this;
  }

  /** The gateway sent a reader here who has just signed in there: no click is needed, and nobody is asked about whoever was here before. */
  #launch() {
    if (location.hash !== LAUNCHED || window.top !== window) return;
    history.replaceState(history.state, "", location.href.split(LAUNCHED)[0]);
    void this.signIn({ redirect: true }).catch(() => null);
  }

  async #back() {
    if (this.user) await this.#leaving(); // what is unsaved is still this reader's
    await this.#resume(true);
  }

  /** Another tab signed in or out. @param {import("./presence.js").News} news */
  async #heard(news) {
    if (news !== "signed-out") this.#guests.merged = news.merged;
    await this.#resume(true); // on a shared device a token is for one tab alone: that of a sign-in leaves this one without
    if (news !== "signed-out" && !this.user) this.#guests.refuse(); // somebody is signed in, though not for this tab
    if (news !== "signed-out" || this.signingIn) return;
    this.#session.dropKey(); // that tab erased it
    await this.#authorization.renew();
  }

  /** @param {boolean} [clears] a reader who is not signed in any more leaves the page */
  async #resume(clears) {
    const before = this.user;
    await this.#session.read();
    await this.#sync();
    if (clears && before && !this.user) this.dispatchEvent(new Event("signedout"));
    await this.#outbox.drain({ now: true });
  }

  /** Call it in the task of the reader's click. It settles when they are signed in, or did not want to be. @param {Choice} [choice] @returns {Promise<User | null>} */
  signIn(choice = {}) {
    return this.#ask({ prompt: this.#prompt ?? undefined, ...this.stepUp, ...choice });
  }

  /**
   * Signs in without a question, where the gateway knows the reader and the book is theirs to trust: for the moment when the
   * reader first does something worth saving. Call it in the task of that gesture. An ordinary sign-in is as silent where it
   * can be, and asks in the same window where it must: a click on "sign in" needs nothing of this.
   * @returns {Promise<User | null>} null: not without a question
   */
  async signInSilently() {
    if (this.user && !this.user.guest) return this.user;
    const { error } = this;
    return this.#ask({ prompt: "none", redirect: false }).catch(() => {
      this.#prompt = null;
      this.error = error;
      this.#changed();
      return null;
    });
  }

  /** @param {Choice} choice */
  #ask(choice) {
    if (this.user?.guest) void this.#outbox.drain({ now: true });
    const asked = this.#authorization.begin(choice, () => this.#leaving());
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
    await this.#signedIn();
    return this.user;
  }

  async #signedIn() {
    await this.#sync();
    this.#presence.tell({ merged: this.#guests.merged });
    void this.#outbox.drain({ now: true });
  }

  /** @param {Record<string, string>} grant */
  async #redeem(grant) {
    this.#prompt = null;
    await this.#guests.redeem(grant);
    this.#requests.signedIn();
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
    this.#saving.leave();
    await new Promise((resolve) => setTimeout(resolve)); // saves begun by the listeners
    await this.#outbox.settled();
  }

  /**
   * Signs out of this book, and of the gateway in this browser where the book is trusted (or `scope: "book"`: only here).
   * On all devices: the account page, `${book.gateway}/auth/account`.
   * Work that waits is sent first; what cannot be sent stops the sign-out, unless `force` gives it up.
   * @param {{scope?: "book" | "browser", force?: boolean}} [options] @returns {Promise<import("./session.js").SignedOut>}
   */
  async signOut({ scope, force = false } = {}) {
    await this.#saving.events.flush();
    await this.#outbox.drain({ now: true });
    const person = this.user?.sub ?? null;
    const { waiting, failed } = await this.#outbox.status(person);
    if (waiting + failed > 0 && !force) {
      throw new BookgateError("work_waiting", `${waiting + failed} changes are on this device only.`);
    }
    const signedOut = await this.#session.end(scope ?? null);
    if (person !== null) await this.#saving.forget(person);
    this.#presence.tell("signed-out");
    await this.#sync();
    this.dispatchEvent(new Event("signedout")); // pages take the reader's work off the screen
    void this.#authorization.renew();
    return signedOut;
  }

  /** Like `fetch`, with the reader's session: a path of the gateway, or a whole URL of it. @param {RequestInfo | URL} input @param {RequestInit} [init] */
  async fetch(input, init) {
    return this.#requests.fetch(input, init);
  }

  /**
   * Saves a value under an id of the book's own. It is safe on this device when the promise resolves; `status` tells the rest.
   * @param {string} id @param {unknown} value @param {SaveOptions} [options]
   */
  async save(id, value, options) {
    await this.#saving.items.save(id, value, options);
    this.#added();
  }

  #added() {
    this.#saving.prepare();
    void this.#outbox.drain();
    void this.#saving.persist();
    if (this.user === null && !this.signingIn && this.#guests.unasked) void this.beginGuest().catch(() => this.#guests.refuse());
  }

  /** The newest value saved under an id, on any device. @param {string} id @param {{course?: string}} [options] @returns {Promise<any>} */
  async load(id, options) {
    return this.#saving.items.load(id, options);
  }

  /**
   * Any write to a service of the gateway, by way of the outbox: safe on this device when the promise resolves, sent in order
   * and once, as the reader of now.
   * @param {string} path of the gateway, such as "/ns/logger/bookevent"
   * @param {{method?: string, body: string, contentType?: string, label?: string}} write label: what a list of waiting work calls it
   */
  async write(path, { method = "POST", body, contentType = "application/json", label }) {
    await this.#outbox.add({ person: this.user?.sub ?? null, type: "write", method, path, body, contentType, label, item: null });
    this.#added();
  }

  /** How the reader did, for the course whose link opened the page. @param {import("./session.js").Result} result */
  reportScore(result) {
    return this.#session.report(result);
  }

  /** A WebSocket with the reader's session. @param {string} path of the gateway @param {string | string[]} [protocols] the page's own @returns {Promise<WebSocket>} */
  async webSocket(path, protocols = []) {
    const { openWebSocket } = await import("./streams.js");
    return openWebSocket(this.#session, this.gateway, path, protocols);
  }

  /**
   * Server-sent events with the reader's session: "open", "error" and the stream's own events; it connects again by itself.
   * @param {string} path of the gateway @param {{lastEventId?: string}} [init] @returns {Promise<EventTarget & {close(): void}>}
   */
  async eventStream(path, init = {}) {
    const { EventStream } = await import("./streams.js");
    return new EventStream(this.#requests, this.user?.sub ?? null, path, init);
  }

  /**
   * Begins to save for a reader who has not signed in, where `guests` says that the gateway lets them.
   * @param {import("./guests.js").How} [how] @returns {Promise<User>}
   */
  async beginGuest(how = {}) {
    const user = await this.#guests.begin(how);
    await this.#signedIn();
    return user;
  }

  /** Notes something that happened, for the analytics service. @param {BookEvent} event */
  log(event) {
    this.#saving.events.log(event);
  }

  /** "Yes, what was done here before I signed in is mine." */
  async claim() {
    if (!this.#session.confirmed || !this.user) throw new BookgateError("login_required");
    await this.#saving.waiting.claim(this.user.sub);
    await this.#outbox.drain({ now: true });
  }

  /** "No, it is not mine": erased. */
  async discardUnclaimed() {
    await this.#saving.waiting.discard(null);
  }

  /** What the reader wrote under a path of the gateway, and it has not taken yet: oldest first. @param {string} path its beginning */
  async waiting(path) {
    return this.#saving.waiting.under(path, this.user?.sub ?? null);
  }

  /** What waits on this device for the reader, or for nobody yet, as a file that a person can read. @returns {Promise<Blob>} JSON */
  async exportWaiting() {
    return this.#saving.waiting.file(this.user, this.gateway);
  }

  async #sync() {
    const turn = ++this.#turn;
    const before = this.user;
    this.user = this.#session.user;
    const another = before && this.user && this.user.sub !== before.sub && this.#guests.merged !== before.sub;
    if (this.user && !this.user.guest) this.#guests.refuse(); // who was known and is not any more signs in again
    const status = await this.#outbox.status(this.user?.sub ?? null);
    if (another) this.dispatchEvent(new Event("signedout")); // switched in another tab, or a guest's work is not theirs
    if (turn !== this.#turn) return; // a later one knows better
    this.status = status;
    this.#saving.guard(status);
    if (!this.reachable) this.#presence.again();
    this.#changed();
  }

  #changed() {
    const event = new Event("change");
    this.dispatchEvent(event);
    this.onchange?.(event);
  }
}

// Asked for now, because the gateway may be away when they are needed.
const parts = Promise.all([import("./authorization.js"), import("./guests.js"), import("./outbox.js"), import("./presence.js"), import("./saving.js")]);
parts.catch(() => null);

/** @type {Map<string, Promise<Book>>} */
const books = new Map();

/**
 * The book of this page: one for each gateway, however often it is asked for.
 * @param {{gateway: string, returnPage?: string | URL, book?: string | null}} options @returns {Promise<Book>}
 */
export function openBook({ gateway, returnPage = "bookgate-return.html", book }) {
  const origin = new URL(gateway, document.baseURI).origin;
  const opened = books.get(origin) ?? open(origin, new URL(returnPage, document.baseURI), book);
  books.set(origin, opened);
  return opened;
}

/** @param {string} gateway @param {URL} returnPage @param {string | null} [book] */
async function open(gateway, returnPage, book) {
  const tab = tabStorage();
  const database = await openDatabase(`bookgate ${gateway}`);
  const session = new Session({ gateway, database, tab, book });
  const [loaded] = await Promise.all([parts, session.read()]).catch((cause) => Promise.reject(unreachable(cause)));
  const [{ Authorization }, { Guests }, { Outbox }, { Presence }, { Saving }] = loaded;
  return new Book(gateway, returnPage, { database, session, Authorization, Guests, Outbox, Presence, Saving, tab }).start();
}
