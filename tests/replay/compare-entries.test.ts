import { describe, expect, test } from "vitest";
import { compareEntries, type HeldEntry } from "./compare-entries.js";
import type { ExpectedEntry } from "./expectation.js";

/** Ten entries; the third and the seventh say the same. */
const all: ExpectedEntry[] = Array.from({ length: 10 }, (_, index) => ({
  messageId: index + 1,
  senderId: index % 2 ? "bob" : "ann",
  kind: "text",
  text: index === 2 || index === 6 ? "yes" : `line ${index + 1}`,
  line: index + 1,
}));
const held: HeldEntry[] = all.map(({ line: _, ...entry }) => entry);

function differencesOf(visible: readonly ExpectedEntry[], device: readonly HeldEntry[]): string[] {
  return compareEntries(visible, device, all).map(({ difference }) => difference);
}

function spliced(
  from: readonly HeldEntry[],
  at: number,
  remove: number,
  ...insert: HeldEntry[]
): HeldEntry[] {
  return [...from.slice(0, at), ...insert, ...from.slice(at + remove)];
}

function without(index: number): HeldEntry[] {
  return spliced(held, index, 1);
}

test("a device that holds everything differs in nothing", () => {
  expect(differencesOf(all, held)).toEqual([]);
  expect(differencesOf(all.slice(2, 5), held.slice(2, 5))).toEqual([]);
  expect(differencesOf([], [])).toEqual([]);
});

describe("finds", () => {
  test.each([0, 2, 4, 6, 9])("one lost entry, at %i", (index) => {
    expect(differencesOf(all, without(index))).toEqual(["missing"]);
  });

  test("everything lost", () => {
    expect(differencesOf(all, [])).toEqual(all.map(() => "missing"));
  });

  test.each([0, 2, 4, 9])("an entry shown twice, the one at %i", (index) => {
    expect(differencesOf(all, spliced(held, index + 1, 0, held[index]!))).toEqual(["duplicate"]);
    expect(differencesOf(all, [...held, held[index]!])).toEqual(["duplicate"]);
  });

  test("a message stored twice, under a number of its own: one duplicate, and the numbers that follow", () => {
    const twice = spliced(held, 8, 0, held[7]!).map((entry, index) => ({ ...entry, messageId: index + 1 }));
    expect(differencesOf(all, twice).sort()).toEqual(["duplicate", "misnumbered", "misnumbered"]);
  });

  test("two entries that changed places", () => {
    const swapped = spliced(without(4), 5, 0, held[4]!);
    expect(differencesOf(all, swapped)).toEqual(["misordered"]);
    expect(differencesOf(all, [held[9]!, ...held.slice(0, 9)])).toEqual(["misordered"]);
  });

  test("entries stored in another order than they were said, with numbers that rise", () => {
    const stored = [
      ...held.slice(0, 4),
      { ...held[5]!, messageId: 5 },
      { ...held[4]!, messageId: 6 },
      ...held.slice(6),
    ];
    expect(differencesOf(all, stored)).toContain("misordered");
  });

  test("entries from before, between and after a member's intervals", () => {
    const visible = [...all.slice(1, 3), ...all.slice(5, 8)];
    const own = [...held.slice(1, 3), ...held.slice(5, 8)];
    expect(differencesOf(visible, own)).toEqual([]);
    expect(differencesOf(visible, [held[0]!, ...own])).toEqual(["foreign"]);
    expect(differencesOf(visible, spliced(own, 2, 0, held[3]!))).toEqual(["foreign"]);
    expect(differencesOf(visible, [...own, held[8]!, held[9]!])).toEqual(["foreign", "foreign"]);
  });

  test("a foreign entry that says what a visible one says too", () => {
    expect(differencesOf(all.slice(4), [held[2]!, ...held.slice(4)])).toEqual(["foreign"]);
  });

  test("another text, sender, kind or members", () => {
    for (const change of [
      { text: "other" },
      { senderId: "eve" },
      { kind: "x-notice" },
      { members: ["bob"] },
    ]) {
      expect(differencesOf(all, spliced(held, 4, 1, { ...held[4]!, ...change }))).toEqual(["altered"]);
    }
  });

  test("what is in no log", () => {
    const made: HeldEntry = { messageId: 11, senderId: "eve", kind: "text", text: "hi" };
    expect(differencesOf(all, [...held, made])).toEqual(["altered"]);
  });

  test("a message that was never stored", () => {
    const pending: HeldEntry = { messageId: undefined, senderId: "bob", kind: "text", text: "line 10" };
    expect(differencesOf(all, [...held.slice(0, 9), pending])).toEqual(["misnumbered"]);
    expect(differencesOf(all, [...held, pending])).toEqual(["duplicate"]);
  });

  test("all of it at once", () => {
    const device = [
      held[1]!,
      held[2]!,
      held[2]!,
      held[4]!,
      held[3]!,
      { ...held[5]!, text: "other" },
      held[9]!,
    ];
    expect(differencesOf(all.slice(1, 9), device).sort()).toEqual([
      "altered",
      "duplicate",
      "foreign",
      "misordered",
      "missing",
      "missing",
      "missing",
    ]);
  });
});
