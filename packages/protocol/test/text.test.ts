import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { assertText, firstCharacters, fitsCharacters, isWellFormed } from "../src/text.js";
import { anyUnits, wellFormed } from "./arbitraries.js";

const texts = fc.oneof(wellFormed(), anyUnits);

describe("fitsCharacters", () => {
  it("counts code points, for any text", () => {
    fc.assert(
      fc.property(texts, fc.nat(50), (text, max) => {
        expect(fitsCharacters(text, max)).toBe([...text].length <= max);
      }),
      { numRuns: 2000 },
    );
  });

  it("counts an astral character once, and a family of seven code points seven times", () => {
    expect(fitsCharacters("😀".repeat(4096), 4096)).toBe(true);
    expect(fitsCharacters("😀".repeat(4096) + "a", 4096)).toBe(false);
    expect(fitsCharacters("👨‍👩‍👧‍👦", 7)).toBe(true);
    expect(fitsCharacters("👨‍👩‍👧‍👦", 6)).toBe(false);
  });
});

describe("isWellFormed", () => {
  it("finds every lone surrogate, and nothing else", () => {
    fc.assert(
      fc.property(texts, (text) => {
        const lone = [...text].some((character) => /^[\ud800-\udfff]$/.test(character));
        expect(isWellFormed(text)).toBe(!lone);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ["", true],
    ["😀", true],
    ["\ud83d", false],
    ["\ude00", false],
    ["\ude00\ud83d", false],
    ["😀\ud83d", false],
    ["a\ude00b", false],
  ])("of %j is %s", (text, expected) => {
    expect(isWellFormed(text)).toBe(expected);
  });
});

describe("firstCharacters", () => {
  it("takes whole code points from the front, for any text", () => {
    fc.assert(
      fc.property(texts, fc.nat(50), (text, max) => {
        expect(firstCharacters(text, max)).toBe([...text].slice(0, max).join(""));
      }),
      { numRuns: 2000 },
    );
  });

  it("cuts no surrogate pair", () => {
    expect(firstCharacters("a😀b", 2)).toBe("a😀");
    expect(firstCharacters("😀😀😀", 1)).toBe("😀");
    expect(firstCharacters("abc", 0)).toBe("");
    expect(firstCharacters("abc", 3)).toBe("abc");
  });
});

describe("assertText", () => {
  it.each(["a", "\u0000", " ", "😀".repeat(10), "x".repeat(10)])("takes %j", (text) => {
    expect(() => assertText(text, 10)).not.toThrow();
  });

  it.each([
    ["", "text_empty"],
    ["x".repeat(11), "text_too_long"],
    ["😀".repeat(11), "text_too_long"],
    ["x".repeat(1_000_000), "text_too_long"],
    ["\ud83d", "text_malformed"],
    ["ab\ude00", "text_malformed"],
  ])("refuses %j with %s", (text, code) => {
    expect(() => assertText(text, 10)).toThrow(expect.objectContaining({ code, retryable: false }) as Error);
  });
});
