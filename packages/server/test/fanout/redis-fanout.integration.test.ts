import { once } from "node:events";
import { newUuid, systemRuntime } from "@chat/protocol";
import { ioredis, nodeRedis, type RedisConnection, redisFanout } from "@chat/server/redis";
import { fanoutFaultSuite, fanoutSuite } from "@chat/server/testing";
import { Redis } from "ioredis";
import { Redis as Redis5 } from "ioredis-5";
import { createClient } from "redis";
import { createClient as createClient5 } from "redis-5";
import { describe, expect, it, type TestContext, vi } from "vitest";
import { EngineProcess, programOf, run } from "../engines/engine-process.js";
import { ENGINE_URLS, isUp } from "../engines/engine-urls.js";
import { openWay } from "../engines/open-way.js";
import { brokerBufferCases } from "./broker-buffer-cases.js";

const runtime = systemRuntime();

/** A client and how to let go of it. */
interface Client {
  readonly connection: RedisConnection;
  close(): unknown;
}

const DRIVERS: Record<string, (url: string) => Promise<Client>> = {
  "redis 6": async (url) => {
    const client = createClient({ url }).on("error", () => {});
    await client.connect();
    return { connection: nodeRedis(client), close: () => client.destroy() };
  },
  "redis 5": async (url) => {
    const client = createClient5({ url, disableOfflineQueue: true }).on("error", () => {});
    await client.connect();
    return { connection: nodeRedis(client), close: () => client.destroy() };
  },
  "ioredis 6": async (url) => {
    const client = new Redis(url).on("error", () => {});
    return { connection: ioredis(client), close: () => client.disconnect() };
  },
  "ioredis 5": async (url) => {
    const client = new Redis5(url).on("error", () => {});
    return { connection: ioredis(client), close: () => client.disconnect() };
  },
};

const program = programOf("redis-server");

/** Clients that refuse what comes while they have no connection. */
const REFUSING: Record<string, () => Promise<Client>> = {
  "ioredis 6": async () => {
    const client = new Redis(ENGINE_URLS.redis, { enableOfflineQueue: false });
    await once(client, "ready");
    return { connection: ioredis(client), close: () => client.disconnect() };
  },
  "ioredis 5": async () => {
    const client = new Redis5(ENGINE_URLS.redis, { enableOfflineQueue: false });
    await once(client, "ready");
    return { connection: ioredis(client), close: () => client.disconnect() };
  },
};

for (const [driver, connect] of Object.entries(REFUSING)) {
  describe.skipIf(!(await isUp("redis")))(`Redis fan-out with ${driver}, which has no offline queue`, () => {
    it.each([false, true])("listens all the same, buffered: %s", async (buffered) => {
      const client = await connect();
      const prefix = `test-${newUuid(runtime.random)}`;
      const fanout = redisFanout(client.connection, { prefix, buffered });
      await new Promise<void>((resolve, reject) => {
        fanout.subscribe("a", () => resolve()).then(() => fanout.publish(["a"], Uint8Array.of(1)), reject);
      });
      await fanout.close();
      await client.connection.command(["DEL", `${prefix}:stream:a`]);
      client.close();
    });
  });
}

describe.skipIf(!(await isUp("redis")))("Redis with redis 6", () => {
  it("makes no signal for each command, which would run out long after the answer", async () => {
    const client = await DRIVERS["redis 6"]!(ENGINE_URLS.redis);
    const timeout = vi.spyOn(AbortSignal, "timeout");
    try {
      expect(await client.connection.command(["PUBLISH", `test-${newUuid(runtime.random)}`, "x"])).toBe(0);
      expect(timeout).not.toHaveBeenCalled();
    } finally {
      timeout.mockRestore();
      client.close();
    }
  });
});

/** Commands that end, whatever Redis does, ms: their own deadline, and what a busy machine takes. */
const ENDS = 8_000;

// They wait for deadlines, all of them at the same time.
for (const [driver, connect] of Object.entries(DRIVERS)) {
  describe.skipIf(program === undefined).concurrent(`Commands to a Redis that fails, with ${driver}`, () => {
    /** A Redis of the test's own, and a connection to it. */
    async function open(
      { onTestFinished }: TestContext,
      portOf = (engine: EngineProcess): Promise<number> | number => engine.port,
    ) {
      const engine = await EngineProcess.create(({ port, folder }) =>
        run(program!, ["--port", String(port), "--save", "", "--appendonly", "no", "--dir", folder]),
      );
      onTestFinished(() => engine.dispose());
      const client = await connect(`redis://127.0.0.1:${await portOf(engine)}`);
      onTestFinished(() => void client.close());
      await client.connection.command(["PING"]);
      return { engine, connection: client.connection };
    }
    /** How a command ended, and after how many ms. */
    const ending = async (work: Promise<unknown>) => {
      const began = performance.now();
      const outcome = await Promise.race([
        work.then(
          () => "answered",
          () => "refused",
        ),
        new Promise<string>((resolve) => setTimeout(() => resolve("hangs"), ENDS)),
      ]);
      return { outcome, after: performance.now() - began };
    };
    async function untilAnswered({ command }: RedisConnection): Promise<void> {
      while ((await ending(command(["PING"]))).outcome !== "answered")
        await new Promise((resolve) => setTimeout(resolve, 20));
    }

    it("end while it stands still, are refused from then on, and answered when it goes on", async (test) => {
      const { engine, connection } = await open(test);
      engine.freeze();
      // More than the system takes from the driver, so that some are never written.
      const large = Buffer.alloc(1_000_000);
      const sent = Array.from({ length: 20 }, () => ending(connection.command(["PUBLISH", "a", large])));
      for (const each of await Promise.all(sent)) expect(each.outcome).toBe("refused");
      const next = await ending(connection.command(["PING"]));
      expect(next.outcome).toBe("refused");
      expect(next.after).toBeLessThan(1_000);
      engine.thaw();
      await untilAnswered(connection);
    }, 60_000);

    it("end when the way is cut and nobody tells", async (test) => {
      let cut = (): void => {};
      const { connection } = await open(test, async ({ port }) => {
        const way = await openWay(`redis://127.0.0.1:${port}`);
        test.onTestFinished(() => way.close());
        cut = () => way.cut();
        return way.port;
      });
      cut();
      expect((await ending(connection.command(["PING"]))).outcome).toBe("refused");
    }, 60_000);

    it("end while it is away, whenever it went, and are answered when it is back", async (test) => {
      const { engine, connection } = await open(test);
      const sent = Array.from({ length: 100 }, () =>
        ending(connection.command(["PUBLISH", "a", Buffer.alloc(100_000)])),
      );
      await engine.kill();
      const later = ending(connection.command(["PING"]));
      for (const { outcome } of await Promise.all(sent)) expect(outcome).not.toBe("hangs");
      expect((await later).outcome).toBe("refused");
      await engine.start();
      await untilAnswered(connection);
    }, 60_000);
  });
}

// A read is given up after six seconds: the drivers wait for that at the same time, too.
describe.skipIf(!(await isUp("redis"))).concurrent("buffered Redis fan-out, when the way is cut", () => {
  it.each(Object.entries(DRIVERS))("reads on over another connection, with %s", async (_driver, connect) => {
    const prefix = `test-${newUuid(runtime.random)}`;
    const near = await connect(ENGINE_URLS.redis);
    const sender = redisFanout(near.connection, { prefix, buffered: true });
    const way = await openWay(ENGINE_URLS.redis);
    const client = await connect(`redis://127.0.0.1:${way.port}`);
    const fanout = redisFanout(client.connection, { prefix, buffered: true });
    const arrived: number[] = [];
    let wake = (): void => {};
    await fanout.subscribe("a", (envelope) => {
      arrived.push(envelope[0]!);
      wake();
    });
    way.cut();
    sender.publish(["a"], Uint8Array.of(7));
    await new Promise<void>((resolve) => (wake = resolve));
    expect(arrived).toEqual([7]);
    await fanout.close();
    await sender.close();
    client.close();
    way.close();
    await near.connection.command(["DEL", `${prefix}:stream:a`]);
    near.close();
  });
});

for (const [driver, connect] of Object.entries(DRIVERS)) {
  for (const [kind, buffered] of [
    ["Redis fan-out", false],
    ["buffered Redis fan-out", true],
  ] as const) {
    describe.skipIf(!(await isUp("redis")))(`${kind} with ${driver}`, () => {
      const create = () => {
        const prefix = `test-${newUuid(runtime.random)}`;
        const clients: Client[] = [];
        return {
          prefix,
          async connect() {
            const client = await connect(ENGINE_URLS.redis);
            clients.push(client);
            return client.connection;
          },
          async fanout() {
            return redisFanout(await this.connect(), { prefix, buffered });
          },
          async dispose() {
            const { command } = await this.connect();
            for (const key of (await command(["KEYS", `${prefix}:*`])) as string[])
              await command(["DEL", key]);
            for (const client of clients) client.close();
          },
        };
      };
      fanoutSuite({ describe, it }, `${kind}, ${driver}`, create);
      if (!buffered) return;

      brokerBufferCases(async () => {
        const own = create();
        const { command } = await own.connect();
        return {
          fanout: () => own.fanout(),
          waiting: async (serverId) => Number(await command(["XLEN", `${own.prefix}:stream:${serverId}`])),
          dispose: () => own.dispose(),
        };
      });

      it("leaves a stream that expires", async () => {
        const own = create();
        const { command } = await own.connect();
        const fanout = await own.fanout();
        await new Promise<void>((resolve) => {
          void fanout.subscribe("here", () => resolve());
          fanout.publish(["gone", "here"], Uint8Array.of(1));
        });
        expect(await command(["PTTL", `${own.prefix}:stream:gone`])).toBeGreaterThan(200_000);
        await fanout.close();
        await own.dispose();
      });
    });

    describe.skipIf(program === undefined)(`${kind} with ${driver}, when Redis fails`, () => {
      fanoutFaultSuite({ describe, it }, `${kind}, ${driver}`, async () => {
        const engine = await EngineProcess.create(({ port, folder }) =>
          run(program!, ["--port", String(port), "--save", "", "--appendonly", "no", "--dir", folder]),
        );
        const clients: Client[] = [];
        return {
          kill: () => engine.kill(),
          start: () => engine.start(),
          async fanout(log) {
            const client = await connect(`redis://127.0.0.1:${engine.port}`);
            clients.push(client);
            return redisFanout(client.connection, { buffered, runtime: { ...runtime, log } });
          },
          async dispose() {
            for (const client of clients) await client.close();
            await engine.dispose();
          },
        };
      });
    });
  }
}
