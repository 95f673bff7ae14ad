/**
 * Says whether an answer is right: `<form data-keep="question1" data-right="choice=120">` with an `<output>` in it.
 * The answers are in the page, so this is for practice, not for marks.
 */

const judge = (form) => {
  const [name, right] = form.dataset.right.split("=");
  const choice = new FormData(form).get(name);
  const correct = choice === right;
  form.querySelector("output").textContent = choice === null ? "" : correct ? "Yes." : "Not yet. Try another.";
  return { choice, correct };
};

document.addEventListener("submit", (event) => {
  if (!event.target.matches("form[data-right]")) return;
  event.preventDefault(); // also where there is no gateway
  const { choice, correct } = judge(event.target);
  void globalThis.bookgate?.connect().then((book) => {
    book.log({ type: "Submit", item: event.target.dataset.keep, answer: choice, correct });
  });
});
document.addEventListener("restored", (event) => event.target.matches("form[data-right]") && judge(event.target));
