/** What a component restores itself from, made of what waits on this device: in the form in which the server would say it. */

/** @typedef {{path: string, body: string, at: number}} Waiting a write that the gateway has not taken yet; at: device time, ms */
/** @typedef {Record<string, any>} Fields */

export const BOOKEVENT = "/ns/logger/bookevent";
export const RUNLOG = "/ns/logger/runlog";

const NAMED = ["poll", "timedExam", "unittest"]; // answers by their event; others have an `answer`
const PACKED = ["hparsonsAnswer", "matching", "webwork", "SPLICE.reportScoreAndState"]; // sent as JSON in a string, read as what it says
const SAVED_AS = /** @type {Record<string, string>} */ ({ "SPLICE.getState": "SPLICE.reportScoreAndState" });
const RUN = /^(?:F|False|0|)$/i; // of `to_save`: nothing changed

/** Is this more than a click on the way to an answer? @param {Fields} event */
export function isAnswer(event) {
  return NAMED.includes(event.event) || typeof event.answer === "string";
}

/**
 * The newest of the waiting answers to an activity.
 * @param {Waiting[]} waiting oldest first @param {Fields} asked what the component sent to `results`
 * @returns {Fields | null}
 */
export function result(waiting, { div_id, event }) {
  const saved = SAVED_AS[event] ?? event;
  const found = sent(waiting, BOOKEVENT).findLast(
    ({ fields }) => fields.div_id === div_id && fields.event === saved && isAnswer(fields) && (event !== "timedExam" || fields.act === "finish"),
  );
  if (!found) return null;
  const { act: _, event: __, clientLoginStatus: ___, timezoneoffset: ____, ...rest } = found.fields;
  const timestamp = new Date(found.at).toISOString();
  const correct = rest.correct === "T" ? true : rest.correct === "F" ? false : rest.correct;
  return { ...rest, correct, answer: unpacked(saved, rest.answer), timestamp };
}

/**
 * The programs that were run, with those that wait after those that the server has.
 * @param {Waiting[]} waiting @param {string} activity @param {{history: string[], timestamps: string[]}} saved
 */
export function history(waiting, activity, { history, timestamps }) {
  const runs = sent(waiting, RUNLOG).filter(({ fields }) => fields.div_id === activity && !RUN.test(String(fields.to_save ?? "True")));
  return {
    acid: activity,
    sid: "",
    history: [...history, ...runs.map(({ fields }) => fields.code)],
    timestamps: [...timestamps, ...runs.map(({ at }) => new Date(at).toISOString())],
  };
}

/** @param {Waiting[]} waiting @param {string} exam @returns {boolean} begun or finished on this device */
export function tookExam(waiting, exam) {
  return sent(waiting, BOOKEVENT).some(({ fields }) => fields.event === "timedExam" && fields.div_id === exam);
}

/** @param {Waiting[]} waiting @param {string} poll @returns {Fields | null} */
export function vote(waiting, poll) {
  const found = sent(waiting, BOOKEVENT).findLast(({ fields }) => fields.event === "poll" && fields.div_id === poll);
  const option = /^[0-9]+/.exec(String(found?.fields.act))?.[0];
  return option === undefined ? null : { total: 1, opt_counts: { [option]: 1 }, div_id: poll, my_vote: option, my_comment: "" };
}

/** @param {Waiting[]} waiting @param {string} path @returns {{fields: Fields, at: number}[]} */
function sent(waiting, path) {
  return waiting.filter((one) => one.path === path).map(({ body, at }) => ({ fields: JSON.parse(body), at }));
}

/** @param {string} event @param {unknown} answer */
function unpacked(event, answer) {
  if (!PACKED.includes(event) || typeof answer !== "string") return answer;
  try {
    return JSON.parse(answer);
  } catch {
    return answer;
  }
}
