import { registrySuite } from "@chat/server/testing";
import { describe, it } from "vitest";
import { inProcessRegistry } from "../../src/registry/in-process-registry.js";
import { VirtualClock } from "../virtual-clock.js";

registrySuite({ describe, it }, "in process", () => {
  const clock = new VirtualClock();
  const shared = inProcessRegistry(clock.runtime.clock);
  return {
    registry: () => shared,
    setMembers: () => Promise.resolve(),
    advance: (duration) => clock.advance(duration),
    dispose: () => undefined,
  };
});
