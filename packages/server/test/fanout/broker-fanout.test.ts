import { describe, expect, it } from "vitest";
import { type Broker, BrokerFanout } from "../../src/fanout/broker-fanout.js";
import { packEnvelopes, unpackEnvelopes } from "../../src/fanout/packet.js";
import { VirtualClock } from "../virtual-clock.js";

type Packets = Parameters<Broker["send"]>[0];

/** A broker in the hand of the test: it takes what it is sent when it is told to, or refuses it. */
class HeldBroker implements Broker {
  readonly name = "a broker";
  readonly sent: Packets[] = [];
  #answers: { take(): void; refuse(error: Error): void }[] = [];
  subscription: Promise<unknown> = Promise.resolve();
  handler: (packet: Uint8Array) => void = () => {};
  cancelled = 0;

  send(packets: Packets): Promise<unknown> {
    this.sent.push(packets);
    return new Promise<void>((take, refuse) => this.#answers.push({ take, refuse }));
  }

  async receive(_serverId: string, handler: (packet: Uint8Array) => void): Promise<() => Promise<unknown>> {
    await this.subscription;
    this.handler = handler;
    return async () => this.cancelled++;
  }

  async close(): Promise<void> {}

  take(): void {
    this.#answers.shift()!.take();
  }

  refuse(): void {
    this.#answers.shift()!.refuse(new Error("refused"));
  }

  /** How many envelopes each server was sent with one call. */
  envelopes(call: number): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { serverId, bytes } of this.sent[call] ?? [])
      counts[serverId] = (counts[serverId] ?? 0) + unpackEnvelopes(bytes).length;
    return counts;
  }
}

function open() {
  const clock = new VirtualClock();
  const broker = new HeldBroker();
  const events: { event: string; fields: object }[] = [];
  const fanout = new BrokerFanout(broker, {
    ...clock.runtime,
    log: (_level, event, fields) => events.push({ event, fields }),
  });
  return { clock, broker, events, fanout };
}

describe("a fan-out over a broker", () => {
  it("sends what one turn publishes together, and what comes meanwhile with the next", async () => {
    const { clock, broker, fanout } = open();
    fanout.publish(["a", "b", "a"], Uint8Array.of(1));
    fanout.publish(["a"], Uint8Array.of(2));
    expect(broker.sent).toHaveLength(0);
    await clock.settle();
    expect(broker.envelopes(0)).toEqual({ a: 2, b: 1 });
    expect(broker.sent[0]).toHaveLength(2);
    for (let value = 0; value < 5; value++) {
      fanout.publish(["b"], Uint8Array.of(value));
      await clock.settle();
    }
    expect(broker.sent).toHaveLength(1);
    broker.take();
    await clock.settle();
    expect(broker.envelopes(1)).toEqual({ b: 5 });
  });

  it("bounds what waits for each server by itself, and says how much was lost", async () => {
    const { clock, broker, events, fanout } = open();
    fanout.publish(["a"], Uint8Array.of(0));
    await clock.settle();
    for (let sent = 0; sent < 10_500; sent++) fanout.publish(["flooded"], Uint8Array.of(1));
    for (let sent = 0; sent < 130; sent++) fanout.publish(["large"], new Uint8Array(131_072));
    fanout.publish(["calm"], Uint8Array.of(1));
    broker.take();
    await clock.settle();
    expect(broker.envelopes(1)).toEqual({ flooded: 10_000, large: 128, calm: 1 });
    expect(events).toEqual([{ event: "fanout_lost", fields: { broker: "a broker", envelopes: 502 } }]);
  });

  it("says once that the broker fails, goes on, and says what was lost when it is back", async () => {
    const { clock, broker, events, fanout } = open();
    for (const _ of [1, 2, 3]) {
      fanout.publish(["a", "b"], Uint8Array.of(1));
      await clock.settle();
      broker.refuse();
      await clock.settle();
    }
    fanout.publish(["a"], Uint8Array.of(1));
    await clock.settle();
    broker.take();
    await clock.settle();
    expect(events.map(({ event }) => event)).toEqual(["fanout_failed", "fanout_lost"]);
    expect(events[1]!.fields).toMatchObject({ envelopes: 6 });
  });

  it("gives a subscription up that takes too long, and one that is refused", async () => {
    const { clock, broker, fanout } = open();
    broker.subscription = new Promise(() => {});
    const late = fanout.subscribe("a", () => {});
    const refused = expect(late).rejects.toMatchObject({ code: "store_unavailable" });
    clock.advance(10_000);
    await refused;
    const { broker: other, fanout: second } = open();
    other.subscription = Promise.reject(new Error("no such permission"));
    await expect(second.subscribe("a", () => {})).rejects.toMatchObject({
      code: "store_unavailable",
      cause: { message: "no such permission" },
    });
  });

  it("shares one subscription among the handlers of a server id, and ends it with the last", async () => {
    const { clock, broker, fanout } = open();
    const arrived: string[] = [];
    const cancelOne = await fanout.subscribe("a", () => arrived.push("one"));
    const cancelTwo = await fanout.subscribe("a", () => arrived.push("two"));
    const [packet] = packEnvelopes([Uint8Array.of(1)]);
    broker.handler(packet!);
    cancelOne();
    broker.handler(packet!);
    await clock.settle();
    expect(broker.cancelled).toBe(0);
    cancelTwo();
    broker.handler(packet!);
    await clock.settle();
    expect(broker.cancelled).toBe(1);
    expect(arrived).toEqual(["one", "two", "two"]);
  });

  it("sends nothing more once it is closed, and does not wait for a broker that holds on", async () => {
    const { clock, broker, fanout } = open();
    fanout.publish(["a"], Uint8Array.of(1));
    await clock.settle();
    fanout.publish(["a"], Uint8Array.of(2));
    await fanout.close();
    broker.take();
    await clock.settle();
    expect(broker.sent).toHaveLength(1);
  });
});
