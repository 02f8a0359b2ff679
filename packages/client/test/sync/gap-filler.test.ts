import { ChatError } from "@chat/protocol";
import { expect, test } from "vitest";
import { createGapFiller, type GapFillerEnvironment } from "../../src/sync/gap-filler.js";
import type { Replica } from "../../src/sync/replica.js";
import { virtualClock, virtualRuntime } from "../../src/testing/virtual-clock.js";

test("a fill that the connection went away from is not said to be through: what begins it anew would do so for ever", async () => {
  const runtime = virtualRuntime(virtualClock());
  const told: string[] = [];
  const environment: Partial<GapFillerEnvironment> = {
    runtime,
    writer: { read: async () => [] },
    ask: () => Promise.reject(new ChatError("disconnected", "The connection went away.")),
    catchUpEntries: 1_000,
    changed: () => void told.push("changed"),
    caughtUp: () => void told.push("caught up"),
  };
  const filler = createGapFiller(environment as GapFillerEnvironment);
  const replica: Partial<Replica> = {
    id: "room",
    row: { joinedAt: 1, firstId: 1 } as Replica["row"],
    ranges: [{ from: 1, to: 1 }],
    early: [],
    target: 5,
    trust: "sure",
  };
  expect(await filler.fill(replica as Replica)).toBe(false);
  expect(told).toEqual(["changed", "changed"]);
});
