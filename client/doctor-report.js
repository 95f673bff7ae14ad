/** Findings in words: the report as data, and as text for a mail. */

/** @typedef {import("./doctor-findings.js").Finding} Finding */
/** @typedef {import("./doctor-facts.js").Place} Place */

/**
 * @typedef {object} Said a finding in the reader's language
 * @property {string} code stable
 * @property {"ok" | "note" | "problem"} level
 * @property {string} sentence
 * @property {string | null} todo what would help
 * @property {"reader" | "author" | "ops" | null} who has to do it
 * @property {string | null} paste a line to copy
 */

/**
 * @typedef {object} Report
 * @property {string} made ISO 8601
 * @property {string} gateway
 * @property {string} page without query and fragment
 * @property {string} browser
 * @property {string} link the gateway's own page about this book
 * @property {number} problems
 * @property {Said[]} findings
 */

/**
 * A language: sentences by code, and the words of the dialog.
 * @typedef {object} Words
 * @property {Record<string, (values: Record<string, string | number>) => [string, string?]>} findings sentence, and what would help
 * @property {Record<string, (values: Record<string, string | number>) => string>} ui
 * @property {string} language
 */

/** @param {Finding[]} findings @param {Place} place @param {Words} words @returns {Report} */
export function report(findings, { gateway, returnPage }, words) {
  const query = new URLSearchParams({ origin: location.origin, path: returnPage.pathname });
  return {
    made: new Date().toISOString(),
    gateway,
    page: location.origin + location.pathname,
    browser: navigator.userAgent,
    link: `${gateway}/auth/doctor?${query}`,
    problems: findings.filter(({ level }) => level === "problem").length,
    findings: findings.map((finding) => said(finding, words)),
  };
}

/** @param {Finding} finding @param {Words} words @returns {Said} */
export function said({ code, level, who, values, paste }, { findings }) {
  const [sentence, todo = null] = findings[code](values);
  return { code, level, sentence, todo, who, paste };
}

/** The report as text; nothing in it is secret. @param {Report} report @param {Words} words */
export function asText({ made, gateway, page, browser, link, findings }, { ui }) {
  const head = [`${ui.book({})}: ${page}`, `${ui.gateway({})}: ${gateway}`, `${ui.browser({})}: ${browser}`, `${ui.made({})}: ${made}`, link];
  const lines = findings.map(({ code, level, sentence, todo, who, paste }) => {
    const more = [todo && `  ${who ? `${ui[who]({})}: ` : ""}${todo}`, paste && `  ${paste}`].filter(Boolean);
    return [`[${ui[level]({})}] ${sentence} (${code})`, ...more].join("\n");
  });
  return [...head, "", ...lines, ""].join("\n");
}
