import { expect, test } from "vitest";
import { expectationOf } from "./expectation.js";
import { createLogScript } from "./log-script.js";
import { parseLog } from "./parse-log.js";

function scriptOf(...lines: string[]) {
  return createLogScript("test", parseLog(lines.join("\n")));
}

function stepsOf(...lines: string[]): string[] {
  return scriptOf(...lines).steps.map((step) => `${step.account} ${step.type}`);
}

test("who is first seen otherwise than joining was there from the start", () => {
  const script = scriptOf(
    "[00:00] <ann> hi",
    "=== bob  has joined #ubuntu",
    "=== cy  has left #ubuntu []",
    "=== dee is now known as dee_away",
    "=== el was kicked off #ubuntu by ann (no)",
  );
  expect(script.initial).toEqual(["ann", "cy", "dee", "el"]);
  expect(script.accounts).toEqual(["ann", "bob", "cy", "dee", "el"]);
});

test("an account keeps its id when its nick changes, there and back", () => {
  expect(
    stepsOf(
      "[00:00] <ann> one",
      "=== ann is now known as ann_",
      "[00:01] <ann_> two",
      "=== ann_ is now known as ann",
      "[00:02] <ann> three",
    ),
  ).toEqual(["ann say", "ann rename", "ann say", "ann rename", "ann say"]);
});

test("a nick whose account goes by another name is another account when it is used anew", () => {
  expect(
    stepsOf(
      "[00:00] <ann> one",
      "=== ann is now known as bob",
      "=== ann  has joined #ubuntu",
      "[00:01] <ann> two",
    ),
  ).toEqual(["ann say", "ann rename", "ann~2 join", "ann~2 say"]);
});

test("who joins while being there had left before", () => {
  const script = scriptOf("=== ann  has joined #ubuntu", "=== ann  has joined #ubuntu");
  expect(script.steps.map(({ type }) => type)).toEqual(["join", "leave", "join"]);
  expect(script.counts.inferredLeaves).toBe(1);
});

test("whose nick is taken by somebody else had left before", () => {
  expect(
    stepsOf("[00:00] <ann> one", "[00:00] <ann_> two", "=== ann_ is now known as ann", "[00:01] <ann> three"),
  ).toEqual(["ann say", "ann_ say", "ann leave", "ann_ rename", "ann_ say"]);
});

test("who speaks after leaving had come back, and who leaves twice leaves once", () => {
  const left = "=== ann  has left #ubuntu []";
  const script = scriptOf("[00:00] <ann> one", left, left, "[00:01] <ann> two");
  expect(script.steps.map(({ type }) => type)).toEqual(["say", "leave", "join", "say"]);
  expect(script.counts).toMatchObject({ absentLeaves: 1, inferredJoins: 1 });
});

test("each account must see what lies in its intervals: its own joining, and not its leaving", () => {
  const script = scriptOf(
    "[00:00] <ann> one",
    "=== bob  has joined #ubuntu",
    "[00:01]  * ann waves",
    "=== bob  has left #ubuntu []",
    "[00:02] <ann> unseen",
    "=== bob  has joined #ubuntu",
    "[00:03] <bob> back",
  );
  const { owner } = script;
  const expectation = expectationOf(script);
  expect(
    expectation.entries.map(({ messageId, senderId, kind, text, members }) => [
      messageId,
      senderId,
      kind,
      text ?? members,
    ]),
  ).toEqual([
    [1, owner, "created", [owner, "ann"]],
    [2, "ann", "text", "one"],
    [3, owner, "members-added", ["bob"]],
    [4, "ann", "text", "/me waves"],
    [5, "bob", "members-removed", ["bob"]],
    [6, "ann", "text", "unseen"],
    [7, owner, "members-added", ["bob"]],
    [8, "bob", "text", "back"],
  ]);
  expect(expectation.visibleTo("bob").map(({ messageId }) => messageId)).toEqual([3, 4, 7, 8]);
  expect(expectation.visibleTo("ann")).toEqual(expectation.entries);
  expect([...expectation.members]).toEqual([owner, "ann", "bob"]);
});

test("more than 500 who were there from the start are added in batches", () => {
  const lines = Array.from({ length: 1_100 }, (_, index) => `[00:00] <nick${index}> hi`);
  const { entries, visibleTo } = expectationOf(scriptOf(...lines));
  expect(entries.slice(0, 3).map(({ kind, members }) => [kind, members?.length])).toEqual([
    ["created", 501],
    ["members-added", 500],
    ["members-added", 100],
  ]);
  expect(visibleTo("nick1099")[0]!.messageId).toBe(3);
});
