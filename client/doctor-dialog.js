/** The doctor's report on the screen: a dialog of its own style, over the book, that the book's style does not reach. */

import { tryWindow } from "./doctor-window.js";
import { asText, said } from "./doctor-report.js";

/** @typedef {import("./doctor-report.js").Report} Report */
/** @typedef {import("./doctor-report.js").Said} Said */
/** @typedef {import("./doctor-report.js").Words} Words */
/** @typedef {import("./doctor-facts.js").Place} Place */

const STYLE = `
  :host { --accent: var(--bookgate-accent, light-dark(#1f4f8f, #9cc4ff)); --line: color-mix(in srgb, CanvasText 18%, Canvas); --soft: color-mix(in srgb, CanvasText 72%, Canvas); }
  dialog { box-sizing: border-box; width: min(44rem, calc(100vw - 1.5rem)); max-height: calc(100dvh - 1.5rem); padding: 0; border: 1px solid var(--line); border-radius: .9rem; background: Canvas; color: CanvasText; font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; box-shadow: 0 1rem 3rem #0006; }
  dialog[open] { display: flex; flex-direction: column; }
  dialog::backdrop { background: #0008; }
  header { display: flex; gap: 1rem; align-items: start; padding: 1.1rem 1.25rem .8rem; border-block-end: 1px solid var(--line); }
  header > div { flex: 1; min-width: 0; }
  h2 { margin: 0; font-size: 1.2rem; line-height: 1.3; }
  header p { margin: .15rem 0 0; color: var(--soft); }
  .list { overflow-y: auto; padding: .3rem 1.25rem; overscroll-behavior: contain; }
  ul { list-style: none; margin: 0; padding: 0; }
  li { display: grid; grid-template-columns: 1.6rem minmax(0, 1fr); gap: .15rem .6rem; padding: .75rem 0; border-block-start: 1px solid var(--line); }
  ul:first-child > li:first-child { border: 0; }
  li > * { grid-column: 2; margin: 0; overflow-wrap: anywhere; }
  .mark { grid-column: 1; grid-row: 1; display: grid; place-items: center; width: 1.5rem; height: 1.5rem; border-radius: 50%; color: #fff; font-weight: 700; font-size: .9rem; line-height: 1; }
  .ok .mark { background: #1a7f37; } .note .mark { background: #9a6700; } .problem .mark { background: #c62828; }
  .todo { color: var(--soft); } .todo b { color: CanvasText; }
  .code { color: var(--soft); font-size: .8rem; font-family: ui-monospace, "DejaVu Sans Mono", monospace; }
  pre { padding: .5rem .7rem; border: 1px solid var(--line); border-radius: .5rem; background: color-mix(in srgb, CanvasText 5%, Canvas); font: .88rem/1.5 ui-monospace, "DejaVu Sans Mono", monospace; white-space: pre-wrap; }
  details { margin: .2rem 0 .6rem; border-block-start: 1px solid var(--line); }
  summary { padding: .75rem 0; cursor: pointer; color: var(--soft); }
  details li:first-child { border-block-start: 0; padding-block-start: .2rem; }
  footer { padding: .8rem 1.25rem 1rem; border-block-start: 1px solid var(--line); }
  .buttons { display: flex; flex-wrap: wrap; gap: .6rem; }
  button { min-height: 2.75rem; padding: 0 1rem; border: 1px solid var(--line); border-radius: .55rem; background: Canvas; color: inherit; font: inherit; cursor: pointer; }
  button:hover { border-color: var(--accent); }
  button.main { border-color: var(--accent); background: var(--accent); color: light-dark(#fff, #08111f); font-weight: 600; }
  button:disabled { opacity: .55; cursor: default; }
  button.close { min-height: 2.75rem; flex: none; }
  li button { justify-self: start; margin-block-start: .35rem; }
  a { color: var(--accent); }
  footer p { margin: .7rem 0 0; font-size: .88rem; color: var(--soft); }
  textarea { box-sizing: border-box; width: 100%; height: 8rem; margin-block-start: .6rem; font: .8rem/1.4 ui-monospace, "DejaVu Sans Mono", monospace; }
  :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
  @media (max-width: 30rem) { header, .list, footer { padding-inline: 1rem; } .buttons button { flex: 1 1 9rem; } }
  [hidden] { display: none !important; }
`;

const ORDER = { problem: 0, note: 1, ok: 2 };
const isOfWindow = (/** @type {Said} */ { code }) => code.startsWith("window_");
const MARKS = { problem: "!", note: "i", ok: "✓" };

/**
 * @param {Report} first @param {() => Promise<Report>} look looks again
 * @param {Place} place @param {Words} words
 */
export function showReport(first, look, place, words) {
  document.querySelector("bookgate-doctor")?.remove();
  const host = document.body.appendChild(document.createElement("bookgate-doctor"));
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE); // a sheet of its own: the page's Content-Security-Policy need not allow inline styles
  root.adoptedStyleSheets = [sheet];
  const dialog = new ReportDialog(first, look, place, words);
  root.append(dialog.element);
  dialog.element.addEventListener("close", () => host.remove());
  dialog.element.showModal();
}

class ReportDialog {
  element = make("dialog", { lang: "", ariaLabel: "" });
  #sum = make("p", { role: "status" });
  #list = make("div", { className: "list", tabIndex: 0 });
  #copied = make("p", { role: "status", hidden: true });
  #text = make("textarea", { readOnly: true, hidden: true });
  #report;
  #look;
  #place;
  #words;
  /** What the tried window said; it stays when everything else is looked at again. @type {Said | null} */
  #window = null;

  /** @param {Report} report @param {() => Promise<Report>} look @param {Place} place @param {Words} words */
  constructor(report, look, place, words) {
    this.#report = report;
    this.#look = look;
    this.#place = place;
    this.#words = words;
    this.element.lang = words.language;
    this.element.ariaLabel = words.ui.title({});
    this.element.append(this.#header(), this.#list, this.#footer());
    this.#show();
  }

  #header() {
    const { ui } = this.#words;
    const close = make("button", { type: "button", className: "close", textContent: ui.close({}) });
    close.addEventListener("click", () => this.element.close());
    return make("header", {}, make("div", {}, make("h2", { textContent: ui.title({}) }), this.#sum), close);
  }

  #footer() {
    const { ui } = this.#words;
    const again = make("button", { type: "button", textContent: ui.again({}) });
    const copy = make("button", { type: "button", className: "main", textContent: ui.copy({}) });
    again.addEventListener("click", () => void this.#again(again));
    copy.addEventListener("click", () => void this.#copy());
    const link = make("a", { href: this.#report.link, target: "_blank", rel: "noopener", textContent: ui.link({}) });
    const last = make("p", {}, link, ` · ${ui.nothingSent({})}`);
    return make("footer", {}, make("div", { className: "buttons" }, copy, again), this.#copied, this.#text, last);
  }

  #show() {
    const { ui } = this.#words;
    const all = this.#report.findings.map((one) => (isOfWindow(one) && this.#window ? this.#window : one));
    this.#report.findings = all;
    this.#report.problems = all.filter(({ level }) => level === "problem").length;
    const notes = all.filter(({ level }) => level === "note").length;
    this.#sum.textContent = ui.sum({ problems: this.#report.problems, notes });
    const sorted = all.toSorted((a, b) => ORDER[a.level] - ORDER[b.level]);
    const [wanting, fine] = [sorted.filter(({ level }) => level !== "ok"), sorted.filter(({ level }) => level === "ok")];
    const details = make("details", { open: wanting.length === 0 }, make("summary", { textContent: ui.fine({ count: fine.length }) }));
    details.append(make("ul", {}, ...fine.map((one) => this.#item(one))));
    this.#list.replaceChildren(make("ul", {}, ...wanting.map((one) => this.#item(one))), details);
  }

  /** @param {Said} finding */
  #item(finding) {
    const { code, level, sentence, todo, who, paste } = finding;
    const { ui } = this.#words;
    const mark = make("span", { className: "mark", role: "img", ariaLabel: ui[level]({}), textContent: MARKS[level] });
    const item = make("li", { className: level }, mark, make("p", { textContent: sentence }));
    if (todo) item.append(make("p", { className: "todo" }, ...(who ? [make("b", { textContent: `${ui[who]({})}: ` })] : []), todo));
    if (paste) item.append(make("pre", { textContent: paste, tabIndex: 0 }));
    if (isOfWindow(finding) && code !== "window_works") item.append(this.#tryButton());
    item.append(make("span", { className: "code", textContent: code }));
    return item;
  }

  #tryButton() {
    const button = make("button", { type: "button", textContent: this.#words.ui.tryWindow({}) });
    button.addEventListener("click", () => {
      const tried = tryWindow(this.#place); // in the task of the click, or the browser opens nothing
      button.disabled = true;
      void tried.then((finding) => {
        this.#window = said(finding, this.#words);
        this.#show();
      });
    });
    return button;
  }

  /** @param {HTMLButtonElement} button */
  async #again(button) {
    button.disabled = true;
    this.#sum.textContent = this.#words.ui.looking({});
    this.#report = await this.#look();
    this.#show();
    button.disabled = false;
  }

  async #copy() {
    const text = asText(this.#report, this.#words);
    const copied = await (navigator.clipboard?.writeText(text) ?? Promise.reject(new Error("no clipboard"))).then(() => true, () => false);
    this.#copied.hidden = false;
    this.#copied.textContent = this.#words.ui[copied ? "copied" : "copyYourself"]({});
    this.#text.hidden = copied;
    if (copied) return;
    this.#text.value = text;
    this.#text.ariaLabel = this.#words.ui.copyYourself({});
    this.#text.select();
  }
}

/**
 * An element, without a word of HTML: a page may require Trusted Types.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag @param {Partial<HTMLElementTagNameMap[T]>} properties @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[T]}
 */
function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}
