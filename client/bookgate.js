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

/** @typedef {import("./book.js").Book} Book */
/** @typedef {import("./book.js").Status} Status */

/** @param {string} name @returns {string | undefined} what the page says in `<meta name="bookgate-...">` */
const said = (name) => /** @type {HTMLMetaElement | null} */ (document.querySelector(`meta[name="bookgate-${name}"]`))?.content;

/**
 * The page's book. It resolves when the gateway said who is signed in, or could not be reached.
 * @param {{gateway?: string, returnPage?: string | URL, book?: string}} [options]
 *   gateway: default, what `<meta name="bookgate-gateway">` says, else where this script came from;
 *   returnPage: default, what `<link rel="bookgate-return" href="...">` says, else bookgate-return.html beside the page;
 *   book: which of the origin's books, where it has several: default, what `<meta name="bookgate-book">` says, else what the gateway makes of the page's path
 * @returns {Promise<Book>}
 */
export function connect({ gateway = gatewayOfPage(), returnPage, book = said("book") } = {}) {
  const link = /** @type {HTMLLinkElement | null} */ (document.querySelector('link[rel="bookgate-return"]'));
  return openBook({ gateway, returnPage: returnPage ?? link?.href, book });
}

const gatewayOfPage = () => said("gateway") ?? new URL(import.meta.url).origin;

/**
 * What works in this browser, in plain words; `#bookgate-doctor` at the end of the page's address asks for it too.
 * @param {Partial<import("./doctor.js").Options>} [options] @returns {Promise<import("./doctor-report.js").Report>}
 */
export async function doctor(options) {
  const { examine } = await import("./doctor.js");
  return examine({ gateway: gatewayOfPage(), ...options });
}

const lookForDoctor = () => void (location.hash === "#bookgate-doctor" && doctor());

export { BookgateError };

const elements = document.getElementsByTagName("bookgate-sign-in");
const watcher = new MutationObserver(defineElement);

function defineElement() {
  if (elements.length === 0) return;
  watcher.disconnect();
  void import("./sign-in-element.js").then(({ defineSignIn }) => defineSignIn(connect), () => null); // what stands inside it is shown
}

watcher.observe(document, { childList: true, subtree: true });
defineElement();
Object.assign(globalThis, { bookgate: Object.freeze({ connect, doctor, BookgateError }) });
document.dispatchEvent(new Event("bookgate-ready"));
addEventListener("hashchange", lookForDoctor);
lookForDoctor();
