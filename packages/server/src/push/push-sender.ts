import type { JsonObject, Runtime } from "@chat/protocol";
import type { PushStore, PushSubscription } from "../store/push-store.js";
import type { Push, PushOutcome, PushProvider } from "./push-provider.js";

/** Pushes that are on their way at once. */
const UNDER_WAY = 64;
/** Pushes that may wait for another try; beyond it they are given up. */
const WAITING = 1_000;
/** ms that a provider may take over one push. */
const DEADLINE = 15_000;
/** ms before the second try, and before the third. What a push service asks for counts if it is more… */
const PAUSES = [5_000, 30_000] as const;
/** …up to this. */
const LONGEST_PAUSE = 60_000;

/** What the sender works with. */
export interface PushSenderOptions {
  readonly runtime: Runtime;
  readonly pushes: Pick<PushStore, "unsubscribe">;
  readonly providers: ReadonlyMap<string, PushProvider>;
}

/** Sends pushes by their providers: so many at once, within a deadline, and again a few times where that may help. */
export class PushSender {
  readonly #options: PushSenderOptions;
  readonly #queue: (() => void)[] = [];
  readonly #closed = new AbortController();
  #underWay = 0;
  #waiting = 0;

  constructor(options: PushSenderOptions) {
    this.#options = options;
  }

  /**
   * Sends once. Never rejects.
   * @param isWanted asked before each further try
   * @returns what goes on afterwards, if it is tried again
   */
  async send(
    subscription: PushSubscription,
    push: Omit<Push, "target">,
    isWanted: () => Promise<boolean>,
    tries = 0,
  ): Promise<{ readonly rest?: Promise<void> }> {
    const outcome = await this.#inTurn(() => this.#attempt(subscription, push));
    if (outcome === undefined || outcome.status === "sent") return {};
    const { userId, deviceId, provider, address } = subscription;
    const { log, clock } = this.#options.runtime;
    if (outcome.status === "gone") {
      log("info", "push_gone", { userId, deviceId, provider });
      await this.#options.pushes.unsubscribe({ userId, deviceId, address }).catch((error: unknown) => {
        // The next push finds it once more.
        log("warn", "push_unsubscribe_failed", { error: String(error) });
      });
      return {};
    }
    const { reason, retryable, retryAfter = 0 } = outcome;
    const pause = PAUSES[tries];
    const again = retryable && pause !== undefined && this.#waiting < WAITING;
    log("warn", again ? "push_delayed" : "push_failed", { userId, deviceId, provider, code: reason });
    if (!again) return {};
    const wait = Math.min(LONGEST_PAUSE, Math.max(pause, retryAfter));
    const goOn = async (): Promise<void> => {
      this.#waiting++;
      await new Promise<void>((resolve) => {
        const cancel = clock.schedule(wait, resolve);
        this.#closed.signal.addEventListener("abort", () => {
          cancel();
          resolve();
        });
      });
      this.#waiting--;
      if (this.#closed.signal.aborted || !(await isWanted().catch(() => true))) return;
      await (
        await this.send(subscription, push, isWanted, tries + 1)
      ).rest;
    };
    return { rest: goOn() };
  }

  /** Gives up what is on its way and what waits. */
  close(): void {
    this.#closed.abort();
    for (const go of this.#queue.splice(0)) go();
  }

  /** Undefined once the sender is closed. */
  async #inTurn<T>(work: () => Promise<T>): Promise<T | undefined> {
    if (this.#underWay >= UNDER_WAY) await new Promise<void>((resolve) => this.#queue.push(resolve));
    if (this.#closed.signal.aborted) return undefined;
    this.#underWay++;
    try {
      return await work();
    } finally {
      this.#underWay--;
      this.#queue.shift()?.();
    }
  }

  async #attempt(
    { provider: name, target }: PushSubscription,
    push: Omit<Push, "target"> & { readonly payload: JsonObject },
  ): Promise<PushOutcome> {
    const provider = this.#options.providers.get(name);
    if (provider === undefined) return { status: "failed", retryable: false, reason: "no_such_provider" };
    const late = new AbortController();
    const signal = AbortSignal.any([late.signal, this.#closed.signal]);
    const over = new Promise<PushOutcome>((resolve) => {
      signal.addEventListener("abort", () =>
        resolve({ status: "failed", retryable: true, reason: "timeout" }),
      );
    });
    const cancel = this.#options.runtime.clock.schedule(DEADLINE, () => late.abort());
    try {
      return await Promise.race([provider.send({ ...push, target }, signal), over]);
    } catch (error) {
      const reason = error instanceof Error ? error.name : "error";
      return { status: "failed", retryable: true, reason };
    } finally {
      cancel();
    }
  }
}
