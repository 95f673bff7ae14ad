/** The turtle's page: an SVG that shows a drawing, line by line where the reader likes movement. */

import { draw } from "./turtle.js";

const SVG = "http://www.w3.org/2000/svg";
const MOVEMENT = 900; // ms for a whole drawing

/** Draws a program into an <svg>; throws Mistake. */
export function show(svg, program, { animated = false } = {}) {
  const turtle = draw(program);
  svg.setAttribute("viewBox", frame(turtle));
  const lines = turtle.lines.map(line);
  svg.replaceChildren(...lines, arrow(turtle));
  if (animated && !matchMedia("(prefers-reduced-motion: reduce)").matches) animate(lines);
  return turtle;
}

function line({ x1, y1, x2, y2, color, width }) {
  const element = document.createElementNS(SVG, "line");
  for (const [name, value] of Object.entries({ x1, y1, x2, y2, "stroke-width": width })) element.setAttribute(name, value);
  if (color) element.style.stroke = color; // a name that CSS does not know leaves the pen as it was
  return element;
}

function arrow({ x, y, heading }) {
  const element = document.createElementNS(SVG, "path");
  element.setAttribute("d", "M0 -9L6 6L0 3L-6 6Z");
  element.setAttribute("transform", `translate(${x} ${y}) rotate(${heading})`);
  element.setAttribute("class", "arrow");
  return element;
}

/** A square around all lines, with some air. */
function frame({ lines, x, y }) {
  const xs = [x, 0, ...lines.flatMap(({ x1, x2 }) => [x1, x2])];
  const ys = [y, 0, ...lines.flatMap(({ y1, y2 }) => [y1, y2])];
  const [left, right] = [xs.reduce(smaller), xs.reduce(larger)];
  const [top, bottom] = [ys.reduce(smaller), ys.reduce(larger)];
  const side = Math.max(right - left, bottom - top, 120) + 40;
  return `${(left + right - side) / 2} ${(top + bottom - side) / 2} ${side} ${side}`;
}

const smaller = (a, b) => Math.min(a, b);
const larger = (a, b) => Math.max(a, b);

function animate(lines) {
  const began = performance.now();
  let shown = 0;
  for (const element of lines) element.style.visibility = "hidden";
  requestAnimationFrame(function step(now) {
    const until = Math.ceil((lines.length * Math.max(0, now - began)) / MOVEMENT);
    for (; shown < Math.min(until, lines.length); shown++) lines[shown].style.visibility = "";
    if (shown < lines.length && lines[shown].isConnected) requestAnimationFrame(step);
  });
}
