import { type Cancel, ChatError, isChatError, type Runtime } from "@chat/protocol";
import { inTime } from "../in-time.js";
import { type Fanout, QUEUE_BYTES, QUEUE_ENVELOPES } from "./fanout.js";
import { packEnvelopes, unpackEnvelopes } from "./packet.js";

/** How long a subscription may take before it has failed, ms. */
const SUBSCRIBE_DEADLINE = 10_000;

/** Bytes for one server. */
interface Packet {
  readonly serverId: string;
  readonly bytes: Uint8Array;
}

/** What a fan-out needs of a message broker. What it rejects with is logged; nothing of it reaches the publisher. */
export interface Broker {
  /** The broker's name, for sentences. */
  readonly name: string;
  /** Bytes of a packet, unless a single envelope is larger; as in `packEnvelopes` by default. */
  readonly packetBytes?: number;
  /**
   * Hands packets over. Resolves when the client has room for more, or has lost them; the next ones come then, so
   * that nothing piles up in a client that has no connection.
   */
  send(packets: readonly Packet[]): Promise<unknown>;
  /** Receives a server's packets until the returned function is called; survives the loss of the connection. */
  receive(serverId: string, handler: (packet: Uint8Array) => void): Promise<() => Promise<unknown>>;
  /** Closes what was opened here, and nothing that was brought. */
  close(): Promise<unknown>;
}

interface Outlet {
  envelopes: Uint8Array[];
  bytes: number;
}

/** The subscription of one server id at the broker, shared by whoever listens to it here. */
interface Inlet {
  readonly handlers: Set<(envelope: Uint8Array) => void>;
  readonly opened: Promise<() => Promise<unknown>>;
}

/**
 * A {@link Fanout} over any broker. Envelopes of one turn, and those that come while the broker takes the last ones,
 * travel together; what waits is bounded per server, so a flood for one leaves room for the others.
 */
export class BrokerFanout implements Fanout {
  readonly #broker: Broker;
  readonly #runtime: Pick<Runtime, "clock" | "log">;
  #outlets = new Map<string, Outlet>();
  readonly #inlets = new Map<string, Inlet>();
  readonly #closingInlets = new Map<string, Promise<unknown>>();
  #sending = false;
  #closed: Promise<void> | undefined;
  /** Envelopes that were lost since the broker last took something. */
  #lost = 0;

  constructor(broker: Broker, runtime: Pick<Runtime, "clock" | "log">) {
    this.#broker = broker;
    this.#runtime = runtime;
  }

  publish(serverIds: readonly string[], envelope: Uint8Array): void {
    if (this.#closed !== undefined) return;
    for (const serverId of new Set(serverIds)) {
      const outlet = this.#outlets.get(serverId) ?? { envelopes: [], bytes: 0 };
      this.#outlets.set(serverId, outlet);
      if (outlet.envelopes.length >= QUEUE_ENVELOPES || outlet.bytes + envelope.length > QUEUE_BYTES) {
        this.#lost++;
        continue;
      }
      outlet.envelopes.push(envelope);
      outlet.bytes += envelope.length;
    }
    if (this.#sending || this.#outlets.size === 0) return;
    this.#sending = true;
    this.#runtime.clock.nextTurn(() => void this.#send());
  }

  async #send(): Promise<void> {
    while (this.#outlets.size > 0 && this.#closed === undefined) {
      const outlets = this.#outlets;
      this.#outlets = new Map();
      const packets: Packet[] = [];
      for (const [serverId, { envelopes }] of outlets) {
        for (const bytes of packEnvelopes(envelopes, this.#broker.packetBytes))
          packets.push({ serverId, bytes });
      }
      try {
        await this.#broker.send(packets);
        this.#sent();
      } catch (error) {
        let envelopes = 0;
        for (const outlet of outlets.values()) envelopes += outlet.envelopes.length;
        this.#failed(envelopes, error);
      }
    }
    this.#sending = false;
  }

  #sent(): void {
    if (this.#lost > 0) {
      this.#runtime.log("warn", "fanout_lost", { broker: this.#broker.name, envelopes: this.#lost });
    }
    this.#lost = 0;
  }

  #failed(envelopes: number, error: unknown): void {
    // One line when it begins, and one with the sum when it is over.
    if (this.#lost === 0 && this.#closed === undefined) {
      this.#runtime.log("warn", "fanout_failed", { broker: this.#broker.name, error: String(error) });
    }
    this.#lost += envelopes;
  }

  async subscribe(serverId: string, handler: (envelope: Uint8Array) => void): Promise<Cancel> {
    if (this.#closed !== undefined) throw new ChatError("closed", "The fan-out was closed.");
    const listener = (envelope: Uint8Array): void => handler(envelope);
    const inlet = this.#inlets.get(serverId) ?? this.#open(serverId);
    inlet.handlers.add(listener);
    const cancel = (): void => {
      if (inlet.handlers.delete(listener) && inlet.handlers.size === 0) this.#close(serverId, inlet);
    };
    try {
      await this.#within(SUBSCRIBE_DEADLINE, inlet.opened);
    } catch (error) {
      cancel();
      if (isChatError(error)) throw error;
      throw new ChatError("store_unavailable", `${this.#broker.name} refuses the subscription.`, {
        cause: error,
      });
    }
    return cancel;
  }

  close(): Promise<void> {
    this.#closed ??= (async () => {
      this.#outlets.clear();
      for (const [serverId, inlet] of this.#inlets) {
        inlet.handlers.clear();
        this.#close(serverId, inlet);
      }
      await this.#broker.close();
    })();
    return this.#closed;
  }

  #open(serverId: string): Inlet {
    const handlers: Inlet["handlers"] = new Set();
    // A subscription that is being given up comes first, or it would take the new one with it.
    const opened = (this.#closingInlets.get(serverId) ?? Promise.resolve()).then(() =>
      this.#broker.receive(serverId, (packet) => this.#deliver(handlers, packet)),
    );
    const inlet: Inlet = { handlers, opened };
    this.#inlets.set(serverId, inlet);
    return inlet;
  }

  #close(serverId: string, inlet: Inlet): void {
    if (this.#inlets.get(serverId) === inlet) this.#inlets.delete(serverId);
    const closing = inlet.opened
      .then((cancel) => cancel())
      .catch((error: unknown) => {
        // Nobody listens any more; a connection that is gone has taken the subscription with it.
        if (this.#closed === undefined)
          this.#runtime.log("debug", "fanout_unsubscribe_failed", { error: String(error) });
      })
      .finally(() => {
        if (this.#closingInlets.get(serverId) === closing) this.#closingInlets.delete(serverId);
      });
    this.#closingInlets.set(serverId, closing);
  }

  #deliver(handlers: Inlet["handlers"], packet: Uint8Array): void {
    for (const envelope of unpackEnvelopes(packet)) {
      for (const handler of [...handlers]) {
        try {
          handler(envelope);
        } catch (error) {
          this.#runtime.log("error", "fanout_handler_failed", { error: String(error) });
        }
      }
    }
  }

  #within<T>(duration: number, work: Promise<T>): Promise<T> {
    const sentence = `${this.#broker.name} can't be reached; is it up, and the login right?`;
    const tooLate = (): ChatError => new ChatError("store_unavailable", sentence);
    return inTime(this.#runtime.clock, duration, tooLate, work);
  }
}
