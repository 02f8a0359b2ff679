import assert from "node:assert/strict";
import { type Logger, systemRuntime } from "@chat/protocol";
import { ENVELOPE_BYTES, type Fanout } from "../fanout/fanout.js";
import { turn } from "./store-world.js";
import type { SuiteApi } from "./suite-api.js";

/** How long one case may take, ms: some brokers start slowly. */
const FAULT_TIMEOUT = 120_000;
/** How often a broker is killed in one case. */
const KILLS = 2;
/** How long envelopes may take to get through again, ms. */
const BACK = 60_000;
/** How long a subscription may take that can't be had, ms. */
const SUBSCRIBED = 30_000;
/** ms between two tries to get an envelope through. */
const AGAIN = 20;
/** What may be held of 655 MB that were sent: 16 MiB at each of the places where something waits, and some air. */
const HELD_BYTES = 200_000_000;

/** A broker that belongs to one case alone. */
export interface FanoutFaultEngine {
  /** Another end of the channel, as another server process would have it. The suite closes it. */
  fanout(log: Logger): Fanout | Promise<Fanout>;
  /** Ends the broker at once, as a crash does; what it held is lost. */
  kill(): Promise<void>;
  /** Starts it again, empty, where clients find it. */
  start(): Promise<void>;
  /** Removes it. */
  dispose(): void | Promise<void>;
}

/**
 * Proves what a fan-out does when its broker is killed, comes back with nothing, or stays away.
 * @param name of the fan-out, for the report
 * @param create starts a broker of its own; called once for each case
 */
export function fanoutFaultSuite(
  api: SuiteApi,
  name: string,
  create: () => FanoutFaultEngine | Promise<FanoutFaultEngine>,
): void {
  const { clock } = systemRuntime();

  const prove = (
    sentence: string,
    body: (engine: FanoutFaultEngine, open: (log?: Logger) => Promise<Fanout>) => Promise<void>,
  ): void => {
    const run = async (): Promise<void> => {
      const engine = await create();
      const opened: Fanout[] = [];
      try {
        await body(engine, async (log = () => {}) => {
          const fanout = await engine.fanout(log);
          opened.push(fanout);
          return fanout;
        });
      } finally {
        for (const fanout of opened) await fanout.close();
        await engine.dispose();
      }
    };
    api.it(sentence, run, FAULT_TIMEOUT);
  };

  /** Publishes until it has arrived: what is sent while a connection is being renewed may be lost. */
  async function published(fanout: Fanout, value: number, arrived: ReadonlySet<number>): Promise<void> {
    const ends = clock.monotonic() + BACK;
    while (!arrived.has(value)) {
      assert.ok(
        clock.monotonic() < ends,
        `no envelope gets through ${BACK / 1_000} s after the broker was there`,
      );
      fanout.publish(["a"], Uint8Array.of(value));
      await new Promise<void>((resolve) => clock.schedule(AGAIN, resolve));
    }
  }

  api.describe(`Fan-out under faults: ${name}`, () => {
    prove(
      "brings envelopes again after the broker was killed and came back with nothing",
      async (engine, open) => {
        const events: string[] = [];
        const log: Logger = (_level, event) => events.push(event);
        const [one, two] = [await open(log), await open(log)];
        const arrived = new Set<number>();
        await two.subscribe("a", (envelope) => arrived.add(envelope[0]!));
        await published(one, 1, arrived);
        for (let round = 2; round < 2 + KILLS; round++) {
          await engine.kill();
          // Nobody waits for a broker that is away, and nothing is thrown.
          one.publish(["a", "b"], Uint8Array.of(99));
          await engine.start();
          await published(one, round, arrived);
        }
        assert.equal(events.includes("fanout_handler_failed"), false);
      },
    );

    prove("bounds what waits while the broker is away", async (engine, open) => {
      const fanout = await open();
      await fanout.subscribe("a", () => {});
      await engine.kill();
      const before = process.memoryUsage().arrayBuffers;
      for (let sent = 0; sent < 50; sent++) {
        for (let copy = 0; copy < 100; copy++) fanout.publish(["a"], new Uint8Array(ENVELOPE_BYTES));
        await turn();
      }
      const held = process.memoryUsage().arrayBuffers - before;
      assert.ok(held < HELD_BYTES, `${held} bytes are held`);
    });

    prove("subscribes while the broker is away", async (engine, open) => {
      const [one, two] = [await open(), await open()];
      await two.subscribe("b", () => {});
      await engine.kill();
      const arrived = new Set<number>();
      const handler = (envelope: Uint8Array): unknown => arrived.add(envelope[0]!);
      // It holds once the broker is back, or is refused in time.
      const subscribing = two.subscribe("a", handler).then(
        () => true,
        (error: unknown) => {
          assert.equal((error as { code?: unknown }).code, "store_unavailable");
          return false;
        },
      );
      await engine.start();
      const late = new Promise<never>((_, reject) =>
        clock.schedule(SUBSCRIBED, () =>
          reject(new Error(`subscribe neither resolves nor rejects within ${SUBSCRIBED / 1_000} s`)),
        ),
      );
      late.catch(() => {});
      if (!(await Promise.race([subscribing, late]))) await two.subscribe("a", handler);
      await published(one, 1, arrived);
    });

    prove("closes at once while the broker is away", async (engine, open) => {
      const fanout = await open();
      await fanout.subscribe("a", () => {});
      await engine.kill();
      fanout.publish(["a"], Uint8Array.of(1));
      await fanout.close();
    });
  });
}
