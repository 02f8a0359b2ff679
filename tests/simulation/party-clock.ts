import type { Runtime } from "@chat/protocol";
import type { Chance } from "./chance.js";
import type { Party, Scheduler } from "./scheduler.js";
import type { Trace } from "./trace.js";

/** Wall-clock ms at which every world begins. */
export const EPOCH = 1_700_000_000_000;

/** A party's own idea of time: its wall clock may jump, its monotonic clock only skips forward when it slept. */
export class PartyClock {
  /** ms that the wall clock is off. */
  offset = 0;
  /** ms that passed for this party alone, while it slept. */
  slept = 0;

  constructor(private readonly scheduler: Scheduler) {}

  wall(): number {
    return Math.floor(EPOCH + this.scheduler.now + this.slept + this.offset);
  }

  /** What the code under test is given as its runtime. */
  runtime(party: Party, chance: Chance, trace: Trace): Runtime {
    const { scheduler } = this;
    return {
      clock: {
        now: () => this.wall(),
        monotonic: () => scheduler.now + this.slept,
        schedule: (delay, callback) => scheduler.after(delay, party, callback),
        nextTurn: (callback) => scheduler.after(0, party, callback),
      },
      random: chance,
      log(level, event, fields) {
        if (!party.alive) return;
        trace.hit(`log ${event}`);
        if (level !== "debug") trace.note(party.name, `${level} ${event} ${JSON.stringify(fields)}`);
        if (event === "request_failed") trace.fail("no defect is reported", JSON.stringify(fields));
      },
    };
  }
}
