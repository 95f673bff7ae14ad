/** As much of a browser's page as the client needs, for tests under Node: one popup at a time, other tabs by channel. */

import { setMaxListeners } from "node:events";
import { TabStorage } from "./scripted-gateway.mjs";

/** @type {Set<Channel>} */
const channels = new Set();

class Channel {
  onmessage = null;
  constructor(name) {
    this.name = name;
    channels.add(this);
  }
  postMessage(data) {
    for (const other of channels) if (other !== this && other.name === this.name) queueMicrotask(() => other.onmessage?.({ data }));
  }
  close() {
    channels.delete(this);
  }
}

export class Popup {
  closed = false;
  /** @param {string} url */
  constructor(url) {
    this.url = new URL(url);
    this.location = { replace: (to) => void (this.url = new URL(to)) };
  }
  focus() {}
  close() {
    this.closed = true;
  }
  /** The gateway's page answers. @param {Record<string, string>} fields */
  answer(fields) {
    const data = { state: this.url.searchParams.get("state"), iss: this.url.origin, ...fields };
    window.dispatchEvent(Object.assign(new Event("message"), { data, origin: this.url.origin, source: this }));
  }
}

/** @type {Popup[]} */
export const popups = [];
export const agent = { userAgent: "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0 Safari/537.36" };

const page = new EventTarget();
const document = new EventTarget();
setMaxListeners(0, page, document);
const { setTimeout: after } = globalThis;

/** What is still waited for when the tests are over keeps nobody. */
function patient(act, milliseconds) {
  const timer = after(act, milliseconds);
  return milliseconds > 5000 ? timer.unref() : timer;
}

const globals = {
  window: globalThis,
  top: globalThis,
  location: { origin: "https://book.test", href: "https://book.test/cs1/1.html", pathname: "/cs1/1.html", assign: (to) => void (globalThis.wentTo = to) },
  document: Object.assign(document, { readyState: "interactive", baseURI: "https://book.test/cs1/1.html", visibilityState: "visible" }),
  sessionStorage: new TabStorage(),
  matchMedia: () => ({ matches: false }),
  BroadcastChannel: Channel,
  addEventListener: page.addEventListener.bind(page),
  removeEventListener: page.removeEventListener.bind(page),
  dispatchEvent: page.dispatchEvent.bind(page),
  setTimeout: patient,
  screenX: 0,
  screenY: 0,
  outerWidth: 1200,
  outerHeight: 900,
  open: (url) => {
    const popup = new Popup(url);
    popups.push(popup);
    return popup;
  },
};
for (const [name, value] of Object.entries(globals)) Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
Object.defineProperty(navigator, "userAgent", { get: () => agent.userAgent, configurable: true });

/** The window of a click, once it is at the gateway. @param {number} [index] @returns {Promise<Popup>} */
export async function popup(index = 0) {
  await until(() => popups[index]?.url.searchParams.has("state"));
  return popups[index];
}

/** Until something is so. @param {() => unknown} condition */
export async function until(condition) {
  for (let turn = 0; turn < 400; turn++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`still not so: ${condition}`);
}
