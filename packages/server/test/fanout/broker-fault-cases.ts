import type { Logger } from "@chat/protocol";
import { expect, it } from "vitest";
import type { Fanout } from "../../src/fanout/fanout.js";
import type { EngineProcess } from "../engines/engine-process.js";

/** A broker that belongs to one case alone. */
interface OwnBroker {
  readonly engine: Pick<EngineProcess, "kill" | "start">;
  fanout(log: Logger): Promise<Fanout>;
  dispose(): Promise<void>;
}

/** What every fan-out does when its broker is killed, comes back empty, or stays away. */
export function brokerFaultCases(
  create: () => Promise<OwnBroker>,
  { restarts = 2, timeout = 30_000 } = {},
): void {
  const prove = (sentence: string, body: (broker: OwnBroker) => Promise<void>): void => {
    const run = async (): Promise<void> => {
      const broker = await create();
      try {
        await body(broker);
      } finally {
        await broker.dispose();
      }
    };
    it(sentence, run, timeout);
  };

  prove("brings envelopes again after the broker was killed and came back with nothing", async (broker) => {
    const events: string[] = [];
    const log: Logger = (_level, event) => events.push(event);
    const [one, two] = [await broker.fanout(log), await broker.fanout(log)];
    const arrived = new Set<number>();
    await two.subscribe("a", (envelope) => arrived.add(envelope[0]!));
    await published(one, 1, arrived);
    for (let round = 2; round < 2 + restarts; round++) {
      await broker.engine.kill();
      // Nobody waits for a broker that is away, and nothing is thrown.
      one.publish(["a", "b"], Uint8Array.of(99));
      await broker.engine.start();
      await published(one, round, arrived);
    }
    await one.close();
    await two.close();
    expect(events).not.toContain("fanout_handler_failed");
  });

  prove("bounds what waits while the broker is away", async (broker) => {
    const fanout = await broker.fanout(() => {});
    const arrived: number[] = [];
    await fanout.subscribe("a", (envelope) => arrived.push(envelope.length));
    await broker.engine.kill();
    const before = process.memoryUsage();
    for (let sent = 0; sent < 50; sent++) {
      for (let copy = 0; copy < 100; copy++) fanout.publish(["a"], new Uint8Array(131_072));
      await new Promise((resolve) => setImmediate(resolve));
    }
    // 655 MB were sent; some 16 MiB may wait, at three places.
    const { arrayBuffers } = process.memoryUsage();
    expect(arrayBuffers - before.arrayBuffers).toBeLessThan(200_000_000);
    await fanout.close();
  });

  prove("closes at once while the broker is away", async (broker) => {
    const fanout = await broker.fanout(() => {});
    await fanout.subscribe("a", () => {});
    await broker.engine.kill();
    fanout.publish(["a"], Uint8Array.of(1));
    await fanout.close();
  });
}

/** Publishes until it has arrived: what is sent while a connection is being renewed may be lost. */
async function published(fanout: Fanout, value: number, arrived: ReadonlySet<number>): Promise<void> {
  while (!arrived.has(value)) {
    fanout.publish(["a"], Uint8Array.of(value));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
