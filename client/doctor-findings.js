/** From what the browser said to what it means: each finding has a stable code. Values in, values out. */

/** @typedef {import("./doctor-facts.js").Facts} Facts */
/** @typedef {"ok" | "note" | "problem"} Level */
/** @typedef {"reader" | "author" | "ops"} Who */
/**
 * @typedef {object} Finding
 * @property {string} code
 * @property {Level} level
 * @property {Who | null} who must do something; null: nobody
 * @property {Record<string, string | number>} values for the sentence
 * @property {string | null} paste a line to copy, as it stands
 */

const LOCAL_HOST = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$|\.localhost$/;
const PRIVATE_HOST = /^(10\.|192\.168\.|169\.254\.|172\.(1[6-9]|2\d|3[01])\.|\[f[cd]|\[fe80)|\.(local|internal|lan|home\.arpa)$|^[^.[\]]+$/;
const IN_APP = /FBAN|FBAV|Instagram|\bLine\/|MicroMessenger|Snapchat|TikTok|musical_ly|LinkedInApp|; wv\)/;
const RETURN_PATH = /^(\/[A-Za-z0-9._~-]+)*\/bookgate-return\.html$/;

/** @param {string} code @param {Finding["values"]} [values] @returns {Finding} */
const ok = (code, values = {}) => ({ code, level: "ok", who: null, values, paste: null });
/** @param {string} code @param {Who | null} who @param {Finding["values"]} [values] @param {string | null} [paste] @returns {Finding} */
export const note = (code, who, values = {}, paste = null) => ({ code, level: "note", who, values, paste });
/** @param {string} code @param {Who} who @param {Finding["values"]} [values] @param {string | null} [paste] @returns {Finding} */
const problem = (code, who, values = {}, paste = null) => ({ code, level: "problem", who, values, paste });

/**
 * All findings, in the order in which somebody would look.
 * @param {Facts} facts @returns {Finding[]}
 */
export function findingsOf(facts) {
  const reached = facts.about.json !== null && facts.about.json !== undefined && typeof facts.about.json.version === "string";
  const granted = reached && ["trusted", "consent"].includes(facts.about.json.status);
  return [
    ...pageOf(facts),
    reached ? ok("gateway_reached") : unreached(facts),
    ...(reached ? localOf(facts) : []),
    ...(reached ? originOf(facts) : []),
    ...(granted ? callsOf(facts) : []),
    ...(reached ? [scriptOf(facts)] : []),
    ...modeOf(facts, granted),
    returnPageOf(facts),
    ...openerOf(facts),
    ...(granted ? [note("window_untried", null)] : []),
    ...storageOf(facts),
    ...clockOf(facts),
    ...(facts.worker ? [note("service_worker", "author", { worker: facts.worker })] : []),
  ];
}

/** @param {Facts} facts @returns {Finding[]} */
function pageOf({ secure, origin, page, agent, frame, online }) {
  const host = hostOf(origin);
  /** @type {Finding[]} */
  const found = [];
  if (origin === "null") found.push(problem("page_without_origin", "author"));
  else if (!secure || (origin.startsWith("http:") && !LOCAL_HOST.test(host))) found.push(problem("page_insecure", "author", { page }));
  else found.push(LOCAL_HOST.test(host) ? note("page_local", null) : ok("page_secure"));
  if (frame === "foreign") found.push(note("page_framed", "author"));
  if (IN_APP.test(agent)) found.push(problem("in_app_browser", "reader"));
  if (!online) found.push(problem("offline", "reader"));
  return found;
}

/**
 * The gateway said nothing of its own. A fetch that fails does not say why; what else was tried tells some causes apart.
 * @param {Facts} facts @returns {Finding}
 */
function unreached({ gateway, origin, about, opaque, blocked, localNetwork, online }) {
  const host = hostOf(gateway);
  if (blocked.length > 0) {
    const line = `connect-src ${gateway} ${gateway.replace("http", "ws")};\nscript-src ${gateway};`;
    return problem("gateway_blocked_by_policy", "author", { gateway, directives: blocked.join(", ") }, line);
  }
  if (origin.startsWith("https:") && gateway.startsWith("http:") && !LOCAL_HOST.test(host)) return problem("gateway_mixed", "ops", { gateway });
  if (about.answered) return problem("gateway_answers_otherwise", "ops", { gateway, status: about.status ?? 0, type: about.type ?? "" });
  if (opaque) return problem("gateway_answers_unread", "ops", { gateway });
  if (!online) return problem("gateway_unreachable", "reader", { gateway });
  if (localNetwork === "denied") return problem("local_network_denied", "reader", { gateway });
  if (isPrivate(host) && !isPrivate(hostOf(origin)) && localNetwork === "prompt") return problem("local_network_unasked", "reader", { gateway });
  return problem("gateway_unreachable", "ops", { gateway });
}

/** @param {Facts} facts @returns {Finding[]} */
function localOf({ gateway, origin, localNetwork }) {
  const crosses = isPrivate(hostOf(gateway)) && !isPrivate(hostOf(origin));
  return crosses && localNetwork !== null ? [note("local_network_asks", "ops", { gateway })] : [];
}

/** @param {Facts} facts @returns {Finding[]} */
function originOf({ origin, about, gateway }) {
  const { status, listed, your_origin, backends = [], contact } = about.json;
  if (your_origin !== origin) return [problem("origin_changed_on_the_way", "ops", { origin, heard: your_origin ?? "-" })];
  const values = { origin, gateway, contact: contact ?? "" };
  if (status === "denied") {
    const hopeless = origin.startsWith("http:") && !LOCAL_HOST.test(hostOf(origin));
    if (listed) return [problem("origin_denied", "ops", values)];
    return [problem("origin_unlisted", hopeless ? "author" : "ops", values, hopeless ? null : `      - ${origin}`)];
  }
  const services = backends.length > 0 ? ok("services", { services: backends.join(", ") }) : problem("services_none", "ops", values);
  if (status === "trusted") return [ok("origin_trusted"), services];
  return [listed ? ok("origin_consent") : note("origin_unlisted_consent", null, values), services];
}

/** Can the book really read and write, or does something on the way take the headers off? @param {Facts} facts @returns {Finding[]} */
function callsOf({ about, session, write, read, blocked }) {
  if (blocked.length > 0) return [problem("calls_blocked_by_policy", "author", { directives: blocked.join(", ") })];
  if (!session.answered) return [problem("cors_refused", "ops")];
  if (session.status !== 200) {
    const error = session.json?.error ?? "";
    return [problem("session_unreadable", "ops", { status: session.status ?? 0, error })];
  }
  const writes = about.json.methods?.includes("PUT") ?? true;
  if (write.answered) return [write.json === null ? problem("write_answered_otherwise", "ops", { status: write.status ?? 0 }) : ok("calls_work")];
  if (!writes) return [note("reads_only", null)];
  return [problem(read?.answered ? "methods_refused" : "preflight_refused", "ops")];
}

/** @param {Facts} facts @returns {Finding} */
function scriptOf({ script, gateway, entry }) {
  const newest = /\/client\/([A-Za-z0-9.-]+)\/bookgate\.js/.exec(entry.text ?? "")?.[1];
  const loaded = /\/client\/([A-Za-z0-9.-]+)\//.exec(script)?.[1];
  if (!script.startsWith(`${gateway}/`)) return note("script_copied", "author", { newest: newest ?? "?" });
  if (loaded !== newest && newest !== undefined && loaded?.includes("-")) return note("script_old", "reader", { loaded, newest });
  return ok("script_newest", { newest: newest ?? "?" });
}

/** @param {Facts} facts @param {boolean} granted @returns {Finding[]} */
function modeOf({ mode, cookies }, granted) {
  const off = cookies ? [] : [note("cookies_off", null)];
  if (mode === "cookie") return [ok("mode_cookie")];
  if (mode === "dpop") return [ok("mode_token")];
  return granted ? [...off, note("mode_unknown", null)] : off;
}

/** @param {Facts} facts @returns {Finding} */
function returnPageOf({ returned, original, returnPage, origin, page, gateway, returnHash }) {
  const values = { returnPage, source: original?.url ?? `${gateway}/client/1/bookgate-return.html`, page };
  const { origin: where, pathname } = new URL(returnPage);
  if (where !== origin) return problem("return_page_elsewhere", "author", values);
  if (!RETURN_PATH.test(pathname)) return note("return_page_path", "author", values);
  if (!returned.answered) return problem("return_page_unread", "author", values);
  if ((returned.status ?? 0) >= 400) return problem("return_page_missing", "author", { ...values, status: returned.status ?? 0 });
  if (returned.type !== "text/html") return problem("return_page_type", "author", { ...values, type: returned.type || "-" });
  if (new URL(returned.url ?? returnPage).origin !== origin) return problem("return_page_elsewhere", "author", values);
  const text = returned.text ?? "";
  if (!text.includes("bookgate-return") || !text.includes("BroadcastChannel")) return problem("return_page_other", "author", values);
  if (returnHash !== null) return problem("return_page_blocked", "author", values, `script-src ${returnHash}`);
  if (original?.status === 200 && squeezed(text) !== squeezed(original.text ?? "")) return note("return_page_changed", "author", values);
  return ok("return_page_there", values);
}

/** Line ends and blanks at their ends do not matter. @param {string} text */
const squeezed = (text) => text.replace(/\s+$/gm, "").trim();

/** @param {Facts} facts @returns {Finding[]} */
function openerOf({ opener, frame }) {
  if (opener === null || opener === "unsafe-none" || frame !== "none") return [];
  return [note("opener_isolated", null, { policy: opener })];
}

/** @param {Facts} facts @returns {Finding[]} */
function storageOf({ storage: { works, persisted, free, tab } }) {
  if (!works) return [problem("storage_blocked", "reader")];
  const found = [ok(persisted ? "storage_kept" : "storage_clearable")];
  if (!tab) found.push(problem("tab_storage_blocked", "reader"));
  if (free !== null && free < 50e6) found.push(note("storage_small", "reader", { megabytes: Math.floor(free / 1e6) }));
  return found;
}

/** @param {Facts} facts @returns {Finding[]} */
function clockOf({ session }) {
  const now = session.json?.now;
  if (typeof now !== "number" || session.sent === undefined || session.received === undefined) return [];
  const off = now - (session.sent + session.received) / 2;
  if (Math.abs(off) <= 60) return [ok("clock_right")];
  return [note(off > 0 ? "clock_late" : "clock_ahead", "reader", { minutes: Math.round(Math.abs(off) / 60) })];
}

/** @param {string} origin */
function hostOf(origin) {
  return origin === "null" ? "" : new URL(origin).hostname;
}

/** @param {string} host */
const isPrivate = (host) => LOCAL_HOST.test(host) || PRIVATE_HOST.test(host);
