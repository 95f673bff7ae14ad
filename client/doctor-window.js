/** Tries a sign-in window without a sign-in: does it open, and by which way does its answer come back? */

import { randomId } from "./base64url.js";
import { note } from "./doctor-findings.js";

/** @typedef {import("./doctor-findings.js").Finding} Finding */

const PATIENCE = 30_000; // ms; on a book that is not trusted the reader clicks once more in the window

/**
 * Must be called in the task of the reader's click.
 * @param {import("./doctor-facts.js").Place} place @returns {Promise<Finding>}
 */
export async function tryWindow({ gateway, returnPage }) {
  const mark = randomId(12);
  const query = new URLSearchParams({ origin: location.origin, return: returnPage.href, mark });
  const popup = window.open(`${gateway}/auth/doctor/window?${query}`, "_blank", "popup,width=480,height=560");
  if (popup === null) return note("window_blocked", "reader");
  const code = await heard(gateway, popup, mark);
  if (code === "window_works") popup.close();
  return code === "window_silent" ? note(code, "author") : { ...note(code, null), level: "ok" };
}

/**
 * @param {string} gateway @param {Window} popup @param {string} mark
 * @returns {Promise<"window_works" | "window_by_return_page" | "window_silent">}
 */
function heard(gateway, popup, mark) {
  const channel = new BroadcastChannel("bookgate-return"); // where the return page says what it received
  const stop = new AbortController();
  return new Promise((resolve) => {
    const done = (/** @type {"window_works" | "window_by_return_page" | "window_silent"} */ code) => {
      stop.abort();
      setTimeout(() => channel.close(), 1000); // after the receipt is out
      resolve(code);
    };
    const listen = (/** @type {MessageEvent} */ { origin, source, data }) => {
      if (origin === gateway && source === popup && data?.bookgate === "doctor" && data.mark === mark) done("window_works");
    };
    addEventListener("message", listen, { signal: stop.signal });
    channel.onmessage = ({ data }) => {
      if (new URLSearchParams(String(data?.answer)).get("state") !== mark) return;
      channel.postMessage({ taken: mark });
      done("window_by_return_page");
    };
    setTimeout(() => done("window_silent"), PATIENCE);
  });
}
