/** The words that readers see, by language. */

/** @typedef {{count?: number, time?: string, name?: string, fallback?: string}} Values */

/** @type {Record<string, (values: Values) => string>} */
const english = {
  signIn: () => "Sign in",
  waitingForWindow: () => "Go on in the sign-in window",
  signOut: () => "Sign out",
  signedIn: () => "Signed in",
  you: () => "this reader",
  saving: () => "Saving",
  saved: ({ time }) => `Saved ${time}`,
  waiting: ({ count }) => `${changes(count)} waiting to be sent`,
  onlyHere: () => "Kept on this device only",
  failed: () => "Not saved",
  question: ({ count, name }) => `${changes(count)} made before you signed in. Keep ${count === 1 ? "it" : "them"} as the work of ${name}?`,
  keep: () => "Keep",
  discard: () => "Erase",
  leftover: ({ count }) => `${changes(count)} could not be sent. If you sign out now, ${count === 1 ? "it is" : "they are"} lost.`,
  giveUp: () => "Sign out and erase",
  signedOutHere: () => "You are signed out of this book.",
  signOutEverywhere: () => "Sign out of all books",
  ownTab: () => "Open the book in its own tab",
  framed: () => "Signing in does not work inside this frame.",
  unreachable: () => "The sign-in service cannot be reached. Your work is kept on this device.",
  interaction_required: () => "One more step: please confirm once more.",
  login_required: () => "Please sign in.",
  access_denied: () => "You chose not to sign in to this book.",
  insecure_context: () => "Signing in needs a page on https.",
  failedToSignIn: () => "Signing in did not work. Please try again.",
};

/** @param {number} [count] */
const changes = (count = 0) => (count === 1 ? "1 change" : `${count} changes`);

/** @param {string} key @param {Values} [values] @returns {string} */
export function text(key, values = {}) {
  const words = Object.hasOwn(english, key) ? english[key] : english[values.fallback ?? "failedToSignIn"];
  return words(values);
}
