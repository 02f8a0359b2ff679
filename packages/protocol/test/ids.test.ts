import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { assertId, isId, isUuid, newUuid, utf8Length, uuidFromBytes, uuidToBytes } from "../src/ids.js";
import { LIMITS } from "../src/limits.js";
import { anyUnits, uuid, wellFormed } from "./arbitraries.js";

const UUID = "0123abcd-4567-89ef-8000-00ff10fe01a0";

describe("UUIDs", () => {
  it("become their 16 bytes", () => {
    expect(Buffer.from(uuidToBytes(UUID)).toString("hex")).toBe("0123abcd456789ef800000ff10fe01a0");
    expect(uuidFromBytes(uuidToBytes(UUID))).toBe(UUID);
  });

  it("go to bytes and back, whatever they are", () => {
    fc.assert(
      fc.property(uuid, (value) => isUuid(value) && uuidFromBytes(uuidToBytes(value)) === value),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        expect(uuidToBytes(uuidFromBytes(bytes))).toEqual(bytes);
      }),
    );
  });

  it.each([
    ["upper case", UUID.toUpperCase()],
    ["no hyphens", UUID.replaceAll("-", "")],
    ["a hyphen elsewhere", "0123abcd4-567-89ef-8000-00ff10fe01a0"],
    ["a letter beyond f", UUID.replace("a", "g")],
    ["braces", `{${UUID}}`],
    ["a line end behind it", `${UUID}\n`],
    ["nothing", ""],
  ])("are only the canonical form, not with %s", (_, value) => {
    expect(isUuid(value)).toBe(false);
  });

  const random = (byte: number) => ({
    bytes: (length: number) => new Uint8Array(length).fill(byte),
    float: () => 0,
  });

  it("are of version 4 when new, and take every other bit from chance", () => {
    expect(newUuid(random(0x00))).toBe("00000000-0000-4000-8000-000000000000");
    expect(newUuid(random(0xff))).toBe("ffffffff-ffff-4fff-bfff-ffffffffffff");
  });

  it("sort by a time that they are given", () => {
    expect(newUuid(random(0xff), 0)).toBe("00000000-0000-7fff-bfff-ffffffffffff");
    expect(newUuid(random(0x00), 0x0123456789ab)).toBe("01234567-89ab-7000-8000-000000000000");
    // A clock may stand at any time, and tell it in fractions.
    expect(isUuid(newUuid(random(0x00), 1_700_000_000_000.5))).toBe(true);
    expect(isUuid(newUuid(random(0x00), -1))).toBe(true);
  });
});

describe("utf8Length", () => {
  it("agrees with TextEncoder", () => {
    const encoder = new TextEncoder();
    fc.assert(
      fc.property(fc.oneof(wellFormed(), anyUnits), (text) => {
        expect(utf8Length(text)).toBe(encoder.encode(text).length);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ["\u007f", 1],
    ["\u0080", 2],
    ["\u07ff", 2],
    ["\u0800", 3],
    ["\uffff", 3],
    ["\u{10000}", 4],
    ["\u{10ffff}", 4],
    ["\ud800", 3],
    ["\udc00\ud800", 6],
  ])("counts %j", (text, bytes) => {
    expect(utf8Length(text)).toBe(bytes);
  });
});

describe("isId", () => {
  it.each([
    "a",
    " ",
    "order-4711",
    "名前",
    "😀",
    UUID,
    "x".repeat(128),
    "é".repeat(64),
    "😀".repeat(32),
    "\u00a0",
    "__proto__",
  ])("takes %j", (value) => {
    expect(isId(value)).toBe(true);
    expect(() => assertId(value, "conversationId")).not.toThrow();
  });

  it.each([
    "",
    "x".repeat(129),
    "é".repeat(65),
    "😀".repeat(33),
    "x".repeat(1_000_000),
    "\u0000",
    "a\nb",
    "\u001f",
    "\u007f",
    "\u0080",
    "\u009f",
    "\ud800",
    "a\udc00",
    "\udc00\ud800",
    undefined,
    null,
    1,
    new Uint8Array(16),
    ["a"],
    { length: 1 },
  ])("refuses %j", (value) => {
    expect(isId(value)).toBe(false);
    expect(() => assertId(value, "userId")).toThrow(
      expect.objectContaining({
        code: "invalid_argument",
        message: expect.stringContaining("userId") as string,
      }) as Error,
    );
  });

  it("agrees with its rule for any string", () => {
    fc.assert(
      fc.property(fc.oneof(wellFormed(140), anyUnits), (value) => {
        const bytes = new TextEncoder().encode(value).length;
        const forbidden = [...value].some((character) => {
          const point = character.codePointAt(0)!;
          return point < 0x20 || (point >= 0x7f && point < 0xa0) || (point >= 0xd800 && point < 0xe000);
        });
        const rule = bytes >= 1 && bytes <= LIMITS.idBytes && !forbidden;
        expect(isId(value)).toBe(rule);
      }),
      { numRuns: 2000 },
    );
  });
});
