/** Puts signing in, and what became of the reader's work, into the navigation bar of a Runestone or PreTeXt page. */

const STYLE = `
  bookgate-sign-in.in-navbar { font-size: 0.875rem; line-height: 1.3; }
  .navbar-header bookgate-sign-in.in-navbar { float: right; margin: 8px 12px; }
  @media (min-width: 768px) { .navbar-header bookgate-sign-in.in-navbar { float: left; } }
  .ptx-navbar bookgate-sign-in.in-navbar { margin: 0 0.5rem; }
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
  const bar = page.querySelector("#navbar .navbar-header") ?? page.querySelector("#ptx-navbar .nav-other-controls");
  if (bar) bar.append(element);
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
