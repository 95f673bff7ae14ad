/** The turtle's language, a small Logo: read into a tree, then walked with a limit of steps. It can draw, and nothing else. */

const STEPS = 50_000;
const DEPTH = 200;
const TOKEN = /\s*(?:;[^\n]*\s*)*(\[|\]|\(|\)|[+*/-]|:[a-z_]\w*|"[a-z#]\w*|\d+(?:\.\d+)?|[a-z_]\w*|\S|$)/giy;

/** Each word of the language: how many numbers it takes, and what it does to the turtle. */
const WORDS = {
  forward: [1, (turtle, [steps]) => walk(turtle, steps)],
  back: [1, (turtle, [steps]) => walk(turtle, -steps)],
  right: [1, (turtle, [angle]) => (turtle.heading += angle)],
  left: [1, (turtle, [angle]) => (turtle.heading -= angle)],
  width: [1, (turtle, [width]) => (turtle.width = Math.min(Math.max(width, 0.5), 20))],
  penup: [0, (turtle) => (turtle.down = false)],
  pendown: [0, (turtle) => (turtle.down = true)],
};
const SHORT = { fd: "forward", bk: "back", rt: "right", lt: "left", pu: "penup", pd: "pendown", colour: "color" };

/** A mistake in a program, in words for the reader. */
export class Mistake extends Error {}

/** The lines that a program draws: [{x1, y1, x2, y2, color, width}], and where the turtle ends. */
export function draw(program) {
  const tokens = read(program);
  const words = new Map();
  const tree = parse(tokens, words);
  const turtle = { x: 0, y: 0, heading: 0, down: true, color: "", width: 2, lines: [], steps: 0 };
  run(tree, {}, turtle, words, 0);
  return turtle;
}

function read(program) {
  const tokens = [];
  for (const [, token] of program.matchAll(TOKEN)) if (token) tokens.push(token.toLowerCase());
  return tokens;
}

/** The commands up to a closing bracket, `end`, or the end of the program. `to` adds to words and leaves nothing behind. */
function parse(tokens, words, end = null) {
  const commands = [];
  for (;;) {
    const token = tokens.shift();
    if (token === undefined && end !== null) throw new Mistake(end === "]" ? "A [ is never closed." : "A word begun with to needs an end.");
    if (token === undefined || token === end) return commands;
    commands.push(...command(token, tokens, words));
  }
}

function command(token, tokens, words) {
  const word = SHORT[token] ?? token;
  if (word === "to") return define(tokens, words);
  if (word === "repeat") return [{ word, times: number(tokens), body: block(tokens, words) }];
  if (word === "color") return [{ word, color: color(tokens.shift()) }];
  const takes = WORDS[word]?.[0] ?? words.get(word)?.names.length;
  if (takes === undefined) throw new Mistake(`The turtle does not know “${token}”.`);
  return [{ word, values: Array.from({ length: takes }, () => number(tokens)) }];
}

function define(tokens, words) {
  const word = tokens.shift() ?? "";
  if (!/^[a-z_]\w*$/.test(word) || WORDS[word] || SHORT[word]) throw new Mistake("After to comes a new word.");
  const names = [];
  while (tokens[0]?.startsWith(":")) names.push(tokens.shift());
  words.set(word, { names, body: [] }); // known inside its own body
  words.get(word).body = parse(tokens, words, "end");
  return [];
}

function block(tokens, words) {
  if (tokens.shift() !== "[") throw new Mistake("After repeat and its number comes a [.");
  return parse(tokens, words, "]");
}

function color(token) {
  if (!token?.startsWith('"')) throw new Mistake('A colour is written with a quote before it: color "teal');
  return token.slice(1);
}

/** A sum of products of numbers, as a tree. */
function number(tokens) {
  let left = product(tokens);
  while (tokens[0] === "+" || tokens[0] === "-") left = { sign: tokens.shift(), left, right: product(tokens) };
  return left;
}

function product(tokens) {
  let left = single(tokens);
  while (tokens[0] === "*" || tokens[0] === "/") left = { sign: tokens.shift(), left, right: single(tokens) };
  return left;
}

function single(tokens) {
  const token = tokens.shift();
  if (token === "-") return { sign: "-", left: { value: 0 }, right: single(tokens) };
  if (token === "(") {
    const inside = number(tokens);
    if (tokens.shift() !== ")") throw new Mistake("A ( is never closed.");
    return inside;
  }
  if (token?.startsWith(":")) return { name: token };
  if (/^\d/.test(token ?? "")) return { value: Number(token) };
  throw new Mistake(token === undefined ? "A number is missing at the end." : `Here should be a number, not “${token}”.`);
}

function value(tree, names) {
  if ("value" in tree) return tree.value;
  if ("name" in tree) {
    if (!(tree.name in names)) throw new Mistake(`Nobody said what ${tree.name} is.`);
    return names[tree.name];
  }
  const [left, right] = [value(tree.left, names), value(tree.right, names)];
  if (tree.sign === "/" && right === 0) throw new Mistake("Nothing can be divided by zero.");
  return { "+": left + right, "-": left - right, "*": left * right, "/": left / right }[tree.sign];
}

function run(commands, names, turtle, words, depth) {
  if (depth > DEPTH) throw new Mistake("A word uses itself without an end.");
  for (const item of commands) {
    if (++turtle.steps > STEPS) throw new Mistake("That is a very long walk. The turtle stops here.");
    if (item.word === "repeat") {
      const times = value(item.times, names);
      for (let count = 1; count <= times; count++) run(item.body, { ...names, ":count": count }, turtle, words, depth + 1);
    } else if (item.word === "color") {
      turtle.color = item.color;
    } else {
      const values = item.values.map((tree) => value(tree, names));
      const own = words.get(item.word);
      if (own) run(own.body, Object.fromEntries(own.names.map((name, i) => [name, values[i]])), turtle, words, depth + 1);
      else WORDS[item.word][1](turtle, values);
    }
  }
}

function walk(turtle, steps) {
  const { x: x1, y: y1, color, width } = turtle;
  const angle = (turtle.heading * Math.PI) / 180;
  turtle.x += steps * Math.sin(angle);
  turtle.y -= steps * Math.cos(angle);
  if (turtle.down) turtle.lines.push({ x1, y1, x2: turtle.x, y2: turtle.y, color, width });
}
