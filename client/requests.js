/** The book's requests to the gateway's services: credentials added, one replay after a refresh or a new sign-in. */

import { BookgateError, STEP_UP, needsSignIn, refusal } from "./errors.js";

/** @typedef {import("./session.js").Session} Session */
/** @typedef {{method: string, url: string, init: RequestInit}} Replayable */
/** @typedef {{url: string, person: string | null, stepUp: import("./errors.js").StepUp}} Refused until its person signs in once more */

export class Requests {
  gateway;

  #session;
  #signingIn;
  #changed;
  /** @type {Refused | null} */
  #refused = null;

  /**
   * @param {{session: Session, gateway: string, signingIn: () => Promise<unknown> | null, changed: () => void}} parts
   *   signingIn: the sign-in under way, if any; changed: called when an answer showed that somebody else, or nobody, is signed in
   */
  constructor({ session, gateway, signingIn, changed }) {
    this.#session = session;
    this.gateway = gateway;
    this.#signingIn = signingIn;
    this.#changed = changed;
  }

  /** The sign-in that a service wants of this reader before it serves them; null: none does. */
  get stepUp() {
    return this.#refused && this.#refused.person === this.#session.user?.sub ? this.#refused.stepUp : null;
  }

  /** The reader has signed in. */
  signedIn() {
    this.#refused = null;
  }

  /**
   * Like fetch, for addresses of the gateway: a path such as "/storage/v1/items/x", or a whole URL of it.
   * @param {RequestInfo | URL} input @param {RequestInit} [init] @returns {Promise<Response>}
   */
  async fetch(input, init) {
    return this.send(await replayable(input, init, this.gateway), this.#session.user?.sub ?? null);
  }

  /**
   * @param {Replayable} request
   * @param {string | null} person whom a write is for; it is never replayed as somebody else
   * @param {string | null} [book] one of the origin's, where it has several
   * @returns {Promise<Response>}
   */
  async send({ method, url, init }, person, book = this.#session.book) {
    const headers = new Headers(init.headers);
    if (book && !url.startsWith(`${this.gateway}/auth/`)) headers.set("X-Bookgate-Book", book);
    const send = () => this.#session.send(method, url, { ...init, headers }, person);
    const response = await send();
    if (response.ok && this.#refused?.url === url) this.#wants(null); // after a sign-in in another tab
    if (response.ok || ![401, 403, 409].includes(response.status)) return response;
    const error = await refusal(response);
    if (error.code === "person_changed") {
      await this.#reread();
      return response;
    }
    if (error.code === STEP_UP) return this.#stepUp(url, person, response, send);
    return needsSignIn(error) && (await this.#recovered(person)) ? send() : response;
  }

  /** Is the same person signed in again: by a refresh, by another tab, or by the sign-in under way? @param {string | null} person */
  async #recovered(person) {
    const refreshed = await this.#session.refresh().catch(() => false);
    if (!refreshed) await this.#reread();
    if (!this.#session.confirmed) await this.#signingIn()?.catch(() => null);
    return this.#isStill(person);
  }

  /**
   * Once more after the sign-in under way; else it is noted what it takes.
   * @param {string} url @param {string | null} person @param {Response} refused @param {() => Promise<Response>} send
   */
  async #stepUp(url, person, refused, send) {
    const signedIn = (await this.#signingIn()?.catch(() => null)) && this.#isStill(person);
    const response = signedIn ? await send() : refused;
    const { code, stepUp } = await refusal(response);
    if (code === STEP_UP) this.#wants({ url, person: this.#session.user?.sub ?? null, stepUp: stepUp ?? {} });
    return response;
  }

  /** @param {Refused | null} refused */
  #wants(refused) {
    this.#refused = refused;
    this.#changed();
  }

  /** @param {string | null} person */
  #isStill(person) {
    return this.#session.confirmed && (person === null || this.#session.user?.sub === person);
  }

  async #reread() {
    await this.#session.read();
    this.#changed();
  }
}

/**
 * A request that can be sent twice: a body that can be read only once is read here.
 * @param {RequestInfo | URL} input @param {RequestInit | undefined} init @param {string} gateway @returns {Promise<Replayable>}
 */
export async function replayable(input, init = {}, gateway) {
  const request = input instanceof Request ? input : null;
  const url = new URL(request ? request.url : input instanceof URL ? input : String(input), gateway);
  if (url.origin !== gateway) throw new BookgateError("foreign_url", `Not an address of the gateway: ${url.href}`);
  const method = normalised(init.method ?? request?.method ?? "GET");
  let body = init.body;
  if (body instanceof ReadableStream) body = await new Response(body).blob();
  if (body === undefined && request?.body) body = await request.blob(); // a stream body cannot be sent over HTTP/1.1 either
  const headers = new Headers(init.headers ?? request?.headers);
  const { signal = request?.signal ?? null, cache = request?.cache, keepalive = request?.keepalive, redirect = "follow" } = init;
  return { method, url: url.href, init: { headers, body, signal, cache, keepalive, redirect } };
}

/** As Fetch normalises a method, which makes `patch` and `PATCH` two. @param {string} method */
function normalised(method) {
  const upper = method.toUpperCase();
  return ["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"].includes(upper) ? upper : method;
}
