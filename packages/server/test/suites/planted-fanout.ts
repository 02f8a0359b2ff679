import { ChatError, systemRuntime } from "@chat/protocol";
import { type Fanout, QUEUE_ENVELOPES } from "../../src/fanout/fanout.js";

type Handler = (envelope: Uint8Array) => void;

const { clock } = systemRuntime();

const BROUGHT = "brings an envelope to each of the servers that it is sent to, and to no other";
const APART = "tells servers apart whose ids are alike, or mean something to a broker";
const BYTES = "keeps every byte, of many large envelopes in one turn, too";
const THROWS = "never throws, whoever is not there and however much is sent";
const CANCELLED = "brings nothing any more after it was cancelled";
const CLOSED = "is quiet once closed";
const AGAIN = "brings envelopes again after the broker was killed and came back with nothing";
const AWAY = "subscribes while the broker is away";

/** What authors of fan-outs get wrong, and the case of the suite that says so. */
export const PLANTED = {
  "sends to everybody who listens": BROUGHT,
  "sends to the first server only": BROUGHT,
  "sends to the last server only": BROUGHT,
  "keeps one handler, whatever the server": BROUGHT,
  "resolves before the subscription holds": BROUGHT,
  "leaves out its own end": "brings what a server sends to itself",
  "takes ids in lower case": APART,
  "takes ids for patterns": APART,
  "cuts ids at a slash": APART,
  "drops what a datagram does not hold": BYTES,
  "sends a turn as one message, however large": BYTES,
  "takes bytes for text": BYTES,
  "hands over the whole buffer": BYTES,
  "receives into one buffer": "leaves the bytes alone that a handler was given",
  "calls handlers at once": "returns at once, and calls no handler inside of publish",
  "returns a promise": "returns at once, and calls no handler inside of publish",
  "throws for a server that is not there": THROWS,
  "throws when it is full": THROWS,
  "bounds all servers together": "lets no server wait for one that is flooded and not there",
  "ends with a handler that throws": "goes on after a handler that throws",
  "does not cancel": CANCELLED,
  "cancels all servers": CANCELLED,
  "counts a cancel twice": CANCELLED,
  "brings a cancelled handler back": CANCELLED,
  "hands over what waited for a cancelled one": "brings nothing any more that waited when it was cancelled",
  "throws once closed": CLOSED,
  "sends once closed": CLOSED,
  "closes once only": CLOSED,
  "subscribes once closed": CLOSED,
  "hands over once closed": CLOSED,
} as const;

/** What they get wrong of a broker that goes away, and the case of the suite for that. */
export const PLANTED_FAULTS = {
  "subscribes once": AGAIN,
  "subscribes again once only": AGAIN,
  "sends no more after a failure": AGAIN,
  "throws while the broker is away": AGAIN,
  "keeps everything until the broker is back": "bounds what waits while the broker is away",
  "closes when the broker is back": "closes at once while the broker is away",
  "forgets who subscribed meanwhile": AWAY,
  "subscribes for ever": AWAY,
} as const;

export type Defect = keyof typeof PLANTED | keyof typeof PLANTED_FAULTS;

/** A broker in this process, which forgets all subscriptions when it is killed. */
export class PlantedBroker {
  readonly ends = new Set<PlantedFanout>();
  /** Ends that are subscribed, by server. */
  subscribed = new Map<string, Set<PlantedFanout>>();
  isUp = true;
  starts = 0;

  kill(): void {
    this.isUp = false;
    this.subscribed = new Map();
  }

  start(): void {
    this.isUp = true;
    this.starts++;
    for (const end of this.ends) end.back();
  }

  subscribe(serverId: string, end: PlantedFanout): void {
    this.subscribed.set(serverId, (this.subscribed.get(serverId) ?? new Set()).add(end));
  }
}

/** A fan-out that keeps the contract, but for one defect. */
export class PlantedFanout implements Fanout {
  readonly #broker: PlantedBroker;
  readonly #defect: Defect | undefined;
  readonly #handlers = new Map<string, Set<Handler>>();
  readonly #buffer = new Uint8Array(131_072);
  readonly #held: Uint8Array[] = [];
  #waiting = new Map<string, Uint8Array[]>();
  #isBack = (): void => {};
  #back = new Promise<void>((resolve) => (this.#isBack = resolve));
  #isSending = false;
  #isClosed = false;
  #isBroken = false;

  constructor(broker: PlantedBroker, defect?: Defect) {
    this.#broker = broker;
    this.#defect = defect;
    broker.ends.add(this);
  }

  publish(serverIds: readonly string[], envelope: Uint8Array): void {
    if (this.#isClosed && this.#has("throws once closed")) throw new Error("It is closed.");
    if (this.#isClosed && !this.#has("sends once closed")) return;
    if (!this.#broker.isUp && this.#has("throws while the broker is away")) throw new Error("ECONNREFUSED");
    if (!this.#broker.isUp && this.#has("keeps everything until the broker is back"))
      this.#held.push(envelope);
    let ids = [...new Set(serverIds)].map((id) => this.#nameOf(id));
    if (this.#has("sends to everybody who listens")) ids = [...this.#broker.subscribed.keys()];
    if (this.#has("sends to the first server only")) ids = ids.slice(0, 1);
    if (this.#has("sends to the last server only")) ids = ids.slice(-1);
    for (const id of ids) {
      if (this.#has("throws for a server that is not there") && !this.#broker.subscribed.has(id))
        throw new Error("Nobody is there.");
      if (this.#has("calls handlers at once")) this.#carry(id, envelope);
      else this.#wait(id, envelope);
    }

    if (this.#has("returns a promise")) return Promise.resolve() as never;
  }

  async subscribe(serverId: string, handler: Handler): Promise<() => void> {
    if (this.#isClosed && !this.#has("subscribes once closed"))
      throw new ChatError("closed", "The fan-out was closed.");
    if (!this.#broker.isUp && this.#has("subscribes for ever")) await new Promise(() => {});
    const id = this.#nameOf(serverId);
    const isAnew = (this.#handlers.get(id)?.size ?? 0) === 0;
    const handlers =
      isAnew && !this.#has("brings a cancelled handler back")
        ? new Set<Handler>()
        : (this.#handlers.get(id) ?? new Set());
    if (this.#has("keeps one handler, whatever the server")) this.#handlers.clear();
    const listener: Handler = (envelope) => handler(envelope);
    this.#handlers.set(id, handlers.add(listener));
    if (this.#has("resolves before the subscription holds"))
      void clock.schedule(100, () => this.#broker.subscribe(id, this));
    else {
      if (!this.#broker.isUp && !this.#has("forgets who subscribed meanwhile")) await this.#back;
      this.#broker.subscribe(id, this);
      if (!this.#broker.isUp) this.#broker.subscribed.clear();
    }
    let isCancelled = false;
    return () => {
      if (this.#has("does not cancel")) return;
      if (this.#has("counts a cancel twice") && isCancelled) this.#broker.subscribed.clear();
      isCancelled = true;
      if (this.#has("cancels all servers")) this.#handlers.clear();
      if (this.#has("brings a cancelled handler back")) this.#broker.subscribed.get(id)?.delete(this);
      else if (!this.#has("hands over what waited for a cancelled one")) handlers.delete(listener);
      else void clock.schedule(5, () => handlers.delete(listener));
    };
  }

  async close(): Promise<void> {
    if (this.#isClosed && this.#has("closes once only")) throw new Error("It is closed.");
    if (!this.#broker.isUp && this.#has("closes when the broker is back")) await this.#back;
    this.#isClosed = true;
    if (this.#has("hands over once closed")) return;
    this.#broker.ends.delete(this);
    for (const ends of this.#broker.subscribed.values()) ends.delete(this);
  }

  /** The broker is there again. */
  back(): void {
    this.#isBack();
    this.#back = new Promise((resolve) => (this.#isBack = resolve));
    this.#held.length = 0;
    if (this.#has("subscribes once") || (this.#has("subscribes again once only") && this.#broker.starts > 1))
      return;
    if (this.#has("forgets who subscribed meanwhile")) return;
    for (const id of this.#handlers.keys()) this.#broker.subscribe(id, this);
  }

  receive(id: string, envelope: Uint8Array): void {
    for (const handler of [...(this.#handlers.get(id) ?? [])]) {
      try {
        handler(this.#bytesOf(envelope));
      } catch {
        if (this.#has("ends with a handler that throws")) this.#handlers.delete(id);
      }
    }
  }

  #wait(id: string, envelope: Uint8Array): void {
    const waiting = this.#waiting.get(id) ?? [];
    this.#waiting.set(id, waiting);
    const lengths = [...this.#waiting.values()].map(({ length }) => length);
    const full = this.#has("bounds all servers together")
      ? lengths.reduce((a, b) => a + b, 0)
      : waiting.length;
    if (full >= QUEUE_ENVELOPES && this.#has("throws when it is full")) throw new Error("Too much waits.");
    if (full >= QUEUE_ENVELOPES) return;
    waiting.push(this.#has("receives into one buffer") ? envelope : Uint8Array.from(envelope));
    if (this.#isSending) return;
    this.#isSending = true;
    clock.nextTurn(() => {
      this.#isSending = false;
      const all = this.#waiting;
      this.#waiting = new Map();
      if (!this.#broker.isUp) this.#isBroken ||= this.#has("sends no more after a failure");
      if (!this.#broker.isUp || this.#isBroken || (this.#isClosed && !this.#has("sends once closed"))) return;
      for (const [to, envelopes] of all) {
        const bytes = envelopes.reduce((sum, { length }) => sum + length, 0);
        if (this.#has("sends a turn as one message, however large") && bytes > 1_048_576) continue;
        for (const each of envelopes) this.#carry(to, each);
      }
    });
  }

  #carry(id: string, envelope: Uint8Array): void {
    if (this.#has("drops what a datagram does not hold") && envelope.length > 65_507) return;
    const ids = this.#has("takes ids for patterns")
      ? [...this.#broker.subscribed.keys()].filter((each) => each === id || /^([*>#]|a\.\*)$/.test(each))
      : [id];
    for (const to of ids) {
      for (const end of this.#broker.subscribed.get(to) ?? []) {
        if (end !== this || !this.#has("leaves out its own end")) end.receive(to, envelope);
      }
    }
  }

  #bytesOf(envelope: Uint8Array): Uint8Array {
    if (this.#has("takes bytes for text"))
      return Uint8Array.from(Buffer.from(Buffer.from(envelope).toString()));
    if (this.#has("hands over the whole buffer"))
      return new Uint8Array(Buffer.from(envelope.slice(0, 100)).buffer);
    if (!this.#has("receives into one buffer")) return Uint8Array.from(envelope);
    this.#buffer.set(envelope);
    return this.#buffer.subarray(0, envelope.length);
  }

  #nameOf(serverId: string): string {
    if (this.#has("takes ids in lower case")) return serverId.toLowerCase();
    return this.#has("cuts ids at a slash") ? serverId.split("/")[0]! : serverId;
  }

  #has(defect: Defect): boolean {
    return this.#defect === defect;
  }
}
