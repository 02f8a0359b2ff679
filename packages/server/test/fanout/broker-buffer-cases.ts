import { expect, it } from "vitest";
import type { Fanout } from "../../src/fanout/fanout.js";

/** A broker, or a part of one, that belongs to one case alone. */
interface BufferingBroker {
  fanout(): Promise<Fanout>;
  /** How many packets wait for a server. */
  waiting(serverId: string): Promise<number>;
  dispose(): Promise<void>;
}

/** What a fan-out that buffers does for a server that is away. */
export function brokerBufferCases(create: () => Promise<BufferingBroker>): void {
  const prove = (sentence: string, body: (broker: BufferingBroker) => Promise<void>): void => {
    it(sentence, async () => {
      const broker = await create();
      try {
        await body(broker);
      } finally {
        await broker.dispose();
      }
    });
  };

  prove("keeps what is sent to a server that is away until it is back, in order and once", async (broker) => {
    const [one, two] = [await broker.fanout(), await broker.fanout()];
    await subscribed(two, "a");
    await two.close();
    await sendAll(one, ["a"], 0, 20);
    const three = await broker.fanout();
    const arrived: number[] = [];
    await three.subscribe("a", (envelope) => arrived.push(envelope[0]!));
    await sendAll(one, ["a"], 20, 30, three);
    while (arrived.length < 30) await turn();
    expect(arrived).toEqual(Array.from({ length: 30 }, (_, index) => index));
    // What was taken is taken: a third run finds nothing of it.
    while ((await broker.waiting("a")) > 0) await turn();
    await three.close();
    await one.close();
  });

  prove(
    "bounds what waits for a server that stays away, and brings the others theirs at once",
    async (broker) => {
      const [one, two] = [await broker.fanout(), await broker.fanout()];
      await subscribed(two, "dead");
      await two.close();
      // Each of these is a packet of its own.
      await sendAll(one, ["dead"], 0, 1_500);
      const waiting = await broker.waiting("dead");
      expect(waiting).toBeGreaterThanOrEqual(1_000);
      expect(waiting).toBeLessThan(1_200);
      await one.close();
    },
  );
}

async function subscribed(fanout: Fanout, serverId: string): Promise<void> {
  await fanout.subscribe(serverId, () => {});
}

/** Sends numbers, each after the last has been handed to the broker; another server hears its own meanwhile. */
async function sendAll(
  fanout: Fanout,
  serverIds: readonly string[],
  from: number,
  to: number,
  other: Fanout = fanout,
): Promise<void> {
  let heard = -1;
  let wake = (): void => {};
  const cancel = await other.subscribe("other", (envelope) => {
    heard = new DataView(envelope.buffer, envelope.byteOffset).getUint32(0);
    wake();
  });
  for (let value = from; value < to; value++) {
    const mark = new Uint8Array(4);
    new DataView(mark.buffer).setUint32(0, value);
    fanout.publish(serverIds, Uint8Array.of(value & 0xff));
    fanout.publish(["other"], mark);
    while (heard < value) await new Promise<void>((resolve) => (wake = resolve));
  }
  cancel();
}

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));
