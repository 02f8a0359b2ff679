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
  /** Of each push on its way. One signal for all of them would hold on to each for ever. */
  readonly #underWay = new Set<AbortController>();
  /** Each ends a pause before another try. */
  readonly #pauses = new Set<() => void>();
  #closed = false;

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
    const outcome = await this.#inTurn((aborting) => this.#attempt(subscription, push, aborting));
    if (outcome === undefined || outcome.status === "sent" || this.#closed) return {};
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
    const again = retryable && pause !== undefined && this.#pauses.size < WAITING;
    log("warn", again ? "push_delayed" : "push_failed", { userId, deviceId, provider, code: reason });
    if (!again) return {};
    const wait = Math.min(LONGEST_PAUSE, Math.max(pause, retryAfter));
    const goOn = async (): Promise<void> => {
      await new Promise<void>((resolve) => {
        const end = (): void => {
          cancel();
          this.#pauses.delete(end);
          resolve();
        };
        const cancel = clock.schedule(wait, end);
        this.#pauses.add(end);
      });
      if (this.#closed || !(await isWanted().catch(() => true))) return;
      await (
        await this.send(subscription, push, isWanted, tries + 1)
      ).rest;
    };
    return { rest: goOn() };
  }

  /** Gives up what is on its way and what waits. */
  close(): void {
    this.#closed = true;
    for (const aborting of this.#underWay) aborting.abort();
    for (const end of this.#pauses) end();
    for (const go of this.#queue.splice(0)) go();
  }

  /** Undefined once the sender is closed. */
  async #inTurn<T>(work: (aborting: AbortController) => Promise<T>): Promise<T | undefined> {
    if (this.#underWay.size >= UNDER_WAY) await new Promise<void>((resolve) => this.#queue.push(resolve));
    if (this.#closed) return undefined;
    const aborting = new AbortController();
    this.#underWay.add(aborting);
    try {
      return await work(aborting);
    } finally {
      this.#underWay.delete(aborting);
      this.#queue.shift()?.();
    }
  }

  async #attempt(
    { provider: name, target }: PushSubscription,
    push: Omit<Push, "target"> & { readonly payload: JsonObject },
    aborting: AbortController,
  ): Promise<PushOutcome> {
    const provider = this.#options.providers.get(name);
    if (provider === undefined) return { status: "failed", retryable: false, reason: "no_such_provider" };
    const { signal } = aborting;
    const over = new Promise<PushOutcome>((resolve) => {
      signal.addEventListener("abort", () =>
        resolve({ status: "failed", retryable: true, reason: "timeout" }),
      );
    });
    const cancel = this.#options.runtime.clock.schedule(DEADLINE, () => aborting.abort());
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
