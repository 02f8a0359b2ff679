import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { systemRuntime } from "../src/runtime.js";

describe("systemRuntime", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("schedules once, and not at all when cancelled", () => {
    const { clock } = systemRuntime();
    const [runs, cancelled] = [vi.fn(), vi.fn()];
    clock.schedule(100, runs);
    const cancel = clock.schedule(100, cancelled);
    cancel();
    vi.advanceTimersByTime(99);
    expect(runs).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1000);
    expect(runs).toHaveBeenCalledOnce();
    expect(cancelled).not.toHaveBeenCalled();
    cancel();
  });

  it("takes a delay that is longer than timers can be for a long one, not for none", () => {
    const callback = vi.fn();
    const delays = vi.spyOn(globalThis, "setTimeout");
    const cancel = systemRuntime().clock.schedule(Number.MAX_SAFE_INTEGER, callback);
    // Fake timers know no such limit: what the platform is told is what counts.
    expect(delays.mock.calls[0]?.[1]).toBe(2 ** 31 - 1);
    cancel();
  });

  it("runs what waits for the next turn after the current one, with and without setImmediate", () => {
    for (const immediate of [setImmediate, undefined]) {
      vi.stubGlobal("setImmediate", immediate);
      const callback = vi.fn();
      systemRuntime().clock.nextTurn(callback);
      expect(callback).not.toHaveBeenCalled();
      vi.runAllTimers();
      expect(callback).toHaveBeenCalledOnce();
      vi.unstubAllGlobals();
    }
  });

  it("gives as many random bytes as asked for", () => {
    const { random } = systemRuntime();
    expect(random.bytes(16)).toHaveLength(16);
    expect(random.bytes(16)).not.toEqual(random.bytes(16));
    expect(random.float()).toBeLessThan(1);
  });
});
