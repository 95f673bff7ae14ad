/** The book's pages: programs that run, questions that are checked, and both saved when a reader is signed in. */

import { show } from "./drawing.js";
import { kept } from "./keeping.js";
import { Mistake } from "./turtle.js";

customElements.define("turtle-drawing", class extends HTMLElement {
  connectedCallback() {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", this.getAttribute("aria-label") ?? "");
    show(svg, this.textContent, { animated: true });
    this.replaceChildren(svg);
  }
});

customElements.define("turtle-program", class extends HTMLElement {
  connectedCallback() {
    const name = this.getAttribute("name");
    const first = this.textContent.trim();
    this.innerHTML = `
      <div class="edit">
        <label for="program-${name}"></label>
        <textarea id="program-${name}" spellcheck="false" autocapitalize="off" autocomplete="off" rows="8"></textarea>
        <div class="buttons"><button type="button" class="run">Run</button><button type="button" class="reset">Start over</button></div>
        <p class="said" role="status"></p>
      </div>
      <svg role="img" aria-label="What the turtle drew"></svg>`;
    const find = (selector) => this.querySelector(selector);
    const editor = find("textarea");
    find("label").textContent = this.getAttribute("label");
    editor.value = first;
    editor.rows = Math.max(8, first.split("\n").length + 1);

    const put = (program) => {
      editor.value = program;
      this.run();
    };
    const item = kept(`program-${name}`, { kind: "program", restored: put, cleared: () => put(first) });
    this.run = (animated = false) => {
      try {
        const { lines } = show(find("svg"), editor.value, { animated });
        find(".said").textContent = animated ? `${lines.length} line${lines.length === 1 ? "" : "s"} drawn.` : "";
        return null;
      } catch (error) {
        if (!(error instanceof Mistake)) throw error;
        find(".said").textContent = error.message;
        return error.message;
      }
    };
    editor.addEventListener("input", () => item.changed(() => editor.value));
    editor.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) find(".run").click();
    });
    find(".run").addEventListener("click", () => {
      const error = this.run(true);
      item.log({ type: error ? "Compile.Error" : "Run.Program", ...(error && { error }) });
    });
    find(".reset").addEventListener("click", () => {
      put(first);
      item.changed(() => first);
    });
    this.run();
  }
});

for (const form of document.querySelectorAll("form.quiz")) {
  const button = Object.assign(document.createElement("button"), { textContent: "Check" });
  const verdict = document.createElement("output");
  const row = Object.assign(document.createElement("div"), { className: "buttons" });
  row.append(button, verdict);
  form.querySelector(".why").before(row);
  let attempt = 0;

  const judge = () => {
    const choice = new FormData(form).get("choice");
    const correct = choice === form.dataset.answer;
    form.dataset.state = choice === null ? "" : correct ? "right" : "wrong";
    verdict.textContent = choice === null ? "Choose one first." : correct ? "Yes." : "Not yet. Try another.";
    form.querySelector(".why").hidden = !correct;
    return { choice, correct };
  };
  const restored = ({ choice, attempt: count }) => {
    attempt = count;
    form.elements.choice.value = choice;
    judge();
  };
  const cleared = () => {
    attempt = 0;
    form.reset();
    judge();
    verdict.textContent = "";
  };
  const item = kept(`quiz-${form.dataset.quiz}`, { kind: "answer", restored, cleared });
  form.addEventListener("input", () => {
    form.dataset.state = "";
    verdict.textContent = "";
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const { choice, correct } = judge();
    if (choice === null) return;
    attempt += 1;
    item.save({ choice, correct, attempt });
    item.log({ type: "Submit", answer: choice, correct, attempt });
  });
}

/* The contents say how far the reader is; a chapter says that it was opened. */
const { page } = document.querySelector("main").dataset;
if (page) {
  const opened = kept(`page-${page}`, { kind: "progress", missing: () => opened.save({ opened: true }) });
  opened.log({ type: "Resource.View" });
}
for (const output of document.querySelectorAll("[data-progress]")) {
  const say = (words) => () => (output.textContent = words);
  kept(`page-${output.dataset.progress}`, { restored: say("read"), cleared: say("") });
}
