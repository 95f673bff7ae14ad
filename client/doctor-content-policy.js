/** What a Content-Security-Policy allows, as far as books need to know it (CSP Level 3, sections 2.2 and 6.8). */

/** The policies that an answer carries; fetch joins its header lines by commas. @param {Headers | null} headers */
export function policiesOf(headers) {
  const lines = headers?.get("Content-Security-Policy") ?? "";
  return lines.split(",").map((policy) => policy.trim()).filter((policy) => policy !== "");
}

/**
 * The sources of a directive; the first of its name counts, and its fallbacks stand in for it.
 * @param {string} policy @param {string[]} names the directive and its fallbacks @returns {string[] | null} null: anything goes
 */
export function sources(policy, names) {
  /** @type {Map<string, string[]>} */
  const directives = new Map();
  for (const directive of policy.split(";")) {
    const [name = "", ...values] = directive.trim().split(/\s+/);
    if (!directives.has(name.toLowerCase())) directives.set(name.toLowerCase(), values);
  }
  const name = names.find((one) => directives.has(one));
  return name === undefined ? null : (directives.get(name) ?? null);
}

/**
 * The hash that lets a page's one inline script run, where a policy of the page stops it.
 * @param {string} html @param {string[]} policies @returns {Promise<string | null>} null: it runs
 */
export async function missingHash(html, policies) {
  const script = /<script>([\s\S]*?)<\/script>/.exec(html)?.[1];
  if (script === undefined || policies.length === 0) return null;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(script)));
  const hash = `'sha256-${btoa(String.fromCharCode(...digest))}'`;
  return policies.every((policy) => runs(policy, hash)) ? null : hash;
}

/** @param {string} policy @param {string} hash */
function runs(policy, hash) {
  const allowed = sources(policy, ["script-src-elem", "script-src", "default-src"]);
  if (allowed === null || allowed.includes(hash)) return true;
  // beside a hash or a nonce, 'unsafe-inline' counts for nothing
  return allowed.includes("'unsafe-inline'") && !allowed.some((source) => /^'(sha\d|nonce-|strict-dynamic)/.test(source));
}
