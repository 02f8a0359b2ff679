import { type Cancel, ChatError, type Runtime } from "@chat/protocol";
import { loggableError } from "../admission/loggable-error.js";
import { inTime } from "../in-time.js";
import type { Registry, ServerIdentity, SessionRecord } from "../registry/registry.js";

/** How long the registry may take to take a server out, ms. */
const LEAVE_DEADLINE = 10_000;

/** What a lease is kept with. */
export interface RegistryLeaseOptions {
  readonly runtime: Runtime;
  readonly registry: Registry;
  readonly identity: ServerIdentity;
  /** ms without renewal after which this server counts as gone. */
  readonly duration: number;
  /** The records of the sessions that are open now. */
  records(): Iterable<SessionRecord>;
}

/** Keeps this server in the registry: renews its lease, and registers everything anew where that has run out. */
export class RegistryLease {
  readonly #options: RegistryLeaseOptions;
  #cancel: Cancel = () => {};
  #ended = false;
  /** False from the loss of the lease until every session is registered again, which may take several tries. */
  #isComplete = true;

  constructor(options: RegistryLeaseOptions) {
    this.#options = options;
  }

  /** @throws ChatError `store_unavailable` */
  async begin(): Promise<void> {
    const { registry, identity, duration } = this.#options;
    await registry.join(identity, duration);
    this.#keep();
  }

  /** Renews no more. {@link leave} is another step, for when the sessions are over. */
  end(): void {
    this.#ended = true;
    this.#cancel();
  }

  /**
   * Takes this server out of the registry, after {@link end}. What does not answer is given up, or the process could never end: the lease runs
   * out by itself.
   * @param started rejects if the server never was in it
   * @throws ChatError `store_unavailable`, and what `started` does
   */
  leave(started: Promise<unknown>): Promise<void> {
    const { runtime, registry, identity } = this.#options;
    const late = (): ChatError => new ChatError("store_unavailable", "The registry does not answer.");
    const leaving = started.then(() => registry.leave(identity));
    return inTime(runtime.clock, LEAVE_DEADLINE, late, leaving);
  }

  #keep(): void {
    const { runtime, duration } = this.#options;
    if (this.#ended) return;
    this.#cancel = runtime.clock.schedule(duration / 3, () => {
      this.#renew()
        .catch((error: unknown) => runtime.log("warn", "lease_not_renewed", { ...loggableError(error) }))
        .finally(() => this.#keep());
    });
  }

  async #renew(): Promise<void> {
    const { runtime, registry, identity, duration, records } = this.#options;
    const holds = await registry.renew(identity);
    if (holds && this.#isComplete) return;
    // It has left meanwhile, or is about to.
    if (this.#ended) return;
    this.#isComplete = false;
    if (!holds) {
      runtime.log("warn", "lease_lost", { serverId: identity.serverId });
      await registry.join(identity, duration);
    }
    for (const record of records()) await registry.register(identity, record);
    this.#isComplete = true;
  }
}
