import { type Cancel, isChatError, type Runtime } from "@chat/protocol";
import type { LogFollower, Mark } from "../log-follower.js";
import type { RowRepair } from "./row-repair.js";

/** Marks that are looked at in one round. */
const MARKS_AT_ONCE = 100;
/** Rows that can't be brought up in one round before nothing more is tried: a store is away, then. */
const FAILURES = 3;
/**
 * How old a mark is before somebody else takes it off, ms. An append that was under way when its server vanished may still land;
 * a store gives up on one after 40 s at the most, and its mark is then 10 s older at the most.
 */
const MARK_LIFE = 60_000;

/** Looks for old marks, every server now and then, and brings up the rows that they name. */
export class MarkKeeper {
  readonly #follower: LogFollower;
  readonly #repair: RowRepair;
  readonly #interval: number;
  #runtime: Runtime | undefined;
  #cancel: Cancel | undefined;
  #underWay: Promise<void> | undefined;

  /** @param interval ms between two looks; also how long others keep off a mark that somebody looks at */
  constructor(follower: LogFollower, repair: RowRepair, interval: number) {
    this.#follower = follower;
    this.#repair = repair;
    this.#interval = interval;
  }

  start(runtime: Runtime): void {
    this.#runtime = runtime;
    this.#look();
  }

  async close(): Promise<void> {
    this.#runtime = undefined;
    this.#cancel?.();
    await this.#underWay;
  }

  #look(): void {
    this.#underWay = this.#round().finally(() => {
      this.#underWay = undefined;
      // Not all servers at the same time.
      const pause = this.#interval * (0.75 + (this.#runtime?.random.float() ?? 0) / 2);
      this.#cancel = this.#runtime?.clock.schedule(pause, () => this.#look());
    });
  }

  async #round(): Promise<void> {
    let failures = 0;
    try {
      for (;;) {
        const marks = await this.#follower.due({ limit: MARKS_AT_ONCE, lease: this.#interval });
        for (const mark of marks) {
          if (this.#runtime === undefined) return;
          try {
            await this.#lookAt(mark);
          } catch (error) {
            // They are due in the same order again: one that always fails must not keep all behind it from being looked at.
            if (++failures === FAILURES) throw error;
            this.#failed(error, mark.conversationId);
          }
        }
        if (marks.length < MARKS_AT_ONCE || this.#runtime === undefined) return;
      }
    } catch (error) {
      // The marks stay, and the next round goes on. That a store is away it tells by itself.
      this.#failed(error);
    }
  }

  #failed(error: unknown, conversationId?: string): void {
    const whose = conversationId === undefined ? {} : { conversationId };
    // A sentence that is not our own may quote what people wrote.
    if (isChatError(error)) {
      this.#runtime?.log("debug", "row_repair_failed", { ...whose, code: error.code, reason: error.message });
    } else {
      this.#runtime?.log("error", "row_repair_failed", { ...whose, error: String(error) });
    }
  }

  async #lookAt({ conversationId, owner, markedAt, age }: Mark): Promise<void> {
    const entries = await this.#repair.bringUp(conversationId);
    if (entries > 0) this.#runtime?.log("info", "row_repaired", { conversationId, entries });
    if (age >= MARK_LIFE) await this.#follower.unmark(owner, [conversationId], markedAt);
  }
}
