/** Base64url without padding (RFC 4648 section 5), and what is made with it: random ids and hashes. */

/** @param {ArrayBuffer | Uint8Array} data @returns {string} */
export function base64url(data) {
  const text = String.fromCharCode(...new Uint8Array(data));
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** @param {string} text @returns {string} Base64url of the text's UTF-8. */
export const base64urlText = (text) => base64url(new TextEncoder().encode(text));

/** @param {number} [bytes] @returns {string} */
export const randomId = (bytes = 32) => base64url(crypto.getRandomValues(new Uint8Array(bytes)));

/** @param {string} text @returns {Promise<string>} Base64url of SHA-256. */
export const sha256 = async (text) => base64url(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
