import assert from "node:assert/strict";
import { test } from "node:test";
import { ADA, GUEST, form, now, opened } from "./opened-book.mjs";

/** A book whose gateway answers scores so. */
async function graded(answer, user = ADA) {
  return opened(({ path }) => (path === "/auth/lti/score" ? answer : undefined), { user });
}

const QUEUED = { status: 202, body: { state: "queued", now: now() } };

test("a score goes to the gateway as the reader of now, with the page that it is of", async () => {
  const { book, sent } = await graded(QUEUED);
  assert.deepEqual(await book.reportScore({ score: 7.5, of: 10, comment: "loops" }), { state: "queued" });
  const [request] = sent("/auth/lti/score");
  assert.deepEqual(Object.fromEntries(form(request)), { score: "7.5", of: "10", comment: "loops", page: location.pathname + location.search });
  assert.equal(request.headers["x-bookgate-person"], ADA.sub);
  await book.reportScore({ score: 1, of: 1, page: "/cs1/" });
  assert.equal(form(sent("/auth/lti/score")[1]).get("page"), "/cs1/");
});

test("where no course grades the page, nothing comes of it", async () => {
  const { book } = await graded({ status: 404, body: { error: "not_graded" } });
  assert.equal(await book.reportScore({ score: 1, of: 1 }), null);
});

test("of a guest and of nobody nothing is sent", async () => {
  for (const user of [GUEST, null]) {
    const { book, sent } = await graded(QUEUED, user);
    assert.equal(await book.reportScore({ score: 1, of: 1 }), null);
    assert.equal(sent("/auth/lti/score").length, 0);
  }
});

test("a score that is none, and a gateway in trouble, are told", async () => {
  for (const [status, code] of [[400, "invalid_request"], [503, "directory_unavailable"]]) {
    const { book } = await graded({ status, body: { error: code } });
    await assert.rejects(book.reportScore({ score: 2, of: 1 }), { code });
  }
});
