import { type Cancel, ChatError, type Runtime, systemRuntime } from "@chat/protocol";
import { type Fanout, QUEUE_BYTES, QUEUE_ENVELOPES } from "./fanout.js";

interface Subscription {
  readonly serverId: string;
  readonly handler: (envelope: Uint8Array) => void;
  queue: Uint8Array[];
  queuedBytes: number;
}

/**
 * Fan-out among the servers of one process: the default, and all that one process needs. Share one among several servers,
 * and close these together: the first that closes closes it for all, and the others then hear of each other by the change feed.
 * Envelopes are handed over in a later turn of the event loop, so a handler never runs inside somebody's publish.
 */
export function inProcessFanout(runtime: Pick<Runtime, "clock" | "log"> = systemRuntime()): Fanout {
  return new InProcessFanout(runtime);
}

class InProcessFanout implements Fanout {
  readonly #runtime: Pick<Runtime, "clock" | "log">;
  readonly #subscriptions = new Map<string, Set<Subscription>>();
  #deliveryScheduled = false;
  #closed = false;

  constructor(runtime: Pick<Runtime, "clock" | "log">) {
    this.#runtime = runtime;
  }

  publish(serverIds: readonly string[], envelope: Uint8Array): void {
    for (const serverId of new Set(serverIds)) {
      for (const subscription of this.#subscriptions.get(serverId) ?? [])
        this.#enqueue(subscription, envelope);
    }
  }

  async subscribe(serverId: string, handler: (envelope: Uint8Array) => void): Promise<Cancel> {
    if (this.#closed) throw new ChatError("closed", "The fan-out was closed.");
    const subscription: Subscription = { serverId, handler, queue: [], queuedBytes: 0 };
    const ofServer = this.#subscriptions.get(serverId) ?? new Set();
    this.#subscriptions.set(serverId, ofServer.add(subscription));
    return () => this.#cancel(subscription);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const ofServer of this.#subscriptions.values()) {
      for (const subscription of ofServer) this.#cancel(subscription);
    }
  }

  #cancel(subscription: Subscription): void {
    const ofServer = this.#subscriptions.get(subscription.serverId);
    ofServer?.delete(subscription);
    if (ofServer?.size === 0) this.#subscriptions.delete(subscription.serverId);
    subscription.queue = [];
  }

  #enqueue(subscription: Subscription, envelope: Uint8Array): void {
    const full =
      subscription.queue.length >= QUEUE_ENVELOPES ||
      subscription.queuedBytes + envelope.length > QUEUE_BYTES;
    if (full) return;
    subscription.queue.push(envelope);
    subscription.queuedBytes += envelope.length;
    if (this.#deliveryScheduled) return;
    this.#deliveryScheduled = true;
    this.#runtime.clock.nextTurn(() => this.#deliver());
  }

  #deliver(): void {
    this.#deliveryScheduled = false;
    for (const ofServer of [...this.#subscriptions.values()]) {
      for (const subscription of [...ofServer]) this.#deliverTo(subscription, ofServer);
    }
  }

  #deliverTo(subscription: Subscription, ofServer: ReadonlySet<Subscription>): void {
    const envelopes = subscription.queue;
    // What a handler publishes waits for the next turn.
    subscription.queue = [];
    subscription.queuedBytes = 0;
    for (const envelope of envelopes) {
      if (!ofServer.has(subscription)) return;
      try {
        subscription.handler(envelope);
      } catch (error) {
        this.#runtime.log("error", "fanout_handler_failed", { error: String(error) });
      }
    }
  }
}
