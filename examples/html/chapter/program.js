import { connect } from "http://127.0.0.1:8080/bookgate.js";
import { keep } from "../keep.js";

/* An editor of any kind: say how to read it and how to write it. */

const editor = document.querySelector("#editor");
const program = keep("turns", {
  read: () => editor.innerText,
  show: (text) => (editor.textContent = text),
});
editor.addEventListener("input", () => program.changed());

/* Something happened: an event for research. */

const book = await connect();
document.querySelector("#run").addEventListener("click", () => {
  const turns = editor.innerText.trim().split(/\s+/).map(Number);
  const sum = turns.reduce((all, turn) => all + turn, 0);
  document.querySelector("#said").textContent = sum === 360 ? "All the way round." : `You turned by ${sum} degrees.`;
  book.log({ type: "Run.Program", item: "turns" });
});

/* A text, without keep.js. */

const note = document.querySelector("#note");
let reader = null; // whose text is on the page
async function show() {
  if (book.user?.sub === reader) return;
  reader = book.user?.sub;
  note.value = (await book.load("note")) ?? "";
}
note.addEventListener("change", () => book.save("note", note.value));
book.addEventListener("change", show);
await show();
