/**
 * For books that carry a copy of this folder: the gateway's own client where it answers, else the copy.
 *
 *     <meta name="bookgate-gateway" content="https://gateway.example">
 *     <script type="module" src="bookgate/bookgate-local.js"></script>
 *
 * With the copy the book is whole without the gateway: work is kept on the device and goes out when the gateway is back.
 */

/** @typedef {typeof import("./bookgate.js")} Client */

const PATIENCE = 4000; // ms; the reader waits for it
const meta = /** @type {HTMLMetaElement | null} */ (document.querySelector('meta[name="bookgate-gateway"]'));

/** Asked first, because an import cannot be given up: a late one would be a second client in the page. @param {string} address */
async function answers(address) {
  const response = await fetch(address, { signal: AbortSignal.timeout(PATIENCE) }).catch(() => null);
  return response?.ok === true && /javascript/.test(response.headers.get("Content-Type") ?? ""); // not a hotel's page
}

const theirs = meta && new URL("/bookgate.js", meta.content).href;
const copy = new URL("bookgate.js", import.meta.url).href;

/** @type {Client} */
const client = theirs && (await answers(theirs)) ? await import(theirs).catch(() => import(copy)) : await import(copy);

export const { connect, doctor, BookgateError } = client;
