/** The words that readers see: one file for each language in texts/, loaded when it is wanted. */

/** @typedef {{count: number, time: string, name: string}} Values */
/** @typedef {Record<string, string | ((values: Values) => string)>} Texts the same keys in every language */

export const LANGUAGES = ["en", "de"]; // a new one: its file in texts/, and its name here

/**
 * The first language wanted that there is; English if there is none.
 * @param {readonly string[]} wanted BCP 47, best first @returns {string}
 */
export function choose(wanted) {
  for (const tag of wanted) {
    const language = tag.toLowerCase().split("-")[0];
    if (LANGUAGES.includes(language)) return language;
  }
  return "en";
}

/** @param {string} language one of LANGUAGES @returns {Promise<Texts>} */
export async function loadTexts(language) {
  return (await import(`./texts/${language}.js`)).texts;
}

/**
 * @param {Texts} texts @param {string} key @param {Partial<Values>} [values] @returns {string} "" where there are no words for it
 */
export function say(texts, key, { count = 0, time = "", name = "" } = {}) {
  const words = Object.hasOwn(texts, key) ? texts[key] : "";
  return typeof words === "string" ? words : words({ count, time, name });
}
