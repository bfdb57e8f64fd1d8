import assert from "node:assert/strict";
import test from "node:test";

import { chooseSource } from "../../../topocallback/tensorboard_tab/static/source.js";

/** The source over routes that all give one answer. */
function sourceOf(answer) {
  globalThis.document = { getElementById: () => null };
  globalThis.fetch = async () => answer;
  return chooseSource();
}

test("a record that the server refuses is refused in its words", async () => {
  const source = sourceOf(new Response("It unpacks to more than 256 MB.", { status: 413 }));
  await assert.rejects(source.snapshot("key"), { message: "It unpacks to more than 256 MB." });
});

test("any other answer is told by its number", async () => {
  const source = sourceOf(new Response("<html>", { status: 500 }));
  await assert.rejects(source.snapshot("key"), { message: 'TensorBoard answered 500 to "snapshot".' });
});
