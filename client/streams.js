/** What stays open: WebSockets and server-sent events with the reader's session, in both modes (docs/protocol.md, step 6). */

import { BookgateError, refusal } from "./errors.js";
import { replayable } from "./requests.js";

/** @typedef {import("./requests.js").Requests} Requests */
/** @typedef {import("./session.js").Session} Session */

const LONGEST_PAUSE = 60_000; // ms

/**
 * A browser's WebSocket carries no header of the page's: person, book and, in token mode, a ticket go as subprotocols, which
 * the gateway takes away.
 * @param {Session} session @param {string} gateway @param {string} path @param {string | string[]} protocols the page's own
 * @returns {Promise<WebSocket>}
 */
export async function openWebSocket(session, gateway, path, protocols) {
  const url = new URL(path, gateway);
  if (url.origin !== gateway) throw new BookgateError("foreign_url", `Not an address of the gateway: ${url.href}`);
  const offered = [...(Array.isArray(protocols) ? protocols : [protocols]), "bookgate"];
  if (session.user) offered.push(`bookgate.person.${session.user.sub}`);
  if (session.book) offered.push(`bookgate.book.${session.book}`);
  const ticket = await session.webSocketTicket(url.pathname);
  if (ticket) offered.push(`bookgate.ticket.${ticket}`);
  return new WebSocket(url.href.replace(/^http/, "ws"), offered);
}

/**
 * Like EventSource, by fetch, which can carry what proves the session and which book it is (HTML section 9.2).
 * Events: "open"; those of the stream, as MessageEvents; "error", with a BookgateError in `error` when it is over for good.
 * It comes back as the reader who opened it, or not at all.
 */
export class EventStream extends EventTarget {
  /** @type {number} 0 connecting, 1 open, 2 closed */
  readyState = 0;

  #requests;
  #person;
  #path;
  #stop = new AbortController();
  #lastEventId;
  #pause = 3000; // ms
  #failures = 0;

  /** @param {Requests} requests @param {string | null} person @param {string} path @param {{lastEventId?: string}} init */
  constructor(requests, person, path, { lastEventId = "" }) {
    super();
    this.#requests = requests;
    this.#person = person;
    this.#path = path;
    this.#lastEventId = lastEventId;
    void this.#run();
  }

  close() {
    this.readyState = 2;
    this.#stop.abort();
  }

  async #run() {
    while (this.readyState !== 2) {
      const error = await this.#connect().catch((cause) => cause);
      if (this.readyState === 2) return;
      if (error instanceof BookgateError && !passes(error)) return this.#fail(error);
      this.readyState = 0;
      this.dispatchEvent(new Event("error"));
      const pause = Math.min(this.#pause * 2 ** this.#failures++, LONGEST_PAUSE);
      const asked = error instanceof BookgateError ? (error.retryAfter ?? 0) * 1000 : 0;
      await new Promise((resolve) => setTimeout(resolve, Math.max(pause, asked)));
    }
  }

  /** One connection, until it ends. */
  async #connect() {
    /** @type {Record<string, string>} */
    const headers = { Accept: "text/event-stream" };
    if (this.#lastEventId) headers["Last-Event-ID"] = this.#lastEventId;
    if (this.#person) headers["X-Bookgate-Person"] = this.#person; // somebody else's events are not told to this page
    const init = { headers, cache: /** @type {const} */ ("no-store"), signal: this.#stop.signal };
    const response = await this.#requests.send(await replayable(this.#path, init, this.#requests.gateway), this.#person);
    if (response.status === 204) return this.close(); // the server's way to say: do not come back
    const type = response.headers.get("Content-Type") ?? "";
    if (response.status !== 200 || !/^text\/event-stream\b/i.test(type) || !response.body) throw await refusal(response);
    this.readyState = 1;
    this.#failures = 0;
    this.dispatchEvent(new Event("open"));
    await this.#read(response.body.pipeThrough(new TextDecoderStream()).getReader());
  }

  /** @param {ReadableStreamDefaultReader<string>} reader */
  async #read(reader) {
    let text = "";
    /** @type {string[]} */
    let block = [];
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return; // a block without its empty line is thrown away
      const lines = (text + value).split(/\r\n|\n|\r(?!$)/); // a CR at the very end may be half of CRLF
      text = lines.pop() ?? "";
      for (const line of lines) {
        if (line !== "") block.push(line);
        else this.#dispatch(block.splice(0));
      }
    }
  }

  /** @param {string[]} block the lines up to an empty one */
  #dispatch(block) {
    const data = [];
    let type = "message";
    for (const line of block) {
      const [, name, value] = /** @type {RegExpExecArray} */ (/^([^:]*)(?::[ ]?(.*))?$/.exec(line));
      if (name === "data") data.push(value ?? "");
      else if (name === "event") type = value || "message";
      else if (name === "id" && !value?.includes("\0")) this.#lastEventId = value ?? "";
      else if (name === "retry" && /^\d+$/.test(value ?? "")) this.#pause = Number(value);
    }
    if (data.length === 0) return;
    const origin = new URL(this.#requests.gateway).origin;
    this.dispatchEvent(new MessageEvent(type, { data: data.join("\n"), lastEventId: this.#lastEventId, origin }));
  }

  /** @param {BookgateError} error */
  #fail(error) {
    this.close();
    this.dispatchEvent(Object.assign(new Event("error"), { error }));
  }
}

/** Is it worth to come back? @param {BookgateError} error */
const passes = (error) => error.status === 0 || error.status === 429 || error.status >= 500;
