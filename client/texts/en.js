/** What readers see, in English. */

/** @typedef {import("../texts.js").Texts} Texts */

/** @param {number} count */
const changes = (count) => (count === 1 ? "1 change" : `${count} changes`);

/** @type {Texts} */
export const texts = {
  signIn: "Sign in",
  signInToKeep: "Sign in to keep your work",
  waitingForWindow: "Go on in the sign-in window",
  signedIn: "Signed in",
  guest: "Guest",
  menu: ({ name }) => `${name}: account and signing out`,
  notYou: ({ name }) => `Signed in as ${name}. Not you? Then sign out.`,
  guestNote: "You are here as a guest. Whoever signs out as a guest cannot come back to this work.",
  account: "Your account (opens a new tab)",
  signOut: "Sign out in this browser",
  signOutHere: "Sign out of this book only",
  saveFile: ({ count }) => `Save ${changes(count)} to a file`,
  fileName: "work-not-yet-saved.json",

  saving: "Saving …",
  saved: ({ time }) => `Saved ${time}`,
  waiting: ({ count }) => `${changes(count)} waiting on this device`,
  waitingUnkept: ({ count }) => `${changes(count)} not sent yet: keep this page open`,
  onlyHere: "Kept on this device only",
  onlyInPage: "Not kept: lost when this page closes",
  failed: "Not saved",

  question: ({ count, name }) => `${changes(count)} made here before you signed in. Keep ${count === 1 ? "it" : "them"} as the work of ${name}?`,
  keep: "Keep",
  discard: "Not mine: erase",
  leftover: ({ count }) => `${changes(count)} could not be sent. If you sign out now, ${count === 1 ? "it is" : "they are"} lost. Save a file first to keep ${count === 1 ? "it" : "them"}.`,
  giveUp: "Sign out and erase",
  signedOutHere: "You are signed out of this book.",
  signOutEverywhere: "Sign out of all books",
  ownTab: "Open the book in its own tab",
  thisTab: "Use this tab instead",
  copyAddress: "Copy the address",
  copied: "Copied",
  openBrowser: "Open in the browser",

  too_large: "It is too large to be saved. It stays on this device; a file of it can be saved.",
  quota_exceeded: "Your space for this book is full. It stays on this device; a file of it can be saved.",
  device_full: "This device has no room left and the gateway cannot be reached. Keep this page open, or copy your work elsewhere.",
  device_failed: "This browser could not keep your work and the gateway cannot be reached. Keep this page open, or copy your work elsewhere.",
  refused: "The service did not take it. It stays on this device and is sent again at your next visit; a file of it can be saved.",

  unreachable: "The sign-in service cannot be reached. Your work is kept on this device.",
  unreachableUnkept: "The sign-in service cannot be reached, and this window keeps nothing: leave this page open.",
  framed: "Signing in does not work inside this frame.",
  popup_blocked: "The browser did not open the sign-in window.",
  in_app: "Signing in does not work in this app. Open the book in your browser: copy its address and paste it there.",
  insecure_context: "Signing in needs a page on https.",
  access_denied: "You chose not to sign in to this book.",
  login_required: "Please sign in.",
  interaction_required: "One more step: please confirm once more.",
  consent_required: "This book needs your permission: please sign in once more.",
  cookie_required: "This browser keeps nothing for the sign-in. Allow cookies for this page and try again.",
  person_changed: "Somebody else is signed in by now. Your work was not mixed with theirs.",
  guests_refused: "Working as a guest is not possible here. Please sign in.",
  origin_refused: "This book is not on the list of the sign-in service. Its author can find out more.",
  too_many_requests: "Too many tries. Please wait a minute.",
  wrong_state: "This answer belonged to another sign-in. Please try again.",
  invalid_grant: "The sign-in took too long. Please try again.",
  temporarily_unavailable: "The sign-in service is busy. Please try again in a minute.",
  bad_answer: "Something other than the sign-in service answered. Does this network ask for a sign-in of its own?",
  failedToSignIn: "Signing in did not work. Please try again.",
};
