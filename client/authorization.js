/** Asking for a code (docs/protocol.md, steps 0 to 3): everything prepared before the click, then a popup, or the whole page where none works. */

import { BookgateError } from "./errors.js";
import { makeSecrets } from "./pkce.js";

/** @typedef {import("./session.js").Session} Session */
/** @typedef {import("./pkce.js").Secrets & {jkt: string}} Flow */
/** @typedef {{grant_type: string, code: string, code_verifier: string, redirect_uri: string}} Answer as the exchange wants it */
/**
 * @typedef {{prompt?: "none" | "consent", redirect?: boolean, maxAge?: number | null, acrValues?: string | null}} Choice
 *   redirect: the whole page instead of a popup (true), or never (false); maxAge, acrValues: how many seconds ago the reader may have proved
 *   who they are, and in which ways, as `step_up_required` says
 */

const FLOW = "bookgate.flow"; // sessionStorage: what this tab asked for before it left (bookgate-return.html reads it too)
const ANSWER = "bookgate.answer"; // sessionStorage: the fragment that bookgate-return.html received
const CHANNEL = "bookgate-return"; // from a return page in a window that lost its opener
const PATIENCE = 600_000; // ms, the life of an authorization at the gateway
const SILENCE = 10_000; // ms, for a window that may ask nothing
// Browsers inside apps: providers refuse them, and they forget. Android says "; wv)", iOS leaves out "Safari/".
const IN_APP = /; wv\)|FBA[NV]|Instagram|\bLine\/|MicroMessenger|LinkedInApp|(?:iPhone|iPad|iPod)(?!.*Safari\/)/;
const RETURN_PATH = /^(\/[A-Za-z0-9._~-]+)*\/bookgate-return\.html$/; // what the gateway accepts unlisted

export class Authorization {
  #gateway;
  #redirectUri;
  #session;
  #tab;
  /** @type {Flow | null} */
  #ready = null;
  /** @type {{popup: Window, promise: Promise<Answer>, cancel: (error: BookgateError) => void} | null} */
  #waiting = null;

  /** @param {{gateway: string, returnPage: URL, session: Session, tab: import("./session.js").TabStorage}} parts */
  constructor({ gateway, returnPage, session, tab }) {
    this.#gateway = gateway;
    this.#redirectUri = returnUri(returnPage);
    this.#session = session;
    this.#tab = tab;
  }

  /** Makes state, verifier and key now, so that the click needs nothing but `window.open`. */
  async prepare() {
    this.#ready ??= await this.#make();
  }

  /** The same again, after the key of the first is gone. */
  async renew() {
    this.#ready = null;
    await this.prepare();
  }

  /** @returns {Promise<Flow>} */
  async #make() {
    const [secrets, key] = await Promise.all([makeSecrets(), this.#session.key()]);
    return { ...secrets, jkt: key.jkt };
  }

  /**
   * The click. Must be called in the task of the reader's gesture.
   * @param {Choice} choice @param {() => Promise<void>} leaving puts unsaved work into the outbox before the page goes away
   * @returns {Promise<Answer>}
   */
  begin(choice, leaving) {
    const { redirect } = choice;
    if (this.#waiting && !this.#waiting.popup.closed) {
      this.#waiting.popup.focus();
      return this.#waiting.promise;
    }
    if (redirect === undefined && IN_APP.test(navigator.userAgent) && !isInstalled()) {
      return Promise.reject(new BookgateError("in_app", "Signing in needs a browser: this is the window of another app."));
    }
    this.#waiting?.cancel(new BookgateError("cancelled", "Another sign-in was begun."));
    const flow = this.#ready;
    this.#ready = null;
    const framed = window.top !== window;
    const leaves = (redirect ?? prefersRedirect()) && !framed;
    const popup = leaves ? null : window.open(flow ? this.#url(flow, "web_message", choice) : "about:blank", "_blank", place());
    if (popup !== null) return this.#wait(flow, popup, choice);
    if (framed || redirect === false) return Promise.reject(new BookgateError(framed ? "framed" : "popup_blocked"));
    return this.#leave(flow, choice, leaving);
  }

  /** @param {Flow | null} ready @param {Window} popup @param {Choice} choice @returns {Promise<Answer>} */
  #wait(ready, popup, choice) {
    /** @type {(error: BookgateError) => void} */
    let cancel = () => {};
    const cancelled = new Promise((_, reject) => (cancel = reject));
    cancelled.catch(() => null);
    const answered = (async () => {
      const flow = ready ?? (await this.#make());
      if (!ready) popup.location.replace(this.#url(flow, "web_message", choice));
      return this.#listen(flow, popup, cancelled, choice.prompt === "none" ? SILENCE : PATIENCE);
    })();
    const promise = answered.finally(() => {
      if (this.#waiting?.promise === promise) this.#waiting = null;
      void this.prepare();
    });
    this.#waiting = { popup, promise, cancel };
    return promise;
  }

  /**
   * The answer comes from the popup itself, or, when its opener was severed, over the channel from the return page.
   * `popup.closed` is not asked: a severed popup reads as closed while the reader types in it.
   * A frame cannot hear that channel: its storage is another one.
   * @param {Flow} flow @param {Window} popup @param {Promise<unknown>} cancelled @param {number} patience ms @returns {Promise<Answer>}
   */
  async #listen(flow, popup, cancelled, patience) {
    const channel = new BroadcastChannel(CHANNEL);
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), patience);
    const deaf = window.top !== window;
    try {
      return await /** @type {Promise<Answer>} */ (new Promise((resolve, reject) => {
        const take = (/** @type {any} */ data) => {
          if (data?.state !== flow.state || data.iss !== this.#gateway) return false;
          if (typeof data.code === "string") resolve(exchange(data.code, flow.verifier, this.#redirectUri));
          else reject(new BookgateError(String(data.error), data.error_description));
          return true;
        };
        const heard = (/** @type {MessageEvent} */ event) => {
          if (event.origin === this.#gateway && event.source === popup) take(event.data);
        };
        window.addEventListener("message", heard, { signal: stop.signal });
        channel.onmessage = ({ data }) => {
          if (take(Object.fromEntries(new URLSearchParams(String(data?.answer))))) channel.postMessage({ taken: flow.state });
        };
        stop.signal.addEventListener("abort", () => reject(new BookgateError("cancelled", "The sign-in took too long.")));
        cancelled.catch(reject);
        if (deaf) void closed(popup, stop.signal).then(() => reject(new BookgateError("framed", "Open the book in its own tab.")));
      }));
    } finally {
      clearTimeout(timer);
      stop.abort();
      if (patience === SILENCE) popup.close(); // it may show a page that says no
      setTimeout(() => channel.close(), 1000); // after the receipt is out
    }
  }

  /** The whole page goes. @param {Flow | null} ready @param {Choice} choice @param {() => Promise<void>} leaving @returns {Promise<never>} */
  async #leave(ready, choice, leaving) {
    const flow = ready ?? (await this.#make());
    await leaving();
    const { state, verifier } = flow;
    const back = location.href.split("#bookgate=")[0];
    this.#tab.setItem(FLOW, JSON.stringify({ state, verifier, redirectUri: this.#redirectUri, back, gateway: this.#gateway }));
    location.assign(this.#url(flow, "fragment", choice));
    return new Promise(() => {});
  }

  /**
   * Back from a full-page redirect: the answer that the return page left in this tab.
   * @returns {Answer | null}
   */
  resume() {
    const fragment = this.#tab.getItem(ANSWER);
    const kept = this.#tab.getItem(FLOW);
    if (fragment === null || kept === null) return null;
    const flow = JSON.parse(kept);
    if (flow.gateway !== this.#gateway) return null;
    this.#tab.removeItem(ANSWER);
    this.#tab.removeItem(FLOW);
    const answer = new URLSearchParams(fragment);
    if (answer.get("state") !== flow.state || answer.get("iss") !== this.#gateway) {
      throw new BookgateError("wrong_state", "This answer belongs to another sign-in.");
    }
    const code = answer.get("code");
    if (code === null) throw new BookgateError(answer.get("error") ?? "bad_answer", answer.get("error_description") ?? undefined);
    return exchange(code, flow.verifier, flow.redirectUri);
  }

  /** @param {Flow} flow @param {"web_message" | "fragment"} mode @param {Choice} choice */
  #url(flow, mode, { prompt, maxAge, acrValues }) {
    const query = new URLSearchParams({
      response_type: "code",
      client_id: location.origin,
      redirect_uri: this.#redirectUri,
      response_mode: mode,
      state: flow.state,
      code_challenge: flow.challenge,
      code_challenge_method: "S256",
    });
    if (mode === "web_message" || this.#session.keyLasts) query.set("dpop_jkt", flow.jkt);
    if (prompt) query.set("prompt", prompt);
    if (typeof maxAge === "number") query.set("max_age", String(maxAge));
    if (acrValues) query.set("acr_values", acrValues);
    if (this.#session.user?.guest) query.set("guest", "1");
    return `${this.#gateway}/auth/authorize?${query}`;
  }
}

/** @param {string} code @param {string} code_verifier @param {string} redirect_uri @returns {Answer} */
const exchange = (code, code_verifier, redirect_uri) => ({ grant_type: "authorization_code", code, code_verifier, redirect_uri });

/** The return page beside the book; where its path has another spelling than the gateway takes, the one at the root. @param {URL} page */
function returnUri(page) {
  const usable = page.origin === location.origin && RETURN_PATH.test(page.pathname);
  return usable ? page.origin + page.pathname : `${location.origin}/bookgate-return.html`;
}

const isInstalled = () => matchMedia("(display-mode: standalone)").matches || /** @type {any} */ (navigator).standalone === true;

/** Phones and installed apps lose popups or open them out of sight. */
function prefersRedirect() {
  const mobile = /** @type {any} */ (navigator).userAgentData?.mobile ?? /Android|iPhone|iPad|iPod/.test(navigator.userAgent);
  return mobile || isInstalled();
}

/** Resolves a second after a window is closed, when its last message was heard. @param {Window} popup @param {AbortSignal} signal */
async function closed(popup, signal) {
  const second = () => new Promise((resolve) => setTimeout(resolve, 1000));
  while (!popup.closed && !signal.aborted) await second();
  await second();
}

/** A popup in the middle of this window. */
function place() {
  const [width, height] = [480, 680];
  const left = Math.max(0, Math.round(screenX + (outerWidth - width) / 2));
  const top = Math.max(0, Math.round(screenY + (outerHeight - height) / 2));
  return `popup,width=${width},height=${height},left=${left},top=${top}`;
}
