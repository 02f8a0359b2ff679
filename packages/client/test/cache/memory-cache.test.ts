import { systemRuntime } from "@chat/protocol";
import { describe, expect, it } from "vitest";
import { memoryCache } from "../../src/cache/memory-cache.js";
import { cacheSuite } from "../../src/testing/cache-suite.js";

const { random } = systemRuntime();

cacheSuite({ describe, it }, "memory", () => ({ open: () => memoryCache({ random }) }));

it("says that it isn't persistent", () => {
  expect(memoryCache({ random }).persistent).toBe(false);
});

it("shares no object with the caller", async () => {
  const cache = memoryCache({ random });
  const user = { userId: "ana", version: 1, data: { list: [1] } };
  await cache.commit({ users: [user] }, "relaxed");
  user.data.list.push(2);
  expect((await cache.load()).users).toEqual([{ userId: "ana", version: 1, data: { list: [1] } }]);
});
