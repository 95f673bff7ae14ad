import assert from "node:assert/strict";
import { test } from "node:test";
import { Mistake, draw } from "../../examples/book/turtle.js";

const close = (value, wanted) => assert.ok(Math.abs(value - wanted) < 1e-9, `${value} is not ${wanted}`);

test("a square has four lines and ends where it began", () => {
  const { lines, x, y } = draw("repeat 4 [ forward 100 right 90 ]");
  assert.equal(lines.length, 4);
  close(x, 0);
  close(y, 0);
});

test("words with numbers, arithmetic, :count, comments, short words", () => {
  const { x, y, lines } = draw("to step :n\n fd :n * 2 + (1 + 2) - 4 / 2 ; a comment\nend\nrepeat 2 [ step :count ]\npu rt 90 fd -5");
  close(y, -(3 + 5));
  close(x, -5);
  assert.equal(lines.length, 2);
});

for (const [program, words] of [
  ["fly 10", /does not know “fly”/],
  ["forward", /number is missing/],
  ["forward right", /number, not/],
  ["repeat 4 [ forward 1", /never closed/],
  ["to x forward 1", /needs an end/],
  ["forward :n", /what :n is/],
  ["forward 1 / 0", /divided by zero/],
  ["repeat 1000000 [ right 1 ]", /long walk/],
  ["to x x end x", /without an end/],
  ["to forward end", /comes a new word/],
  ["color red", /quote/],
  ["constructor 1", /does not know/],
]) {
  test(`a mistake is said in words: ${program}`, () => {
    assert.throws(() => draw(program), (error) => error instanceof Mistake && words.test(error.message));
  });
}
