import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { Answers } from "../../client/runestone/answers.js";
import { quiet } from "../../client/runestone/quiet.js";
import { history, result, tookExam, vote } from "../../client/runestone/results.js";

globalThis.document = { getElementById: () => ({}) };
globalThis.location = { pathname: "/a.html" };

const VISITS = JSON.parse(await readFile(new URL("../backends/runestone_visits.json", import.meta.url), "utf8"));
const WRITES = ["/ns/logger/bookevent", "/ns/logger/runlog"];
const waits = (path, fields, at = 0) => ({ path, body: JSON.stringify(fields), at });
const event = (fields, at) => waits(WRITES[0], { course_name: "c", clientLoginStatus: true, timezoneoffset: 0, ...fields }, at);
const truth = (value) => (value === "T" ? true : value === "F" ? false : value);

for (const [book, visit] of Object.entries(VISITS)) {
  test(`${book}: what waits answers as its server did`, () => {
    const waiting = [];
    let compared = 0;
    for (const { path, query, body, answer } of visit) {
      if (WRITES.includes(path)) waiting.push(waits(path, body));
      const said = answer?.detail;
      if (path === "/ns/assessment/results" && typeof said === "object") {
        const mine = result(waiting, body);
        for (const name of ["answer", "source", "min_height", "incorrect", "skipped", "time_taken"]) {
          assert.deepEqual(mine[name], said[name], `${body.div_id} ${name}`);
        }
        assert.equal(mine.correct, truth(said.correct), body.div_id);
        compared += 1;
      }
      if (path === "/ns/assessment/gethist" && said.history.length > 0) {
        assert.deepEqual(history(waiting, body.acid, { history: [], timestamps: [] }).history, said.history);
        compared += 1;
      }
      if (path === "/ns/assessment/getpollresults") {
        assert.equal(vote(waiting, query.div_id).my_vote, said.my_vote);
        compared += 1;
      }
      if (path === "/ns/assessment/tookTimedAssessment") assert.equal(tookExam(waiting, body.div_id), said.tookAssessment);
    }
    assert.ok(compared >= 3, `${compared} answers were compared`);
  });
}

test("an answer is the newest of its activity and kind; clicks are none, and an exam that is not finished has no score", () => {
  const waiting = [
    event({ event: "mChoice", div_id: "q", answer: "0", correct: "F" }, 1000),
    event({ event: "mChoice", div_id: "q", answer: "1", correct: "T" }, 2000),
    event({ event: "mChoice", div_id: "other", answer: "2", correct: "F" }, 3000),
    event({ event: "parsonsMove", div_id: "q", act: "move" }, 4000),
    event({ event: "timedExam", div_id: "e", act: "start" }, 5000),
  ];
  const { answer, correct, timestamp } = result(waiting, { div_id: "q", event: "mChoice" });
  assert.deepEqual([answer, correct, timestamp], ["1", true, "1970-01-01T00:00:02.000Z"]);
  assert.equal(result(waiting, { div_id: "q", event: "parsons" }), null);
  assert.equal(result(waiting, { div_id: "e", event: "timedExam" }), null);
  assert.equal(tookExam(waiting, "e"), true);
});

test("answers that travel as JSON in a string come back as what they say", () => {
  const answer = { connections: [{ from: "a", to: "b" }] };
  const waiting = [event({ event: "matching", div_id: "m", answer: JSON.stringify(answer), correct: true })];
  assert.deepEqual(result(waiting, { div_id: "m", event: "matching" }).answer, answer);
  const broken = [event({ event: "matching", div_id: "m", answer: "{", correct: true })];
  assert.equal(result(broken, { div_id: "m", event: "matching" }).answer, "{");
});

test("runs that changed nothing are no history", () => {
  const runs = ["True", "False", undefined].map((to_save, at) => waits(WRITES[1], { div_id: "p", code: `v${at}`, to_save }, at));
  const found = history(runs, "p", { history: ["v"], timestamps: ["2026-01-01T00:00:00+00:00"] });
  assert.deepEqual(found.history, ["v", "v0", "v2"]);
  assert.equal(found.timestamps.length, 3);
});

/** A book that keeps what is written, and whose gateway answers what the test says. */
function answers({ user = { sub: "ada" }, waiting = [], gateway = () => Promise.reject(new TypeError("offline")) } = {}) {
  const written = [];
  const book = {
    user,
    waiting: async () => waiting,
    write: async (path, { body }) => void written.push([path, JSON.parse(body)]),
    fetch: async (...asked) => gateway(...asked),
  };
  const reader = {};
  const all = new Answers(book, reader);
  const ask = async (method, path, body) => {
    const answer = await all.for({ method, path, body: body === undefined ? "" : JSON.stringify(body) });
    return answer && { status: answer.status, detail: JSON.parse(answer.text).detail };
  };
  return { ask, written, reader };
}
const json = (value, status = 200) => new Response(typeof value === "string" ? value : JSON.stringify(value), { status });

test("events and runs are answered as soon as they are safe on this device", async () => {
  const { ask, written } = answers();
  assert.deepEqual(await ask("POST", WRITES[0], { event: "parsonsMove", div_id: "q" }), { status: 201, detail: null });
  assert.deepEqual(await ask("POST", WRITES[1], { div_id: "p", code: "1" }), { status: 201, detail: null });
  assert.deepEqual(written.map(([path]) => path), WRITES);
});

test("of nobody only answers are kept, so that nobody is asked about clicks", async () => {
  const { ask, written } = answers({ user: null });
  await ask("POST", WRITES[0], { event: "knowl", div_id: "k", act: "open" });
  await ask("POST", WRITES[0], { event: "poll", div_id: "p", act: "1" });
  await ask("POST", "/ns/logger/updatelastpage", { lastPageUrl: "/a", markingComplete: false });
  assert.deepEqual(written.map(([, { event: name }]) => name), ["poll"]);
});

test("what waits goes before what the gateway has", async () => {
  const waiting = [event({ event: "mChoice", div_id: "q", answer: "1", correct: "T" })];
  const { ask } = answers({ waiting, gateway: () => json({ detail: { answer: "0", correct: false } }) });
  assert.equal((await ask("POST", "/ns/assessment/results", { div_id: "q", event: "mChoice" })).detail.answer, "1");
  assert.equal((await ask("POST", "/ns/assessment/results", { div_id: "r", event: "mChoice" })).detail.answer, "0");
});

const TROUBLES = {
  offline: () => Promise.reject(new TypeError("offline")),
  "signed out": () => json({ error: "login_required" }, 401),
  "a page of somebody between": () => json("<html>"),
  "an answer of nothing": () => json("null"),
  "a broken service": () => json({ detail: "oh" }, 500),
};
for (const [trouble, gateway] of Object.entries(TROUBLES)) {
  test(`${trouble}: the page goes on with what it has`, async () => {
    const { ask } = answers({ gateway });
    const asked = { div_id: "q", event: "mChoice", course: "c" };
    assert.deepEqual(await ask("POST", "/ns/assessment/results", asked), { status: 200, detail: "no data" });
    assert.deepEqual((await ask("POST", "/ns/assessment/gethist", { acid: "p" })).detail.history, []);
    assert.deepEqual((await ask("POST", "/ns/assessment/tookTimedAssessment", { div_id: "e" })).detail, { tookAssessment: false });
    assert.equal((await ask("GET", "/ns/assessment/getpollresults?div_id=p&course=c")).detail.my_vote, -1);
    assert.deepEqual((await ask("GET", "/ns/logger/getCompletionStatus?lastPageUrl=/a")).detail, [{ completionStatus: -1 }]);
  });
}

test("a page knows whether it is completed before it asks", async () => {
  const { ask, reader } = answers({ gateway: () => json({ detail: [{ completionStatus: 1 }] }) });
  assert.deepEqual(await ask("POST", "/ns/logger/set_tz_offset", {}), { status: 200, detail: "success" });
  assert.equal(reader.completion, 1);
});

test("a device without room opens no dialog", async () => {
  const book = { user: { sub: "ada" }, write: () => Promise.reject(new Error("device_full")) };
  const full = new Answers(book, {});
  const answer = await full.for({ method: "POST", path: WRITES[0], body: JSON.stringify({ event: "poll", div_id: "p", act: "1" }) });
  assert.equal(answer.status, 201);
});

test("every call of the recorded visits has an answer that a page can read", async () => {
  const { ask } = answers();
  for (const { method, path, query, body, status } of Object.values(VISITS).flat()) {
    const address = query ? `${path}?${new URLSearchParams(query)}` : path;
    const answer = (await ask(method, address, body)) ?? quiet({ method, path: address, body: "" });
    assert.equal(answer.status, status ?? 200, address);
  }
});

test("services that are not here are answered without a word to the reader", () => {
  const said = (path) => quiet({ method: "POST", path, body: "" });
  assert.deepEqual(said("/ns/coach/python_check"), { status: 200, text: '""' });
  assert.deepEqual(said("#runestone/assignments/student_autograde"), { status: 200, text: '{"success":true}' });
  assert.equal(said("/assignment/student/autograde").status, 200);
  assert.equal(said("/ns/assessment/gettop10Answers?course=c").status, 404);
});
