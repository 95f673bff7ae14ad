/** `<bookgate-sign-in>`: sign in, who is signed in, what is saved, what went wrong and what helps; a menu for the rest. */

import { STYLE, TEMPLATE } from "./sign-in-style.js";
import { choose, loadTexts, say } from "./texts.js";

/** @typedef {import("./book.js").Book} Book */
/** @typedef {import("./errors.js").BookgateError} BookgateError */
/** @typedef {import("./menu.js").Menu} Menu */
/** @typedef {import("./texts.js").Texts} Texts */
/** @typedef {"file" | "give-up" | "this-tab" | "copy"} Remedy */
/** @typedef {{words: string, mild?: boolean, remedies?: Remedy[], link?: {href: string, words: string, target: "_blank" | "_self"}}} Message */

const REMEDIES = /** @type {const} */ (["file", "give-up", "this-tab", "copy"]);
const WORDS = { "read-study": "readStudy", later: "later", keep: "keep", discard: "discard", "give-up": "giveUp", "this-tab": "thisTab", "have-code": "haveCode", "code-label": "enterCode", "go-on": "goOn" };

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
  /** @type {Texts} */
  #texts = {};
  /** @type {Texts} words of the page's own, which go before ours */
  #own = {};
  /** @type {Promise<Menu> | null} */
  #menu = null;
  #leftover = false; // the reader asked to sign out while work was waiting
  /** @type {string | null} */
  #rest = null; // where the other books can be signed out
  /** @type {string | null} */
  #code = null; // a guest's way back to this work from another device
  /** @type {string | null} */
  #trouble = null; // the code of a sign-out or a guest's code that failed
  #reading = false; // the page of the studies was opened
  #render = () => this.#show();

  constructor() {
    super();
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE); // a sheet of its own: the page's Content-Security-Policy need not allow inline styles
    this.#root.adoptedStyleSheets = [sheet];
    this.#root.innerHTML = TEMPLATE;
    this.#on("sign-in", () => this.#signIn({}));
    this.#on("this-tab", () => this.#signIn({ redirect: true }));
    this.#on("give-up", () => void this.signOut({ force: true }));
    this.#on("file", () => void this.saveFile());
    this.#on("keep", () => void this.#book?.claim());
    this.#on("discard", () => void this.#book?.discardUnclaimed());
    this.#on("have-code", () => this.#askCode(this.#id("enter").hasAttribute("hidden")));
    this.#id("enter").addEventListener("submit", (event) => {
      event.preventDefault(); // the page goes nowhere
      void this.#enterCode();
    });
    this.#on("later", () => void this.#book?.question?.later());
    this.#on("read-study", () => setTimeout(() => this.#showReading()));
    this.#on("copy", () => void navigator.clipboard.writeText(this.#code ?? location.href).then(() => this.#say("copy", this.text("copied"))));
    this.#on("name", () => void this.#openMenu(0));
    this.#id("name").addEventListener("keydown", (event) => {
      if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
      event.preventDefault();
      void this.#openMenu(event.key === "ArrowUp" ? -1 : 0);
    });
  }

  /** Words of the page's own in place of ours, by the keys of client/texts/en.js. @param {Texts} texts */
  set texts(texts) {
    this.#own = texts;
    this.#show();
  }

  get texts() {
    return this.#own;
  }

  /** @param {Book} book */
  async attach(book) {
    this.#book?.removeEventListener("change", this.#render);
    this.#book = book;
    book.addEventListener("change", this.#render);
    const page = /** @type {HTMLElement | null} */ (this.closest("[lang]"))?.lang;
    const language = choose([...(page ? [page] : []), ...navigator.languages]);
    this.#texts = await loadTexts(language);
    this.#root.querySelectorAll("div").forEach((part) => (part.lang = language));
    this.#disable(false);
    this.#show();
  }

  disconnectedCallback() {
    this.#book?.removeEventListener("change", this.#render);
  }

  /** @param {boolean} disabled */
  #disable(disabled) {
    /** @type {HTMLButtonElement} */ (this.#id("sign-in")).disabled = disabled;
  }

  /** @param {string} key @param {Partial<import("./texts.js").Values>} [values] */
  text(key, values) {
    return say({ ...this.#texts, ...this.#own }, key, values);
  }

  get book() {
    return this.#book;
  }

  /** @param {import("./authorization.js").Choice} choice */
  #signIn(choice) {
    this.#trouble = null;
    void this.#book?.signIn(choice).catch(() => null); // the book says in `error` what went wrong
  }

  /** @param {{scope?: "book", force?: boolean}} options */
  async signOut(options) {
    this.#leftover = false;
    this.#trouble = null;
    this.#disable(true); // nobody signs in with what is being given back
    try {
      const signedOut = await this.#book?.signOut(options);
      if (signedOut?.next) location.assign(signedOut.next);
      this.#rest = signedOut?.rest ?? null;
    } catch (error) {
      this.#leftover = /** @type {BookgateError} */ (error).code === "work_waiting";
      if (!this.#leftover) this.#trouble = /** @type {BookgateError} */ (error).code;
    }
    this.#disable(false);
    this.#show();
    (this.#leftover ? this.#id("file") : this.#id("sign-in")).focus();
  }

  /** A guest's code for another device. */
  async showCode() {
    const response = await this.#book?.fetch("/auth/guest-code", { method: "POST" }).catch(() => null);
    const answer = response?.ok ? await response.json().catch(() => null) : null;
    this.#code = answer?.code ?? null;
    this.#trouble = this.#code ? null : "unreachable";
    this.#show();
  }

  /** @param {boolean} open */
  #askCode(open) {
    this.#hide(this.#id("enter"), !open);
    this.#id("have-code").setAttribute("aria-expanded", String(open));
    if (open) this.#id("code").focus();
  }

  async #enterCode() {
    const input = /** @type {HTMLInputElement} */ (this.#id("code"));
    try {
      await this.#book?.beginGuest({ returnCode: input.value.replace(/[\u2010-\u2015]/g, "-").trim() }); // as we show it, and as phones correct it
      input.value = "";
      this.#trouble = null;
      this.#askCode(false);
    } catch (error) {
      const { code } = /** @type {BookgateError} */ (error);
      this.#trouble = code === "invalid_grant" ? "codeUnknown" : code;
    }
    this.#show();
  }

  /** What waits, for the reader to keep elsewhere. */
  async saveFile() {
    const blob = await this.#book?.exportWaiting();
    if (!blob) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = this.text("fileName");
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }

  /** @param {0 | -1} focused which of its items */
  async #openMenu(focused) {
    const menu = await this.#loadMenu();
    if (menu.open) menu.close(true);
    else menu.show(focused);
  }

  #loadMenu() {
    const button = /** @type {HTMLButtonElement} */ (this.#id("name"));
    this.#menu ??= import("./menu.js").then(({ Menu }) => new Menu(this, button));
    return this.#menu;
  }

  #show() {
    const book = this.#book;
    if (!book || Object.keys(this.#texts).length === 0) return;
    const { user, status, signingIn, stepUp } = book;
    const guest = user?.guest === true;
    const name = guest ? this.text("guest") : (user?.name ?? this.text("signedIn"));
    this.#showName(user ? name : null);
    const words = signingIn ? "waitingForWindow" : guest ? "signInToKeep" : stepUp ? "signInAgain" : "signIn";
    this.#hide(this.#id("sign-in"), user !== null && !guest && !stepUp);
    this.#say("sign-in", this.text(words));
    this.#hide(this.#id("have-code"), user !== null || !book.guests || signingIn);
    if (user !== null && !guest) this.#code = null;
    this.#showStatus(status, user !== null);
    this.#hide(this.#id("unclaimed"), user === null || status.unclaimed === 0);
    this.#say("question", this.text("question", { count: status.unclaimed, name }));
    this.#showStudy(book);
    this.#say("file", this.text("saveFile", { count: status.waiting + status.failed + status.unclaimed }));
    this.#say("copy", this.text(this.#code === null ? "copyAddress" : "copyCode"));
    for (const [id, key] of Object.entries(WORDS)) this.#say(id, this.text(key));
    this.#tell(this.#message(book));
  }

  /** @param {string | null} name null: nobody is signed in */
  #showName(name) {
    const button = this.#id("name");
    this.#hide(button, name === null);
    if (name === null) return void this.#menu?.then((menu) => menu.close(false));
    const label = /** @type {HTMLElement} */ (button.firstElementChild);
    if (label.textContent !== name) label.textContent = name;
    button.setAttribute("aria-label", this.text("menu", { name }));
    void this.#loadMenu().catch(() => (this.#menu = null)); // now: the gateway may be away when it is needed
  }

  /** @param {import("./outbox.js").Status} status @param {boolean} signedIn */
  #showStatus({ state, savedAt, waiting, unclaimed, kept }, signedIn) {
    const element = /** @type {HTMLElement} */ (this.#root.querySelector(".status"));
    const time = savedAt?.toLocaleTimeString(this.#root.querySelector("div")?.lang, { timeStyle: "short" });
    const nobodys = state === "waiting" && !signedIn && unclaimed > 0;
    const key = nobodys ? (kept ? "onlyHere" : "onlyInPage") : state === "waiting" && !kept ? "waitingUnkept" : state;
    const words = state === "idle" ? "" : this.text(key, { count: waiting, time });
    if (element.textContent !== words) element.textContent = words; // a live region speaks on every change
    element.className = `status dot ${state}`;
    this.#hide(element, state === "idle");
  }

  /** The quietest of all: it waits until nothing else is said. @param {Book} book */
  #showStudy(book) {
    const { question, status } = book;
    const shown = question !== null && !this.#reading && status.unclaimed === 0 && this.#message(book) === null;
    this.#hide(this.#id("study"), !shown);
    if (!shown) return;
    this.#say("study-asks", this.text("studyAsks"));
    /** @type {HTMLAnchorElement} */ (this.#id("read-study")).href = question.href;
  }

  /** It is in the reader's hands now. */
  #showReading() {
    this.#reading = true;
    this.#show();
  }

  /** What there is to say, the most urgent first. @param {Book} book @returns {Message | null} */
  #message({ status, error, user, reachable, mode, stepUp }) {
    if (this.#leftover && status.waiting + status.failed > 0) {
      return { words: this.text("leftover", { count: status.waiting + status.failed }), remedies: ["file", "give-up"] };
    }
    const trouble = this.#trouble ?? error?.code ?? null;
    if (trouble !== null && trouble !== "unreachable") return this.#explain(trouble);
    if (stepUp) return { words: this.text("step_up_required"), mild: true };
    if (this.#code !== null) return { words: this.text("codeIs", { name: this.#code.replaceAll("-", "\u2011") }), mild: true, remedies: ["copy"] };
    if (this.#rest && user === null) {
      return { words: this.text("signedOutHere"), mild: true, link: { href: this.#rest, words: this.text("signOutEverywhere"), target: "_self" } };
    }
    if (status.reason !== null) {
      const words = this.text(status.reason) || this.text("refused");
      return { words, remedies: status.failed + status.waiting > 0 ? ["file"] : [] };
    }
    if (user?.guest && mode === "dpop" && !status.kept) return { words: this.text("guestUnkept") }; // its token goes with the page
    return reachable && trouble === null ? null : { words: this.text(status.kept ? "unreachable" : "unreachableUnkept") };
  }

  /** @param {string} code @returns {Message} */
  #explain(code) {
    const words = this.text(code) || this.text("failedToSignIn");
    if (code === "framed") return { words, link: { href: location.href, words: this.text("ownTab"), target: "_blank" } };
    if (code === "popup_blocked") return { words, remedies: ["this-tab"] };
    if (code !== "in_app") return { words, mild: code === "access_denied" };
    const { host, pathname, search, protocol } = location;
    const href = `intent://${host}${pathname}${search}#Intent;scheme=${protocol.slice(0, -1)};action=android.intent.action.VIEW;category=android.intent.category.BROWSABLE;end`;
    const link = /Android/.test(navigator.userAgent) ? { href, words: this.text("openBrowser"), target: /** @type {const} */ ("_self") } : undefined;
    return { words, remedies: ["copy"], link };
  }

  /** @param {Message | null} message */
  #tell(message) {
    const { words = "", mild = false, remedies = [], link } = message ?? {};
    this.#hide(this.#id("message"), words === "");
    this.#id("message").classList.toggle("alert", !mild);
    this.#say("note", words);
    for (const id of REMEDIES) this.#hide(this.#id(id), !remedies.includes(id));
    this.#hide(this.#id("remedies"), remedies.length === 0 && !link);
    const anchor = /** @type {HTMLAnchorElement} */ (this.#id("link"));
    this.#hide(anchor, !link);
    if (!link) return;
    anchor.href = link.href;
    anchor.target = link.target;
    anchor.rel = link.target === "_blank" ? "noopener" : "";
    this.#say("link", link.words);
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

  /** @param {Element} element @param {boolean} hidden */
  #hide(element, hidden) {
    element.toggleAttribute("hidden", hidden);
  }
}
