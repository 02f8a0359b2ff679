import { describe, expect, it } from "vitest";
import { ENTRY_KINDS, isSendableKind, kindOf } from "../src/entry-kinds.js";

describe("kinds of entries", () => {
  it.each(["text", "x-a", "x-poll-2", "x--", `x-${"a".repeat(30)}`])("%s may be sent", (kind) => {
    expect(isSendableKind(kind)).toBe(true);
  });

  it.each([
    ENTRY_KINDS.created,
    ENTRY_KINDS.membersAdded,
    ENTRY_KINDS.membersRemoved,
    ...["", "x-", "x-A", "x-ä", "x_a", "y-a", " text", "x-a\n", `x-${"a".repeat(31)}`],
  ])("%j may not be sent", (kind) => {
    expect(isSendableKind(kind)).toBe(false);
  });

  it("is text when an entry names none", () => {
    expect(kindOf({})).toBe("text");
    expect(kindOf({ kind: "created" })).toBe("created");
    expect(kindOf({ kind: "from-the-future" })).toBe("from-the-future");
  });
});
