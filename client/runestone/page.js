/** One page of a Runestone or PreTeXt book: opens the book at the gateway, answers the page's calls, follows who reads. */

import { connect } from "../bookgate.js";
import { Answers } from "./answers.js";
import { showSignIn } from "./navigation.js";
import { quiet } from "./quiet.js";

/** @typedef {import("../book.js").Book} Book */
/** @typedef {{method: string, path: string, body: string}} Call path: with its query; body: as it was sent, "" for none */
/** @typedef {{status: number, text: string}} Answer text: JSON */

/**
 * @typedef {object} Reader what the first part of the script keeps, because the page needs it at once
 * @property {string | null} person whose answers the page shows
 * @property {(person: string | null) => void} remember
 * @property {(person: string | null) => void} forget
 * @property {() => URL} root the book's folder
 * @property {number} completion of this page: 1 when it is marked as completed
 */

/** @typedef {{answer(call: Call): Promise<Answer>}} Page */

/** @param {Reader} reader @returns {Promise<Page>} once the gateway said who is signed in, or could not be reached */
export async function openPage(reader) {
  if (document.readyState === "loading") await new Promise((ready) => document.addEventListener("DOMContentLoaded", ready));
  showSignIn(document);
  const book = await connect({ returnPage: returnPage(reader.root()) });
  reader.person = book.user?.sub ?? null;
  reader.remember(reader.person);
  const answers = new Answers(book, reader);
  follow(book, reader, answers);
  return {
    async answer(call) {
      return answers.for(call) ?? quiet(call);
    },
  };
}

/** Where a full-page sign-in comes back to: what the author says, else where the two tools put such a file. @param {URL} root */
function returnPage(root) {
  const link = /** @type {HTMLLinkElement | null} */ (document.querySelector('link[rel="bookgate-return"]'));
  const external = document.body.classList.contains("pretext") ? "external/" : "";
  return link?.href ?? new URL(`${external}bookgate-return.html`, root);
}

/**
 * Another reader means another page: components read what they show once, so the page is loaded again. A session that only
 * ends leaves the page as it is; what is done from then on waits in the outbox.
 * @param {Book} book @param {Reader} reader @param {Answers} answers
 */
function follow(book, reader, answers) {
  let { unclaimed } = book.status;
  let signingIn = false;
  book.addEventListener("change", () => {
    const person = book.user?.sub ?? null;
    if (book.signingIn && !signingIn) answers.keepPrograms();
    signingIn = book.signingIn;
    const claimed = unclaimed > 0 && book.status.unclaimed === 0;
    unclaimed = book.status.unclaimed;
    if (person === null) return reader.remember(null);
    if (person !== reader.person) return void become(person);
    reader.remember(person);
    if (claimed) again(null);
  });
  book.addEventListener("leaving", () => answers.keepPrograms());
  book.addEventListener("signedout", () => {
    const left = reader.person;
    reader.person = null;
    reader.remember(null);
    again(left);
  });

  /** @param {string} person */
  function become(person) {
    const before = reader.person;
    reader.person = person;
    reader.remember(person);
    if (before === null && book.user?.guest) return; // a guest begins with the answer that is being saved
    again(before);
  }

  /** @param {string | null} before whose answers do not stay in this browser */
  function again(before) {
    if (before !== null || book.status.unclaimed === 0) reader.forget(before);
    if (examRuns()) return; // leaving it would end it
    void answers.settled().then(() => location.reload());
  }
}

/** @returns {boolean} */
function examRuns() {
  const components = Object.values(/** @type {any} */ (globalThis).componentMap ?? {});
  return components.some((/** @type {any} */ one) => one?.running === 1 && !one.done);
}
