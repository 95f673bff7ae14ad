/** Reads [[name, before, after], ...] and writes the names whose code is another one after, comments and places apart. */

import { parse } from "acorn";

const PLACES = new Set(["start", "end"]);
const read = async () => JSON.parse(Buffer.concat(await Array.fromAsync(process.stdin)).toString());

/** @param {string} source */
function code(source) {
  const sourceType = /^(?:import|export)\b/m.test(source) ? "module" : "script";
  const tree = parse(source, { ecmaVersion: "latest", sourceType });
  return JSON.stringify(tree, (name, value) => (PLACES.has(name) ? undefined : typeof value === "bigint" ? String(value) : value));
}

console.log(JSON.stringify((await read()).filter(([, before, after]) => code(before) !== code(after)).map(([name]) => name)));
