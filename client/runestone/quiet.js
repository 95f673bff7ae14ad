/** Answers to calls for services that are not behind this gateway: whatever the book's scripts take without a word to the reader. */

/** @typedef {import("./page.js").Call} Call */
/** @typedef {import("./page.js").Answer} Answer */

/** By the end of the path; what the scripts of Runestone 7.13.9 and of PreTeXt 2.56.1 (services 8.3.6) do with each was read there. */
const SAID = /** @type {Record<string, unknown>} */ ({
  "/coach/python_check": "", // no advice
  "/assignments/student_autograde": { success: true },
  "/student/autograde": { success: true },
  "/logger/update_reading_score": { detail: null },
  "/assessment/get_question_source": { detail: "<p>This question can be chosen only by a Runestone server.</p>" },
  "/assessment/htmlsrc": { detail: "" },
  "/auth/course_students": { detail: { students: {} } },
});

/** @param {Call} call @returns {Answer} */
export function quiet({ path }) {
  const bare = path.split("?", 1)[0];
  const found = Object.entries(SAID).find(([end]) => bare.endsWith(end));
  return found ? { status: 200, text: JSON.stringify(found[1]) } : { status: 404, text: JSON.stringify({ detail: null }) };
}
