/** The menu of `<bookgate-sign-in>`: account, signing out, a file of what waits (the menu button of the ARIA Authoring Practices). */

/** @typedef {import("./book.js").Book} Book */
/** @typedef {{book: Book | null, text: (key: string, values?: Partial<import("./texts.js").Values>) => string,
 *   signOut: (options: {scope?: "book", force?: boolean}) => Promise<void>, saveFile: () => Promise<void>, showCode: () => Promise<void>}} Owner */

export class Menu {
  open = false;

  #owner;
  #button;
  #panel = document.createElement("div");
  #list = document.createElement("div");

  /** @param {Owner & HTMLElement} owner @param {HTMLButtonElement} button what opens it; it takes the focus back */
  constructor(owner, button) {
    this.#owner = owner;
    this.#button = button;
    this.#panel.className = "menu";
    this.#panel.part.add("menu");
    this.#panel.hidden = true;
    this.#list.setAttribute("role", "menu");
    this.#list.addEventListener("keydown", (event) => this.#key(event));
    button.after(this.#panel);
    const away = (/** @type {Event} */ event) => this.open && !event.composedPath().some((one) => one === this.#panel || one === button) && this.close(false);
    document.addEventListener("pointerdown", away);
    document.addEventListener("focusin", away); // a click into a frame moves the focus only
    addEventListener("blur", () => this.close(false));
    addEventListener("resize", () => this.open && this.#place()); // a phone is turned, a page zoomed
  }

  /** @param {0 | -1} focused which of its items */
  show(focused) {
    this.#fill();
    this.#panel.hidden = false;
    this.open = true;
    this.#button.setAttribute("aria-expanded", "true");
    this.#place();
    this.#items().at(focused)?.focus();
  }

  /** @param {boolean} returning does the focus go back to the button? */
  close(returning) {
    if (!this.open) return;
    this.open = false;
    this.#panel.hidden = true;
    this.#button.setAttribute("aria-expanded", "false");
    if (returning) this.#button.focus();
  }

  #fill() {
    const { text, book } = { text: this.#owner.text.bind(this.#owner), book: /** @type {Book} */ (this.#owner.book) };
    const { user, status, gateway } = book;
    const guest = user?.guest === true;
    const note = document.createElement("p");
    note.textContent = guest ? text("guestNote") : text("notYou", { name: user?.name ?? text("signedIn") });
    this.#list.setAttribute("aria-label", text("menu", { name: guest ? text("guest") : (user?.name ?? text("signedIn")) }));
    const account = element("a", "account", text("account"));
    Object.assign(account, { href: `${gateway}/auth/account`, target: "_blank", rel: "noopener" });
    const count = status.waiting + status.failed + status.unclaimed;
    const file = this.#act("save-file", text("saveFile", { count }), () => this.#owner.saveFile());
    const code = this.#act("show-code", text("showCode"), () => this.#owner.showCode());
    const here = this.#act("sign-out-here", text("signOutHere"), () => this.#owner.signOut({ scope: "book" }));
    const out = this.#act("sign-out", text("signOut"), () => this.#owner.signOut({}));
    this.#list.replaceChildren(guest ? code : account, ...(count > 0 ? [file] : []), out, ...(guest ? [] : [here]));
    this.#panel.replaceChildren(note, this.#list);
  }

  /** @param {string} id @param {string} words @param {() => Promise<void>} act */
  #act(id, words, act) {
    const button = element("button", id, words);
    button.setAttribute("type", "button");
    button.addEventListener("click", () => {
      this.close(true);
      void act();
    });
    return button;
  }

  /** It stays inside the window, whichever side of the page the element stands on. */
  #place() {
    this.#panel.style.translate = "";
    const { left, right } = this.#panel.getBoundingClientRect();
    const room = document.documentElement.clientWidth;
    const shift = right > room - 8 ? room - 8 - right : left < 8 ? 8 - left : 0;
    if (shift !== 0) this.#panel.style.translate = `${shift}px`;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const items = this.#items();
    const at = items.indexOf(/** @type {HTMLElement} */ (/** @type {ShadowRoot} */ (this.#panel.getRootNode()).activeElement));
    const letter = event.key.length === 1 ? items.findIndex((item, n) => n > at && starts(item, event.key)) : -1;
    const again = event.key.length === 1 ? items.findIndex((item) => starts(item, event.key)) : -1;
    /** @type {Record<string, number>} */
    const moves = { ArrowDown: (at + 1) % items.length, ArrowUp: (at - 1 + items.length) % items.length, Home: 0, End: items.length - 1 };
    if (event.key === "Escape") this.close(true);
    else if (event.key === "Tab") return this.close(true); // and on from the button
    else if (event.key === " " && items[at] instanceof HTMLAnchorElement) items[at].click();
    else if (event.key in moves) items[moves[event.key]].focus();
    else if (event.key !== " " && letter + again > -2) items[letter >= 0 ? letter : again].focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @returns {HTMLElement[]} */
  #items() {
    return /** @type {HTMLElement[]} */ ([...this.#list.children]);
  }
}

/** @param {HTMLElement} item @param {string} letter */
const starts = (item, letter) => item.textContent?.toLowerCase().startsWith(letter.toLowerCase()) ?? false;

/** @param {"a" | "button"} tag @param {string} id @param {string} words */
function element(tag, id, words) {
  const item = document.createElement(tag);
  item.id = id;
  item.part.add("item", id);
  item.setAttribute("role", "menuitem");
  item.tabIndex = -1;
  item.textContent = words;
  return item;
}
