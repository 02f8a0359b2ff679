import { describe, expect, it, vi } from "vitest";
import { ChatError, isChatError } from "../src/chat-error.js";
import { CLOSE_CODES } from "../src/close-code.js";
import { ERROR_CODES, isErrorCode, RETRYABLE_CODES } from "../src/error-code.js";

describe("ChatError", () => {
  it("takes `retryable` from its code", () => {
    expect(new ChatError("overloaded", "Later.").retryable).toBe(true);
    expect(new ChatError("forbidden", "No.").retryable).toBe(false);
  });

  it("takes `retryable` from the peer where it says so, and trusts no unknown code", () => {
    expect(new ChatError("overloaded", "Later.", { retryable: false }).retryable).toBe(false);
    expect(new ChatError("from_the_future", "Later.", { retryable: true }).retryable).toBe(true);
    for (const code of ["from_the_future", "constructor", "__proto__", ""]) {
      expect(new ChatError(code, "?").retryable).toBe(false);
      expect(isErrorCode(code)).toBe(false);
    }
  });

  it("is an Error with a cause only where there is one", () => {
    const cause = new Error("beneath");
    const error = new ChatError("internal", "A defect.", { cause, retryAfter: 5 });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ name: "ChatError", message: "A defect.", cause, retryAfter: 5 });
    expect("cause" in new ChatError("internal", "A defect.")).toBe(false);
  });
});

describe("isChatError", () => {
  it("knows the errors of another copy of this package", async () => {
    vi.resetModules();
    const copy = await import("../src/chat-error.js");
    const foreign = new copy.ChatError("conflict", "Taken.");
    expect(copy.ChatError).not.toBe(ChatError);
    expect(foreign).not.toBeInstanceOf(ChatError);
    expect(isChatError(foreign)).toBe(true);
    expect(copy.isChatError(new ChatError("conflict", "Taken."))).toBe(true);
  });

  it.each([
    undefined,
    null,
    "conflict",
    1,
    new Error("x"),
    { code: "conflict" },
    { brand: "other" },
    () => {},
  ])("does not know %s", (value) => {
    expect(isChatError(value)).toBe(false);
  });
});

describe("codes", () => {
  it("are what they were: a code is never renamed or given another meaning", async () => {
    const errors = Object.entries(ERROR_CODES).map(
      ([code, { retryable }]) => `${code}${retryable ? " retryable" : ""}`,
    );
    const closes = Object.entries(CLOSE_CODES).map(
      ([name, { code, terminal }]) => `${code} ${name}${terminal ? " terminal" : ""}`,
    );
    // When a code was added on purpose: npx vitest run packages/protocol --update
    await expect(["errors", ...errors, "", "close codes", ...closes, ""].join("\n")).toMatchFileSnapshot(
      "codes.txt",
    );
  });

  it("of closing are unique and in the range that RFC 6455 leaves to applications", () => {
    const codes = Object.values(CLOSE_CODES).map(({ code }) => code);
    expect(new Set(codes).size).toBe(codes.length);
    for (const code of codes) expect(code >= 4000 && code <= 4999).toBe(true);
  });

  it("that may be tried again are listed", () => {
    const retryable = Object.entries(ERROR_CODES).filter(([, meaning]) => meaning.retryable);
    expect(RETRYABLE_CODES).toEqual(retryable.map(([code]) => code));
  });

  it("stand in for a sentence that is empty, with where to read of them", () => {
    expect(new ChatError("conflict", "").message).toBe("conflict: see docs/errors.md#conflict");
  });

  it("of errors fit their field", () => {
    for (const code of Object.keys(ERROR_CODES)) expect(code).toMatch(/^[a-z_]{1,40}$/);
  });
});
