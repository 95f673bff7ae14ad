// A standard OAuth client with DPoP, in the hands of a book on an origin of its own.
//   node client.mjs begin  < {issuer, origin, redirectUri}           -> {url, kept}
//   node client.mjs finish < {issuer, origin, kept, callback, api}   -> {scope of what worked}
import * as oauth from "oauth4webapi";

const given = JSON.parse(await new Response(process.stdin).text());
const client = { client_id: given.origin };
// A browser sends Origin by itself; that is all that is added here.
const fromBook = (url, options) => {
  const headers = new Headers(options.headers);
  headers.set("Origin", given.origin);
  return fetch(url, { ...options, headers });
};
const http = { [oauth.allowInsecureRequests]: true, [oauth.customFetch]: fromBook };
const issuer = new URL(given.issuer);
const discovered = await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...http });
const server = await oauth.processDiscoveryResponse(issuer, discovered);

async function begin() {
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const keys = await oauth.generateKeyPair("ES256", { extractable: true });
  const url = new URL(server.authorization_endpoint);
  const params = {
    client_id: client.client_id,
    redirect_uri: given.redirectUri,
    response_type: "code",
    response_mode: "fragment",
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    dpop_jkt: await oauth.DPoP(client, keys).calculateThumbprint(),
  };
  for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value);
  const [privateKey, publicKey] = await Promise.all(
    [keys.privateKey, keys.publicKey].map((key) => crypto.subtle.exportKey("jwk", key)),
  );
  const kept = { verifier, state, redirectUri: given.redirectUri, privateKey, publicKey };
  return { url: url.href, kept };
}

async function finish() {
  const { verifier, state, redirectUri, privateKey, publicKey } = given.kept;
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  const DPoP = oauth.DPoP(client, {
    privateKey: await crypto.subtle.importKey("jwk", privateKey, algorithm, true, ["sign"]),
    publicKey: await crypto.subtle.importKey("jwk", publicKey, algorithm, true, ["verify"]),
  });
  const answer = new URLSearchParams(new URL(given.callback).hash.slice(1));
  const params = oauth.validateAuthResponse(server, client, answer, state);
  const codeResponse = await oauth.authorizationCodeGrantRequest(
    server, client, oauth.None(), params, redirectUri, verifier, { DPoP, ...http },
  );
  const tokens = await oauth.processAuthorizationCodeResponse(server, client, codeResponse);
  const refreshResponse = await oauth.refreshTokenGrantRequest(
    server, client, oauth.None(), tokens.refresh_token, { DPoP, ...http },
  );
  const refreshed = await oauth.processRefreshTokenResponse(server, client, refreshResponse);
  const statuses = [];
  for (const [token, method] of [[tokens, "PUT"], [refreshed, "GET"]]) {
    const body = method === "PUT" ? "{}" : null;
    const headers = new Headers(body ? { "Content-Type": "application/json" } : {});
    const response = await oauth.protectedResourceRequest(
      token.access_token, method, new URL(given.api), headers, body, { DPoP, ...http },
    );
    statuses.push(response.status);
  }
  return { statuses, tokenType: tokens.token_type, expiresIn: tokens.expires_in };
}

console.log(JSON.stringify(await { begin, finish }[process.argv[2]]()));
