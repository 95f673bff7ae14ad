/** `<bookgate-sign-in>`: sign in, who is signed in, what is saved, sign out. */

import { text } from "./texts.js";

/** @typedef {import("./book.js").Book} Book */
/** @typedef {import("./errors.js").BookgateError} BookgateError */

const STYLE = `
  :host { display: inline-block; font: inherit; color: inherit; --accent: var(--bookgate-accent, light-dark(#1f4f8f, #9cc4ff)); }
  :host([hidden]) { display: none; }
  .row { display: flex; flex-wrap: wrap; align-items: center; justify-content: var(--bookgate-justify, start); gap: .5em .75em; }
  .row + .row { margin-block-start: .5em; }
  [hidden] { display: none !important; }
  button, a { font: inherit; min-height: 2.75em; padding: 0 1.1em; border-radius: .5em; cursor: pointer; box-sizing: border-box; }
  button { border: 1px solid currentColor; background: transparent; color: inherit; }
  button.primary { border-color: var(--accent); background: var(--accent); color: light-dark(#fff, #08111f); font-weight: 600; }
  button:hover { filter: brightness(1.08); }
  button:focus-visible, a:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
  a { display: inline-flex; align-items: center; padding: 0; font-size: .875em; color: var(--accent); }
  .name { font-weight: 600; overflow-wrap: anywhere; }
  .status, .note { font-size: .875em; opacity: .85; }
  .note { max-width: 34em; margin: 0; }
  .dot::before { content: ""; display: inline-block; width: .6em; height: .6em; margin-inline-end: .45em; border-radius: 50%; background: currentColor; }
  .saved::before { background: light-dark(#1a7f37, #56d364); }
  .waiting::before, .saving::before { background: light-dark(#b26a00, #e3b341); }
  .failed::before { background: light-dark(#c62828, #ff7b72); }
`;

const TEMPLATE = `
  <div class="row">
    <span class="name" part="name" hidden></span>
    <button class="primary" part="button sign-in" type="button" id="sign-in"></button>
    <span class="status dot" part="status" role="status"></span>
    <button part="button sign-out" type="button" id="sign-out" hidden></button>
  </div>
  <div class="row" id="unclaimed" part="question" hidden>
    <p class="note" id="question"></p>
    <button part="button keep" type="button" id="keep"></button>
    <button part="button discard" type="button" id="discard"></button>
  </div>
  <div class="row" id="message" part="message" role="alert" hidden>
    <p class="note" id="note"></p>
    <button part="button give-up" type="button" id="give-up" hidden></button>
    <a id="link" part="link" hidden></a>
  </div>
`;

/** @param {() => Promise<Book>} connect */
export function defineSignIn(connect) {
  if (customElements.get("bookgate-sign-in")) return; // a second copy of the script
  customElements.define("bookgate-sign-in", class extends SignInElement {
    connectedCallback() {
      void connect().then((book) => this.attach(book));
    }
  });
}

class SignInElement extends HTMLElement {
  /** @type {Book | null} */
  #book = null;
  #root = this.attachShadow({ mode: "open", delegatesFocus: true });
  #leftover = false; // the reader asked to sign out while work was waiting
  /** @type {string | null} */
  #rest = null; // where the other books can be signed out
  #render = () => this.#show();

  constructor() {
    super();
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE); // a sheet of its own: the page's Content-Security-Policy need not allow inline styles
    this.#root.adoptedStyleSheets = [sheet];
    this.#root.innerHTML = TEMPLATE;
    this.#say("sign-in", text("signIn"));
    this.#say("sign-out", text("signOut"));
    this.#say("keep", text("keep"));
    this.#say("discard", text("discard"));
    this.#say("give-up", text("giveUp"));
    this.#on("sign-in", () => void this.#book?.signIn().catch(() => null)); // the book says in `error` what went wrong
    this.#on("sign-out", () => void this.#signOut(false));
    this.#on("give-up", () => void this.#signOut(true));
    this.#on("keep", () => void this.#book?.claim());
    this.#on("discard", () => void this.#book?.discardUnclaimed());
    this.#disable(true);
  }

  /** @param {Book} book */
  attach(book) {
    this.#book?.removeEventListener("change", this.#render);
    this.#book = book;
    book.addEventListener("change", this.#render);
    this.#disable(false);
    this.#show();
  }

  disconnectedCallback() {
    this.#book?.removeEventListener("change", this.#render);
  }

  /** @param {boolean} force */
  async #signOut(force) {
    this.#leftover = false;
    try {
      const signedOut = await this.#book?.signOut({ force });
      if (signedOut?.next) location.assign(signedOut.next);
      this.#rest = signedOut?.rest ?? null;
    } catch (error) {
      const { code } = /** @type {BookgateError} */ (error);
      this.#leftover = code === "work_waiting";
      if (!this.#leftover) return this.#tell(text(code, { fallback: "unreachable" }));
    }
    this.#show();
  }

  #show() {
    const book = this.#book;
    if (!book) return;
    const { user, status, signingIn } = book;
    const name = this.#root.querySelector(".name");
    if (name) name.textContent = user ? (user.name ?? text("signedIn")) : "";
    this.#hide(name, user === null);
    this.#hide(this.#id("sign-in"), user !== null);
    this.#hide(this.#id("sign-out"), user === null);
    this.#say("sign-in", text(signingIn ? "waitingForWindow" : "signIn"));
    this.#showStatus(status, user !== null);
    this.#hide(this.#id("unclaimed"), user === null || status.unclaimed === 0);
    this.#say("question", text("question", { count: status.unclaimed, name: user?.name ?? text("you") }));
    this.#showMessage(book);
  }

  /** @param {import("./book.js").Status} status @param {boolean} signedIn */
  #showStatus({ state, savedAt, waiting, unclaimed }, signedIn) {
    const element = /** @type {HTMLElement} */ (this.#root.querySelector(".status"));
    const time = savedAt?.toLocaleTimeString([], { timeStyle: "short" });
    const key = state === "waiting" && !signedIn && unclaimed > 0 ? "onlyHere" : state;
    const words = state === "idle" ? "" : text(key, { count: waiting, time });
    if (element.textContent !== words) element.textContent = words; // a live region speaks on every change
    element.className = `status dot ${state}`;
    this.#hide(element, state === "idle");
  }

  /** @param {Book} book */
  #showMessage(book) {
    const link = /** @type {HTMLAnchorElement} */ (this.#id("link"));
    this.#hide(link, true);
    this.#hide(this.#id("give-up"), !this.#leftover);
    if (this.#leftover) return this.#tell(text("leftover", { count: book.status.waiting + book.status.failed }));
    if (book.error) {
      this.#tell(text(book.error.code, { fallback: "failedToSignIn" }));
      if (book.error.code === "framed") this.#offer(location.href, text("ownTab"), "_blank");
    } else if (this.#rest && book.user === null) {
      this.#tell(text("signedOutHere"));
      this.#offer(this.#rest, text("signOutEverywhere"), "_self");
    } else if (!book.reachable) {
      this.#tell(text("unreachable"));
    } else {
      this.#tell("");
    }
  }

  /** @param {string} href @param {string} words @param {"_blank" | "_self"} target */
  #offer(href, words, target) {
    const link = /** @type {HTMLAnchorElement} */ (this.#id("link"));
    link.href = href;
    link.target = target;
    link.textContent = words;
    this.#hide(link, false);
  }

  /** @param {string} words */
  #tell(words) {
    this.#say("note", words);
    this.#hide(this.#id("message"), words === "");
  }

  /** @param {string} id */
  #id(id) {
    return /** @type {HTMLElement} */ (this.#root.getElementById(id));
  }

  /** @param {string} id @param {string} words */
  #say(id, words) {
    if (this.#id(id).textContent !== words) this.#id(id).textContent = words;
  }

  /** @param {string} id @param {() => void} act */
  #on(id, act) {
    this.#id(id).addEventListener("click", act);
  }

  /** @param {Element | null} element @param {boolean} hidden */
  #hide(element, hidden) {
    element?.toggleAttribute("hidden", hidden);
  }

  /** @param {boolean} disabled until the gateway said who is signed in */
  #disable(disabled) {
    /** @type {HTMLButtonElement} */ (this.#id("sign-in")).disabled = disabled;
  }
}
