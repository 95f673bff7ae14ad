/** A book of one page at a gateway in cookie mode, for tests under Node. */

import { afterEach, beforeEach } from "node:test";
import { agent, popups } from "./fake-page.mjs";
import { TabStorage, scriptedGateway } from "./scripted-gateway.mjs";

const { openBook } = await import("../../client/book.js");

export const ADA = { sub: "p-ada", name: "Ada", guest: false };
export const GUEST = { sub: "p-guest", name: null, guest: true };
const DESKTOP = agent.userAgent;
export const stops = [];
beforeEach(() => {
  agent.userAgent = DESKTOP;
  popups.length = 0;
  globalThis.sessionStorage = new TabStorage();
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

export const form = ({ body }) => new URLSearchParams(body);
export const now = () => Math.floor(Date.now() / 1000);

/** A gateway in cookie mode: `state.user` is who its cookie is for; `rules` come first. */
export async function opened(rules = () => undefined, state = {}) {
  Object.assign(state, { user: null, guests: false, books: undefined, next: ADA, merged: undefined, ...state });
  const gateway = await scriptedGateway((request) => {
    const ruled = rules(request, state);
    if (ruled) return ruled;
    const { path } = request;
    if (path === "/auth/session") return { body: { user: state.user, guests: state.guests, books: state.books, expires_in: 9, now: now() } };
    if (path === "/auth/token") state.next = form(request).get("grant_type") === "urn:bookgate:guest" ? GUEST : ADA;
    if (path === "/auth/token") return { body: { ticket: "T", expires_in: 30, now: now() } };
    if (path === "/auth/confirm") {
      state.user = state.next;
      return { body: { mode: "cookie", keep: true, user: state.user, merged: state.merged, merge: state.merge, now: now() } };
    }
    if (path === "/auth/logout") return { body: { signed_out: "book", next: null, sign_out_page: "/out", now: now() } };
    return state.user ? { status: 200, headers: { ETag: '"1"' }, body: {} } : { status: 401, body: { error: "login_required" } };
  });
  stops.push(gateway.stop);
  const book = await openBook({ gateway: gateway.origin });
  const sent = (path) => gateway.received.filter((request) => request.path.startsWith(path));
  return { book, state, sent, ...gateway };
}
