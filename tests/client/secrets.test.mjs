import assert from "node:assert/strict";
import { test } from "node:test";
import { base64url, base64urlText, randomId, sha256 } from "../../client/base64url.js";
import { generateKey, thumbprint } from "../../client/dpop.js";
import { uuid7 } from "../../client/event-log.js";
import { makeSecrets } from "../../client/pkce.js";

test("base64url is that of RFC 4648, without padding", () => {
  assert.equal(base64url(new Uint8Array([0xfb, 0xff, 0xbf])), "-_-_");
  assert.equal(base64url(new Uint8Array([1])), "AQ");
  assert.equal(base64urlText("é"), "w6k");
});

test("the challenge is the one of RFC 7636, appendix B", async () => {
  assert.equal(await sha256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
});

test("state and verifier are 256 bits, and fresh each time", async () => {
  const [one, two] = [await makeSecrets(), await makeSecrets()];
  for (const { state, verifier, challenge } of [one, two]) {
    assert.match(state, /^[\w-]{43}$/);
    assert.match(verifier, /^[\w-]{43}$/);
    assert.equal(challenge, await sha256(verifier));
  }
  assert.equal(new Set([one.state, one.verifier, two.state, two.verifier]).size, 4);
  assert.notEqual(randomId(), randomId());
});

test("the thumbprint is the one of RFC 7638 over the required members, in order", async () => {
  const { jwk, jkt } = await generateKey();
  assert.equal(jkt, await thumbprint({ y: jwk.y, x: jwk.x, kty: jwk.kty, crv: jwk.crv }));
});

test("the private key cannot be exported", async () => {
  const { privateKey } = await generateKey();
  assert.equal(privateKey.extractable, false);
  await assert.rejects(crypto.subtle.exportKey("jwk", privateKey), { name: "InvalidAccessError" });
});

test("event ids are UUIDs of version 7 that sort by time", () => {
  const [early, late] = [uuid7(1_700_000_000_000), uuid7(1_700_000_000_001)];
  assert.match(early, /^018bcfe5-6800-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.ok(early < late);
});
