/** `bookgate.doctor()`: what works in this browser for this book, told to its author. It sends nothing but what it asks. */

import { showReport } from "./doctor-dialog.js";
import { gather, returnAddress } from "./doctor-facts.js";
import { findingsOf } from "./doctor-findings.js";
import { report } from "./doctor-report.js";

/** @typedef {import("./doctor-report.js").Report} Report */
/** @typedef {{gateway: string, returnPage?: string | URL, language?: string, show?: boolean}} Options */

/**
 * Looks, shows what it found, and returns the same as data. Not a word of it leaves the browser.
 * @param {Options} options gateway: whose book this is; returnPage: as for `connect`; language: default the page's, else the
 *   reader's; show: false for the data alone
 * @returns {Promise<Report>}
 */
export async function examine({ gateway, returnPage, language, show = true }) {
  const place = { gateway: new URL(gateway, document.baseURI).origin, returnPage: returnAddress(returnPage) };
  const words = await import(`./texts/doctor-${speaks(language)}.js`);
  const look = async () => report(await gather(place).then(findingsOf), place, words);
  const first = await look();
  if (show) showReport(first, look, place, words);
  return first;
}

/** The first language of ours that the page or its reader speaks. @param {string} [asked] */
function speaks(asked) {
  const wanted = [asked, document.documentElement.lang, ...navigator.languages];
  return wanted.map((tag) => (tag ?? "").toLowerCase().split("-")[0]).find((tag) => tag === "de" || tag === "en") ?? "en";
}
