import { type Runtime, systemRuntime } from "@chat/protocol";

/** Time that passes at once when it is waited for. */
export function hastyRuntime(): Runtime {
  const system = systemRuntime();
  let passed = 0;
  return {
    ...system,
    clock: {
      ...system.clock,
      monotonic: () => system.clock.monotonic() + passed,
      schedule(delay, callback) {
        if (delay > 1_000) return system.clock.schedule(delay, callback);
        passed += delay;
        return system.clock.schedule(0, callback);
      },
    },
  };
}
