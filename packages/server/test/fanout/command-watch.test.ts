import { expect, it } from "vitest";
import { CommandWatch } from "../../src/fanout/redis/command-watch.js";
import { VirtualClock } from "../virtual-clock.js";

/** A watch, and commands whose answers the test gives. */
function watched() {
  const clock = new VirtualClock();
  const watch = new CommandWatch(clock.runtime.clock);
  return {
    clock,
    run() {
      let answer = (_value: string): void => {};
      let sent = false;
      let outcome = "under way";
      const result = watch.run(() => {
        sent = true;
        return new Promise((resolve) => (answer = resolve));
      });
      result.then(
        (value) => (outcome = String(value)),
        (error: Error) => (outcome = error.message),
      );
      return { answer: (value: string) => answer(value), sent: () => sent, outcome: () => outcome };
    },
  };
}

it("gives up each command 5 s after it was sent, and no other", async () => {
  const { clock, run } = watched();
  const first = run();
  clock.advance(3_000);
  const second = run();
  clock.advance(1_999);
  await clock.settle();
  expect(first.outcome()).toBe("under way");
  clock.advance(1);
  await clock.settle();
  expect(first.outcome()).toBe("Redis does not answer.");
  expect(second.outcome()).toBe("under way");
  clock.advance(3_000);
  await clock.settle();
  expect(second.outcome()).toBe("Redis does not answer.");
});

it("sends nothing while Redis is silent, but for one command each 5 s", async () => {
  const { clock, run } = watched();
  run();
  clock.advance(5_000);
  const [refused, alsoRefused] = [run(), run()];
  await clock.settle();
  expect(refused.sent() || alsoRefused.sent()).toBe(false);
  expect(refused.outcome()).toBe("Redis does not answer.");
  clock.advance(5_000);
  const [tried, notTried] = [run(), run()];
  expect([tried.sent(), notTried.sent()]).toEqual([true, false]);
  tried.answer("pong");
  await clock.settle();
  expect(tried.outcome()).toBe("pong");
  expect(run().sent()).toBe(true);
});

it("sends again when an answer comes after all, and forgets that one", async () => {
  const { clock, run } = watched();
  const late = run();
  clock.advance(5_000);
  late.answer("late");
  await clock.settle();
  expect(late.outcome()).toBe("Redis does not answer.");
  const next = run();
  next.answer("next");
  await clock.settle();
  expect(next.outcome()).toBe("next");
});

it("leaves no timer behind when everything is answered", async () => {
  const clock = new VirtualClock();
  let timers = 0;
  const watch = new CommandWatch({
    ...clock.runtime.clock,
    schedule(delay, callback) {
      timers++;
      const cancel = clock.runtime.clock.schedule(delay, callback);
      return () => {
        timers--;
        cancel();
      };
    },
  });
  await Promise.all([watch.run(() => Promise.resolve(1)), watch.run(() => Promise.resolve(2))]);
  await expect(watch.run(() => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(timers).toBe(0);
});
