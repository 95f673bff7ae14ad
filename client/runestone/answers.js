/** The calls of a book that are about its reader's work: into the outbox, from the gateway, and from what waits in between. */

import { BOOKEVENT, RUNLOG, history, isAnswer, result, tookExam, vote } from "./results.js";

/** @typedef {import("../book.js").Book} Book */
/** @typedef {import("./page.js").Answer} Answer */
/** @typedef {import("./page.js").Call} Call */
/** @typedef {import("./page.js").Reader} Reader */

const SLOWEST = 30_000; // ms; then the page goes on with what is on this device
const PAGE = "/ns/logger/updatelastpage";

export class Answers {
  #book;
  #reader;
  /** @type {Promise<unknown>} */
  #writing = Promise.resolve();
  /** @type {Record<string, (call: Call) => Promise<Answer>>} */
  #calls = {
    [`POST ${BOOKEVENT}`]: (call) => this.#event(call),
    [`POST ${RUNLOG}`]: (call) => this.#write(call, JSON.parse(call.body).div_id),
    "POST /ns/assessment/results": (call) => this.#result(call),
    "POST /ns/assessment/gethist": (call) => this.#history(call),
    "POST /ns/assessment/tookTimedAssessment": (call) => this.#tookExam(call),
    "GET /ns/assessment/getpollresults": (call) => this.#poll(call),
    [`POST ${PAGE}`]: (call) => this.#turned(call),
    "GET /ns/logger/getCompletionStatus": (call) => this.#ask(call, [{ completionStatus: -1 }]),
    "POST /ns/logger/set_tz_offset": () => this.#begin(),
    "GET /ns/logger/getAllCompletionStatus": (call) => this.#ask(call, []),
    "GET /ns/logger/getlastpage": (call) => this.#ask(call, { lastPageChapter: null }),
  };

  /** @param {Book} book @param {Reader} reader */
  constructor(book, reader) {
    this.#book = book;
    this.#reader = reader;
  }

  /** @param {Call} call @returns {Promise<Answer> | undefined} undefined: not one of these */
  for(call) {
    return this.#calls[`${call.method} ${call.path.split("?", 1)[0]}`]?.(call);
  }

  /** Resolves when everything that the page sent is safe on this device. */
  settled() {
    return this.#writing;
  }

  /** Programs that were changed and not run, before the page goes or somebody else's work comes. */
  keepPrograms() {
    const components = Object.values(/** @type {any} */ (globalThis).componentMap ?? {});
    for (const one of components) {
      const code = one?.editor?.getValue?.();
      if (typeof code !== "string" || !Array.isArray(one.history) || one.history.at(-1) === code) continue;
      one.history.push(code);
      const run = { div_id: one.divid, code, language: one.language, errinfo: "", to_save: "True", prefix: "", partner: "" };
      void one.logRunEvent(run);
    }
  }

  /** @param {Call} call */
  async #event(call) {
    const fields = JSON.parse(call.body);
    if (this.#book.user === null && !isAnswer(fields)) return said(null, 201); // nobody is asked about clicks
    return this.#write(call, fields.div_id);
  }

  /** @param {Call} call @param {string} label */
  async #write({ method, path, body }, label) {
    const written = this.#book.write(path, { method, body, label });
    this.#writing = Promise.allSettled([this.#writing, written]);
    await written.catch(() => null); // no room on this device: the book's status says so, the page would only open a dialog
    return said(null, 201);
  }

  /** Which page was read is for the reader who has signed in; that it is completed is work. @param {Call} call */
  async #turned(call) {
    const { markingComplete, markingIncomplete, lastPageUrl } = JSON.parse(call.body);
    if (markingComplete || markingIncomplete) await this.#write(call, lastPageUrl);
    else void this.#ask(call, "Success");
    return said("Success");
  }

  /** The first call of a page; after its answer Runestone's pages ask at once, and without waiting, whether they are completed. */
  async #begin() {
    if (document.getElementById("documentation_options")) {
      const path = `/ns/logger/getCompletionStatus?${new URLSearchParams({ lastPageUrl: location.pathname, isPtxBook: "false" })}`;
      const { detail } = JSON.parse((await this.#ask({ method: "GET", path, body: "" }, [{ completionStatus: -1 }])).text);
      this.#reader.completion = detail[0].completionStatus;
    }
    return said("success"); // times are said with their zone, so nobody keeps the reader's
  }

  /** @param {Call} call */
  async #result(call) {
    const mine = result(await this.#waiting(), JSON.parse(call.body)); // newer than what the gateway has
    return mine ? said(mine) : this.#ask(call, "no data");
  }

  /** @param {Call} call */
  async #history(call) {
    const { acid } = JSON.parse(call.body);
    const waiting = await this.#waiting();
    const { detail } = JSON.parse((await this.#ask(call, { history: [], timestamps: [] })).text);
    return said(history(waiting, acid, detail));
  }

  /** @param {Call} call */
  async #tookExam(call) {
    const { div_id } = JSON.parse(call.body);
    if (tookExam(await this.#waiting(), div_id)) return said({ tookAssessment: true });
    return this.#ask(call, { tookAssessment: false });
  }

  /** @param {Call} call */
  async #poll(call) {
    const div_id = new URLSearchParams(call.path.split("?")[1]).get("div_id") ?? "";
    const mine = vote(await this.#waiting(), div_id);
    return mine ? said(mine) : this.#ask(call, { total: 0, opt_counts: {}, div_id, my_vote: -1, my_comment: "" });
  }

  async #waiting() {
    await this.#writing; // a poll asks for its results right after the vote
    return this.#book.waiting("/ns/");
  }

  /** What the gateway answers; where it does not, what leaves the page to what it has. @param {Call} call @param {unknown} otherwise */
  async #ask({ method, path, body }, otherwise) {
    if (this.#book.user === null) return said(otherwise);
    const headers = body ? { "Content-Type": "application/json" } : undefined;
    try {
      const response = await this.#book.fetch(path, { method, headers, body: body || null, signal: AbortSignal.timeout(SLOWEST) });
      const answer = response.ok ? await response.json() : null;
      return answer !== null && typeof answer === "object" && "detail" in answer ? said(answer.detail) : said(otherwise);
    } catch {
      return said(otherwise); // offline, signed out, slow, or a page of somebody between
    }
  }
}

/** @param {unknown} detail @param {number} [status] @returns {Answer} */
const said = (detail, status = 200) => ({ status, text: JSON.stringify({ detail }) });
