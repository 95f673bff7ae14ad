// The provider that Apache signs people in with: node provider.mjs PORT KEY CERTIFICATE
import { OAuth2Server } from 'oauth2-mock-server';

const [port, key, certificate] = process.argv.slice(2);
const day = 86400;
const claims = {
  sub: 'user-42', email: 'alice@example.com', email_verified: true, name: 'Alice Example',
  preferred_username: 'alice', given_name: 'Alice', family_name: 'Example', groups: ['admins', 'staff', 'billing', 'ops'],
};
const server = new OAuth2Server(key, certificate);
await server.issuer.keys.generate('RS256');
server.service.on('beforeTokenSigning', (token) => {
  Object.assign(token.payload, claims, { exp: Math.floor(Date.now() / 1000) + day });
});
server.service.on('beforeUserinfo', (response) => { response.body = claims; });
server.service.on('beforeResponse', (response) => { if (response.body?.expires_in) response.body.expires_in = day; });
await server.start(Number(port), '127.0.0.1');
server.issuer.url = `https://127.0.0.1:${port}`;
console.log('ready');
