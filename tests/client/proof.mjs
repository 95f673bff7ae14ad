/** Prints what the client makes, for the verifiers of the gateway: a DPoP proof with its facts, and a PKCE pair. */

import { generateKey, makeProof } from "../../client/dpop.js";
import { makeSecrets } from "../../client/pkce.js";

const [method, url, now, nonce, accessToken] = process.argv.slice(2);
const key = await generateKey();
const proof = await makeProof(key, { method, url, now: Number(now), nonce, accessToken });
console.log(JSON.stringify({ proof, jkt: key.jkt, ...(await makeSecrets()) }));
