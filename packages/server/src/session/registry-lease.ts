import type { Cancel, Runtime } from "@chat/protocol";
import { loggableError } from "../admission/loggable-error.js";
import type { Registry, ServerIdentity, SessionRecord } from "../registry/registry.js";

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

  constructor(options: RegistryLeaseOptions) {
    this.#options = options;
  }

  /** @throws ChatError `store_unavailable` */
  async begin(): Promise<void> {
    const { registry, identity, duration } = this.#options;
    await registry.join(identity, duration);
    this.#keep();
  }

  /** Renews no more. Leaving the registry is another step, for when the sessions are over. */
  end(): void {
    this.#ended = true;
    this.#cancel();
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
    if (await registry.renew(identity)) return;
    runtime.log("warn", "lease_lost", { serverId: identity.serverId });
    await registry.join(identity, duration);
    for (const record of records()) await registry.register(identity, record);
  }
}
