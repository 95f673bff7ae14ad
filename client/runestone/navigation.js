/** Puts signing in, and what became of the reader's work, into the navigation bar of a Runestone or PreTeXt page; questions stand at the page's foot. */

const STYLE = `
  button[name="compare"]:disabled { display: none; }
  .in-navbar { font-size: 0.875rem; line-height: 1.3; white-space: nowrap; text-shadow: none; }
  .in-navbar::part(name), .in-navbar::part(sign-in) { min-height: 2rem; padding-block: 0; max-width: 11rem; }
  .in-navbar::part(message), .in-navbar::part(question) {
    position: fixed; z-index: 2000; inset-block-end: 0.75rem; inset-inline-start: 0.75rem; margin: 0; box-sizing: border-box;
    width: max-content; max-width: min(22rem, calc(100vw - 1.5rem)); white-space: normal; box-shadow: 0 0.5rem 1.5rem rgb(0 0 0 / 0.25);
  }
  #navbar .in-navbar { float: left; margin: 9px 15px 0; }
  #ptx-navbar .in-navbar { align-self: center; margin-inline: 0.75rem; }
  @media (max-width: 767px) {
    .in-navbar::part(status) {
      position: absolute; z-index: 1999; inset-block-start: calc(100% + 0.375rem); inset-inline-end: 0; padding: 0 0.5rem; border-radius: 0.5rem;
      background: canvas; color: canvastext; box-shadow: 0 0 0 1px rgb(0 0 0 / 0.25);
    }
    #navbar .in-navbar { position: absolute; inset-block-start: 0; inset-inline-end: 75px; margin: 8px 0 0; }
    #navbar .in-navbar::part(name), #navbar .in-navbar::part(sign-in) { min-height: 44px; }
    .in-navbar::part(menu) { inset-inline: auto 0; }
  }
  @media (max-width: 800px) {
    #ptx-navbar .in-navbar { margin-inline: 0; }
    #ptx-navbar .in-navbar::part(name), #ptx-navbar .in-navbar::part(sign-in) { max-width: 3.25rem; padding-inline: 0.25rem; font-size: 0.75rem; gap: 0.125rem; }
    #ptx-navbar .in-navbar::part(status), #ptx-navbar .in-navbar::part(menu) { inset: auto auto calc(100% + 0.375rem) 0; }
    #ptx-navbar .in-navbar::part(message), #ptx-navbar .in-navbar::part(question) { inset-block-end: 4.5rem; }
  }
`;

/** Links of Runestone's account menu lead to its own server, and its lines name a person by an id. */
const DEAD = '.user-menu a[href^="/"], .user-menu a[href*="#runestone"], a.brand-logo[href^="/"]';

/** @param {Document} page */
export function showSignIn(page) {
  if (page.querySelector("bookgate-sign-in")) return; // the author has put it where it should be
  const element = page.createElement("bookgate-sign-in");
  element.className = "in-navbar";
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);
  page.adoptedStyleSheets.push(sheet);
  const header = page.querySelector("#navbar .navbar-header");
  const bar = page.querySelector("#ptx-navbar .ptx-navbar-contents");
  if (header) header.after(element);
  else if (bar) bar.insertBefore(element, bar.querySelector(".nav-other-controls"));
  else page.body.prepend(element);
  hideServerLinks(page);
}

/** @param {Document} page */
function hideServerLinks(page) {
  for (const link of page.querySelectorAll(DEAD)) {
    if (link.matches(".brand-logo")) link.removeAttribute("href");
    else link.closest("li")?.toggleAttribute("hidden", true);
  }
  for (const line of page.querySelectorAll(".loggedinuser")) line.toggleAttribute("hidden", true);
}
