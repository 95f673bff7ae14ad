/** What a book makes before it asks for a code: state, and verifier with challenge (RFC 7636, S256). */

import { randomId, sha256 } from "./base64url.js";

/**
 * @typedef {object} Secrets
 * @property {string} state
 * @property {string} verifier
 * @property {string} challenge
 */

/** @returns {Promise<Secrets>} */
export async function makeSecrets() {
  const verifier = randomId();
  return { state: randomId(), verifier, challenge: await sha256(verifier) };
}
