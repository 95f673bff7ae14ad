// A certified OpenID provider (npm oidc-provider) with one page that asks for a name.
// node server.mjs '{"client_id", "client_secret", "redirect_uris", "post_logout_redirect_uris", "access_token_seconds", ...}' ['{"address", "host", "certificate", "key", "headers"}']
// With the second: over TLS, on that address, under that name, those headers on every answer. It
// prints one line, "ready ISSUER", and serves until it is ended, or whoever started it is gone.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { exportJWK, generateKeyPair } from 'jose';
import Provider, { interactionPolicy } from 'oidc-provider';

const { access_token_seconds = 3600, ...client } = JSON.parse(process.argv[2]);
const own = process.argv[3] === undefined ? null : JSON.parse(process.argv[3]);

const { privateKey } = await generateKeyPair('RS256', { extractable: true });
const policy = interactionPolicy.base();
policy.add(new interactionPolicy.Prompt({ name: 'select_account', requestable: true }), 0);
const wanted = (params) => params.acr_values?.split(' ')[0];
policy.get('login').checks.add(new interactionPolicy.Check('stronger', 'another way is asked for', 'login_required', ({ oidc }) =>
  wanted(oidc.params) !== undefined && oidc.session.acr !== wanted(oidc.params)));

const server = own === null ? createServer() : createTlsServer({ cert: readFileSync(own.certificate), key: readFileSync(own.key) });
await new Promise((resolve) => server.listen(0, own?.address ?? '127.0.0.1', resolve));
const issuer = `${own === null ? 'http://127.0.0.1' : `https://${own.host}`}:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: [{ token_endpoint_auth_method: 'client_secret_basic', ...client }],
  jwks: { keys: [{ ...(await exportJWK(privateKey)), kid: 'independent', alg: 'RS256', use: 'sig' }] },
  cookies: { keys: [randomBytes(32).toString('hex')] },
  features: {
    devInteractions: { enabled: false },
    backchannelLogout: { enabled: true },
    revocation: { enabled: true },
  },
  ttl: { AccessToken: access_token_seconds },
  rotateRefreshToken: true, // each is good once, and whoever comes with a used one ends the whole grant
  // its own would refuse every address of this machine, where the tests are
  fetch: (url, { dispatcher, ...options }) => fetch(url, options),
  acrValues: ['mfa'],
  pkce: { required: () => true },
  claims: {
    openid: ['sub'],
    profile: ['name', 'preferred_username', 'groups'],
    email: ['email', 'email_verified'],
  },
  findAccount: (_context, id) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      name: id,
      preferred_username: id.toLowerCase(),
      groups: ['readers'],
      email: `${encodeURIComponent(id.toLowerCase())}@example.edu`,
      email_verified: true,
    }),
  }),
  async loadExistingGrant({ oidc }) {
    const grant = new oidc.provider.Grant({
      clientId: oidc.client.clientId,
      accountId: oidc.session.accountId,
    });
    grant.addOIDCScope('openid profile email offline_access');
    await grant.save();
    return grant;
  },
  interactions: { policy, url: (_context, interaction) => `/interaction/${interaction.uid}` },
});

const PAGE = `<!doctype html><html lang="en"><title>Independent provider</title>
<h1>Who are you?</h1><form method="post"><label>Name <input name="name" autofocus></label>
<button id="continue">Continue</button> <button name="cancel" value="1">Cancel</button></form></html>`;

async function interact(request, response) {
  const { params } = await provider.interactionDetails(request, response); // throws where no interaction waits
  if (request.method !== 'POST') {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(PAGE);
    return;
  }
  let body = '';
  for await (const chunk of request) body += chunk;
  const form = new URLSearchParams(body);
  const result = form.has('cancel')
    ? { error: 'access_denied', error_description: 'the person said no' }
    : { login: { accountId: form.get('name'), remember: true, acr: wanted(params) }, select_account: {}, consent: {} };
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

const asked = {}; // by grant_type, refused ones too; GET /asked tells
const count = ({ oidc }) => { asked[oidc.params.grant_type] = (asked[oidc.params.grant_type] ?? 0) + 1; };
provider.on('grant.success', count);
provider.on('grant.error', count);

const protocol = provider.callback();
server.on('request', (request, response) => {
  for (const [name, value] of Object.entries(own?.headers ?? {})) response.setHeader(name, value);
  if (request.url === '/asked') {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(asked));
    return;
  }
  if (!request.url.startsWith('/interaction/')) {
    protocol(request, response);
    return;
  }
  interact(request, response).catch((error) => response.writeHead(400).end(String(error)));
});
process.stdin.on('end', () => process.exit()).resume();
console.log(`ready ${issuer}`);
