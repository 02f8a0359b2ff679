import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { newUuid, systemRuntime } from "@chat/protocol";
import { natsFanout } from "@chat/server/nats";
import { fanoutFaultSuite, fanoutSuite } from "@chat/server/testing";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection as RealConnection } from "@nats-io/transport-node";
import { describe, expect, it } from "vitest";
import { EngineProcess, programOf, run } from "../engines/engine-process.js";
import { ENGINE_URLS, isUp } from "../engines/engine-urls.js";
import { brokerBufferCases } from "./broker-buffer-cases.js";

const runtime = systemRuntime();

const open = (servers: string): Promise<RealConnection> =>
  connect({ servers, maxReconnectAttempts: -1, reconnectTimeWait: 20, reconnectJitter: 10 });

describe.skipIf(!(await isUp("nats")))("NATS fan-out", () => {
  fanoutSuite({ describe, it }, "NATS", () => {
    const prefix = `test-${newUuid(runtime.random)}`;
    const clients: RealConnection[] = [];
    return {
      async fanout() {
        const client = await open(ENGINE_URLS.nats);
        clients.push(client);
        return natsFanout(client, { prefix });
      },
      async dispose() {
        for (const client of clients) await client.close();
      },
    };
  });

  it("takes any server id, and no server hears what is meant for another", async () => {
    const client = await open(ENGINE_URLS.nats);
    const fanout = natsFanout(client, { prefix: `test-${newUuid(runtime.random)}` });
    const arrived: string[] = [];
    const ids = ["a.b", "a.*", "a.>", ">", "*", "eu west 1", "größer\n"];
    for (const id of ids) await fanout.subscribe(id, () => arrived.push(id));
    const all = new Promise<void>((resolve) => void fanout.subscribe("last", () => resolve()));
    for (const id of ids) fanout.publish([id], Uint8Array.of(1));
    fanout.publish(["last"], Uint8Array.of(1));
    await all;
    expect(arrived).toEqual(ids);
    await fanout.close();
    await client.close();
  });
});

describe.skipIf(!(await isUp("nats")))("buffered NATS fan-out", () => {
  const create = () => {
    const prefix = `test-${newUuid(runtime.random)}`;
    const clients: RealConnection[] = [];
    return {
      prefix,
      async connect() {
        const client = await open(ENGINE_URLS.nats);
        clients.push(client);
        return client;
      },
      async fanout() {
        const client = await this.connect();
        return natsFanout(client, { prefix, jetstream: jetstream(client) });
      },
      async dispose() {
        const manager = await jetstreamManager(await this.connect());
        await manager.streams.delete(`${prefix}-servers`);
        for (const client of clients) await client.close();
      },
    };
  };
  fanoutSuite({ describe, it }, "NATS JetStream", create);

  brokerBufferCases(async () => {
    const own = create();
    const { streams } = await jetstreamManager(await own.connect());
    return {
      fanout: () => own.fanout(),
      async waiting(serverId) {
        const subject = `${own.prefix}.server.${serverId}`;
        const { state } = await streams.info(`${own.prefix}-servers`, { subjects_filter: subject });
        return state.subjects?.[subject] ?? 0;
      },
      dispose: () => own.dispose(),
    };
  });

  it("keeps chats apart whose prefixes differ in a sign that a stream's name can't hold", async () => {
    const client = await open(ENGINE_URLS.nats);
    const manager = await jetstreamManager(client);
    const name = `test-${newUuid(runtime.random)}`;
    const arrived: string[] = [];
    const chats = ["a.b", "a_b", "a/b"].map((end) => {
      const prefix = `${name}-${end}`;
      return { end, prefix, fanout: natsFanout(client, { prefix, jetstream: jetstream(client) }) };
    });
    for (const { end, fanout } of chats) {
      await new Promise<void>((resolve, reject) => {
        fanout
          .subscribe("server", () => {
            arrived.push(end);
            resolve();
          })
          .then(() => fanout.publish(["server"], Uint8Array.of(1)), reject);
      });
    }
    expect(arrived).toEqual(["a.b", "a_b", "a/b"]);
    for (const { fanout, prefix } of chats) {
      await fanout.close();
      await manager.streams.delete(await manager.streams.find(`${prefix}.server.x`));
    }
    await client.close();
  });

  it("forgets servers that are gone", async () => {
    const own = create();
    const fanout = await own.fanout();
    await fanout.subscribe("a", () => {});
    await fanout.close();
    const { consumers } = await jetstreamManager(await own.connect());
    const [consumer] = await consumers.list(`${own.prefix}-servers`).next();
    expect(consumer!.config).toMatchObject({ description: "a", inactive_threshold: 300_000_000_000 });
    await own.dispose();
  });
});

const program = programOf("nats-server");
for (const buffered of [false, true]) {
  const kind = buffered ? "buffered NATS fan-out" : "NATS fan-out";
  describe.skipIf(program === undefined)(`${kind}, when NATS fails`, () => {
    fanoutFaultSuite({ describe, it }, kind, async () => {
      const engine = await EngineProcess.create(({ port, folder }) => {
        const store = mkdtempSync(join(folder, "jetstream-"));
        return run(program!, ["-a", "127.0.0.1", "-p", String(port), "-js", "-sd", store]);
      });
      const clients: RealConnection[] = [];
      return {
        kill: () => engine.kill(),
        start: () => engine.start(),
        async fanout(log) {
          const client = await open(`nats://127.0.0.1:${engine.port}`);
          clients.push(client);
          return natsFanout(client, {
            runtime: { ...runtime, log },
            ...(buffered && { jetstream: jetstream(client) }),
          });
        },
        async dispose() {
          for (const client of clients) await client.close();
          await engine.dispose();
        },
      };
    });
  });
}

describe.skipIf(program === undefined)("NATS fan-out", () => {
  it("is subscribed though its connection breaks before that is confirmed", async () => {
    const engine = await EngineProcess.create(({ port }) =>
      run(program!, ["-a", "127.0.0.1", "-p", String(port)]),
    );
    const client = await open(`nats://127.0.0.1:${engine.port}`);
    const fanout = natsFanout(client);
    engine.freeze();
    const heard = new Promise<number>((resolve, reject) => {
      fanout
        .subscribe("a", ([byte]) => resolve(byte!))
        .then(() => fanout.publish(["a"], Uint8Array.of(7)), reject);
    });
    await engine.kill();
    await engine.start();
    expect(await heard).toBe(7);
    await fanout.close();
    await client.close();
    await engine.dispose();
  });
});
