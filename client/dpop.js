/** The book's key and its proofs of possession (RFC 9449): P-256, never exportable. */

import { base64url, base64urlText, randomId, sha256 } from "./base64url.js";

/**
 * @typedef {object} ProofKey
 * @property {CryptoKey} privateKey
 * @property {{kty: string, crv: string, x: string, y: string}} jwk
 * @property {string} jkt RFC 7638 thumbprint
 */

/** @returns {Promise<ProofKey>} */
export async function generateKey() {
  const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"]);
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", pair.publicKey);
  const jwk = { kty: String(kty), crv: String(crv), x: String(x), y: String(y) };
  return { privateKey: pair.privateKey, jwk, jkt: await thumbprint(jwk) };
}

/** @param {{kty: string, crv: string, x: string, y: string}} jwk @returns {Promise<string>} */
export const thumbprint = ({ kty, crv, x, y }) => sha256(JSON.stringify({ crv, kty, x, y }));

/**
 * A proof for one request.
 * @param {ProofKey} key
 * @param {{method: string, url: string, now: number, nonce?: string | null, accessToken?: string | null}} request
 *   now: the gateway's time in seconds
 * @returns {Promise<string>}
 */
export async function makeProof(key, { method, url, now, nonce, accessToken }) {
  const { origin, pathname } = new URL(url);
  const claims = { jti: randomId(16), htm: method, htu: origin + pathname, iat: Math.floor(now) };
  if (nonce) Object.assign(claims, { nonce });
  if (accessToken) Object.assign(claims, { ath: await sha256(accessToken) });
  const head = { typ: "dpop+jwt", alg: "ES256", jwk: key.jwk };
  const signed = `${base64urlText(JSON.stringify(head))}.${base64urlText(JSON.stringify(claims))}`;
  const bytes = new TextEncoder().encode(signed);
  const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key.privateKey, bytes);
  return `${signed}.${base64url(signature)}`;
}
