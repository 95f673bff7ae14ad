/** What the browser says when it is asked: requests to the gateway and to the book's own pages, storage, permissions. */

import { openBook } from "./book.js";
import { missingHash, policiesOf } from "./doctor-content-policy.js";

/** @typedef {{gateway: string, returnPage: URL}} Place */

/**
 * One answer, or that there was none: a fetch does not say why.
 * @typedef {object} Heard
 * @property {boolean} answered
 * @property {number} [status]
 * @property {string} [type] Content-Type without parameters
 * @property {string} [url] where it came from after redirects
 * @property {string} [text]
 * @property {any} [json] null: the text is none
 * @property {Headers} [headers]
 * @property {number} [sent] Unix seconds, both
 * @property {number} [received]
 */

/**
 * @typedef {object} Facts
 * @property {string} gateway origin
 * @property {string} origin of the page
 * @property {string} page without query and fragment
 * @property {string} returnPage
 * @property {string} script where this code came from
 * @property {string} agent
 * @property {boolean} secure
 * @property {boolean} online
 * @property {"none" | "same" | "foreign"} frame
 * @property {boolean} cookies
 * @property {"cookie" | "dpop" | null} mode
 * @property {Heard} about
 * @property {boolean | null} opaque did a request that may not be read get any answer? null: it was not needed
 * @property {Heard} session
 * @property {Heard} write
 * @property {Heard | null} read only where the write failed
 * @property {Heard} entry `/bookgate.js`
 * @property {Heard} own this page
 * @property {Heard} returned the return page
 * @property {Heard | null} original the gateway's copy of it
 * @property {string[]} blocked directives of the page's Content-Security-Policy that stopped a request to the gateway
 * @property {string | null} returnHash what the return page's script would need in the policy that it comes with; null: it runs
 * @property {string | null} opener Cross-Origin-Opener-Policy of this page
 * @property {{works: boolean, persisted: boolean | null, free: number | null, tab: boolean}} storage free: bytes
 * @property {"granted" | "prompt" | "denied" | null} localNetwork
 * @property {string | null} worker
 */

const PATIENCE = 10_000; // ms
const UNKNOWN = "/bookgate-doctor"; // no service has it: a 404 that can be read shows that a write would arrive
/** What the client sends with a write, in the values that mean nothing. */
const HEADERS = { "Content-Type": "application/json", "Idempotency-Key": "doctor", "If-None-Match": "*", "X-Bookgate-Book": "doctor", "X-Bookgate-Person": "doctor" };

/** The return page that the client uses. @param {string | URL} [given] */
export function returnAddress(given) {
  const link = /** @type {HTMLLinkElement | null} */ (document.querySelector('link[rel="bookgate-return"]'));
  return new URL(given ?? link?.href ?? "bookgate-return.html", document.baseURI);
}

/** @param {Place} place @returns {Promise<Facts>} */
export async function gather({ gateway, returnPage }) {
  const policy = watchPolicy(gateway);
  const page = location.origin + location.pathname;
  const plain = { credentials: /** @type {const} */ ("omit") };
  const withCookie = { credentials: /** @type {const} */ ("include") };
  const [about, session, write, entry, own, returned, storage, localNetwork, mode] = await Promise.all([
    ask(`${gateway}/.well-known/bookgate`, plain),
    ask(`${gateway}/auth/session`, withCookie),
    ask(gateway + UNKNOWN, { ...withCookie, method: "PUT", headers: HEADERS, body: "{}" }),
    ask(`${gateway}/bookgate.js`, plain),
    ownPage(),
    ask(returnPage.href, {}),
    askStorage(),
    askLocalNetwork(gateway),
    openBook({ gateway, returnPage }).then((book) => book.mode, () => null), // a browser that refuses all storage has no book
  ]);
  const edition = editionOf(entry.text ?? "");
  const original = edition === null ? null : await ask(`${gateway}/client/${edition}/bookgate-return.html`, plain);
  const read = write.answered ? null : await ask(gateway + UNKNOWN, { ...withCookie, headers: { "X-Bookgate-Book": "doctor" } });
  const opaque = about.json ? null : await answersAtAll(`${gateway}/.well-known/bookgate`);
  return {
    gateway, page, about, session, write, read, entry, own, returned, original, opaque, storage, localNetwork, mode,
    origin: location.origin,
    returnPage: returnPage.href,
    script: import.meta.url,
    agent: navigator.userAgent,
    secure: isSecureContext,
    online: navigator.onLine,
    frame: frame(),
    cookies: navigator.cookieEnabled,
    blocked: policy.stop(),
    returnHash: await missingHash(returned.text ?? "", policiesOf(returned.headers ?? null)),
    opener: own.headers?.get("Cross-Origin-Opener-Policy")?.split(";")[0].trim() ?? null,
    worker: navigator.serviceWorker?.controller?.scriptURL ?? null,
  };
}

/** The edition in the one line of `/bookgate.js`. @param {string} entry */
export const editionOf = (entry) => /\/client\/([A-Za-z0-9.-]+)\/bookgate\.js/.exec(entry)?.[1] ?? null;

/** @param {string} url @param {RequestInit} init @returns {Promise<Heard>} */
async function ask(url, init) {
  const sent = Date.now() / 1000;
  try {
    const response = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE), ...init });
    const text = await response.text();
    const type = (response.headers.get("Content-Type") ?? "").split(";")[0].trim().toLowerCase();
    const received = Date.now() / 1000;
    return { answered: true, status: response.status, type, url: response.url, text, json: parsed(text), headers: response.headers, sent, received };
  } catch {
    return { answered: false };
  }
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Is there anything at this address, though we may not read it? @param {string} url */
async function answersAtAll(url) {
  try {
    await fetch(url, { mode: "no-cors", credentials: "omit", cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
    return true;
  } catch {
    return false;
  }
}

/** The headers that this page came with; a server that knows no HEAD is asked again by GET. */
async function ownPage() {
  const address = location.pathname + location.search;
  const head = await ask(address, { method: "HEAD" });
  return head.answered && (head.status ?? 500) < 400 ? head : ask(address, {});
}

/** @param {string} gateway */
function watchPolicy(gateway) {
  /** @type {Set<string>} */
  const blocked = new Set();
  const heard = (/** @type {SecurityPolicyViolationEvent} */ event) => {
    if (event.disposition === "enforce" && event.blockedURI.startsWith(gateway)) blocked.add(event.effectiveDirective);
  };
  document.addEventListener("securitypolicyviolation", heard);
  return {
    stop() {
      document.removeEventListener("securitypolicyviolation", heard);
      return [...blocked];
    },
  };
}

/** @returns {Facts["frame"]} */
function frame() {
  if (window.top === window) return "none";
  try {
    return window.top?.location.origin === location.origin ? "same" : "foreign";
  } catch {
    return "foreign";
  }
}

/** @returns {Promise<Facts["storage"]>} */
async function askStorage() {
  const persisted = (await navigator.storage?.persisted?.().catch(() => null)) ?? null;
  const estimate = await navigator.storage?.estimate?.().catch(() => null);
  const free = estimate?.quota === undefined ? null : estimate.quota - (estimate.usage ?? 0);
  return { works: await keeps(), persisted, free, tab: keepsInTab() };
}

/** Writes a value into a database of our own, reads it back, and takes the database away again. @returns {Promise<boolean>} */
function keeps() {
  return new Promise((resolve) => {
    try {
      const name = "bookgate-doctor";
      const request = indexedDB.open(name);
      request.onerror = request.onblocked = () => resolve(false);
      request.onupgradeneeded = () => request.result.createObjectStore("tried").put("kept", "key");
      request.onsuccess = () => {
        const read = request.result.transaction("tried").objectStore("tried").get("key");
        const done = () => {
          request.result.close();
          indexedDB.deleteDatabase(name);
          resolve(read.result === "kept");
        };
        read.onsuccess = read.onerror = done;
      };
    } catch {
      resolve(false); // the browser refuses the very name `indexedDB`
    }
  });
}

function keepsInTab() {
  try {
    sessionStorage.setItem("bookgate.doctor", "kept");
    sessionStorage.removeItem("bookgate.doctor");
    return true;
  } catch {
    return false;
  }
}

/**
 * Chromium asks before a public page reaches a private address (Local Network Access: one permission in 142, two from 145 on).
 * @param {string} gateway @returns {Promise<Facts["localNetwork"]>}
 */
async function askLocalNetwork(gateway) {
  const finer = /^https?:\/\/(localhost|127\.|\[::1\])/.test(gateway) ? "loopback-network" : "local-network";
  for (const name of [finer, "local-network-access"]) {
    try {
      const { state } = await navigator.permissions.query({ name: /** @type {PermissionName} */ (name) });
      return state;
    } catch {
      continue; // the browser does not know it
    }
  }
  return null;
}
