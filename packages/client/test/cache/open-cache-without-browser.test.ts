import { systemRuntime } from "@chat/protocol";
import { expect, it } from "vitest";
import { openCache } from "../../src/cache/open-cache.js";

const account = { server: "https://a.test/chat", userId: "ana", runtime: systemRuntime() };

it("keeps everything in memory where there is no browser", async () => {
  expect(globalThis).not.toHaveProperty("indexedDB");
  const opened = await openCache(account);
  expect(opened).toMatchObject({ reason: "refused", cache: { persistent: false } });
  await opened.release();
});

it("does so too where looking for storage throws, as in a sandboxed frame", async () => {
  Object.defineProperty(globalThis, "indexedDB", {
    configurable: true,
    get() {
      throw new DOMException("Sandboxed.", "SecurityError");
    },
  });
  try {
    expect((await openCache(account)).reason).toBe("refused");
  } finally {
    Reflect.deleteProperty(globalThis, "indexedDB");
  }
});
