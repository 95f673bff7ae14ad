/**
 * Bookgate for books: one script tag signs readers in and saves their work.
 *
 *     <script type="module" async src="https://gateway.example/bookgate.js"></script>
 *     <bookgate-sign-in></bookgate-sign-in>
 *
 * Scripts of the page either `import { connect }` from the same address, or wait for the event `bookgate-ready` on the document
 * and use `window.bookgate.connect()`; a book whose gateway cannot be reached never hears it and goes on without.
 */

import { openBook } from "./book.js";
import { BookgateError } from "./errors.js";
import { defineSignIn } from "./sign-in-element.js";

/** @typedef {import("./book.js").Book} Book */
/** @typedef {import("./book.js").Status} Status */

/**
 * The page's book. It resolves when the gateway said who is signed in, or could not be reached.
 * @param {{gateway?: string, returnPage?: string | URL}} [options]
 *   gateway: default, the one this script came from;
 *   returnPage: default, what `<link rel="bookgate-return" href="...">` says, else bookgate-return.html beside the page
 * @returns {Promise<Book>}
 */
export function connect({ gateway = new URL(import.meta.url).origin, returnPage } = {}) {
  const link = /** @type {HTMLLinkElement | null} */ (document.querySelector('link[rel="bookgate-return"]'));
  return openBook({ gateway, returnPage: returnPage ?? link?.href });
}

/**
 * What works in this browser, in plain words.
 * @param {{gateway?: string}} [options] @returns {Promise<import("./doctor.js").Report>}
 */
export async function doctor({ gateway = new URL(import.meta.url).origin } = {}) {
  const { examine } = await import("./doctor.js");
  return examine({ gateway });
}

export { BookgateError };

defineSignIn(connect);
Object.assign(globalThis, { bookgate: Object.freeze({ connect, doctor, BookgateError }) });
document.dispatchEvent(new Event("bookgate-ready"));
