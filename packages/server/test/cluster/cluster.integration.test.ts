import { newUuid, systemRuntime } from "@chat/protocol";
import { natsFanout } from "@chat/server/nats";
import { rabbitmqFanout } from "@chat/server/rabbitmq";
import { nodeRedis, redisFanout, redisRegistry } from "@chat/server/redis";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect as connectNats } from "@nats-io/transport-node";
import { connect as connectRabbitmq } from "amqplib";
import { createClient } from "redis";
import { describe, expect, it, onTestFinished } from "vitest";
import { createChatServer, type ChatServer, type Fanout } from "../../src/index.js";
import { sqlite } from "../../src/store/sqlite/index.js";
import { EngineProcess, programOf, run } from "../engines/engine-process.js";
import { ENGINE_URLS, isUp } from "../engines/engine-urls.js";
import { RawDevice } from "../raw-device.js";
import { SqliteFile } from "../store/sqlite-file.js";
import { createRoom, hasAll, hasHeard, ROOM, withoutWatch } from "./shared-room.js";

const { random } = systemRuntime();

async function redisClient(url: string) {
  const client = createClient({ url }).on("error", () => {});
  await client.connect();
  onTestFinished(() => client.destroy());
  return nodeRedis(client);
}

type Kind = "redis" | "redis, buffered" | "nats" | "nats, buffered" | "rabbitmq";

async function natsClient() {
  const client = await connectNats({ servers: ENGINE_URLS.nats });
  onTestFinished(() => client.close());
  return client;
}

const FANOUTS: Record<Kind, (prefix: string) => Promise<Fanout>> = {
  redis: async (prefix) => redisFanout(await redisClient(ENGINE_URLS.redis), { prefix }),
  "redis, buffered": async (prefix) =>
    redisFanout(await redisClient(ENGINE_URLS.redis), { prefix, buffered: true }),
  nats: async (prefix) => natsFanout(await natsClient(), { prefix }),
  "nats, buffered": async (prefix) => {
    const client = await natsClient();
    onTestFinished(async () => {
      const { streams } = await jetstreamManager(client);
      // Three servers share it.
      await streams.delete(`${prefix}-servers`).catch(() => {});
    });
    return natsFanout(client, { prefix, jetstream: jetstream(client) });
  },
  rabbitmq: async (prefix) => rabbitmqFanout(() => connectRabbitmq(ENGINE_URLS.rabbitmq), { prefix }),
};

/** Three servers over one store, a registry in Redis and a fan-out. */
async function openCluster(options: {
  readonly fanout: () => Promise<Fanout>;
  readonly registryUrl: string;
  readonly prefix: string;
  readonly reconcileInterval: number;
  readonly registryLease: number;
  /** Whether Redis keeps the servers of each conversation. */
  readonly knowsMembers?: boolean;
}): Promise<[ChatServer, ChatServer, ChatServer]> {
  const file = new SqliteFile();
  onTestFinished(() => file.dispose());
  const open = async (serverId: string): Promise<ChatServer> => {
    const store = withoutWatch(sqlite(file.handle()));
    const server = createChatServer({
      serverId,
      store,
      registry: redisRegistry(await redisClient(options.registryUrl), {
        prefix: options.prefix,
        ...(options.knowsMembers === true && { conversations: store.conversations }),
      }),
      fanout: await options.fanout(),
      authenticate: ({ token }) => ({ userId: token }),
      settings: {
        reconcileInterval: options.reconcileInterval,
        registryLease: options.registryLease,
        drainSpread: 0,
      },
    });
    onTestFinished(() => server.close());
    await server.ready();
    return server;
  };
  return [await open("one"), await open("two"), await open("three")];
}

for (const kind of Object.keys(FANOUTS) as Kind[]) {
  const engine = kind.split(",")[0] as "redis" | "nats" | "rabbitmq";
  const up = (await isUp(engine)) && (await isUp("redis"));
  describe.skipIf(!up)(`three servers with ${kind}`, () => {
    it.each([
      ["every server that holds anybody", false],
      ["the servers of each conversation", true],
    ])("bring a message by fan-out alone, once and in order, to %s", async (_, knowsMembers) => {
      const prefix = `test-${newUuid(random)}`;
      const servers = await openCluster({
        fanout: () => FANOUTS[kind](prefix),
        registryUrl: ENGINE_URLS.redis,
        prefix,
        knowsMembers,
        // The feed would bring it after a minute: longer than this test may take.
        reconcileInterval: 60_000,
        registryLease: 30_000,
      });
      const [ana, bo, cy] = await Promise.all([
        RawDevice.open(servers[0], "ana"),
        RawDevice.open(servers[1], "bo"),
        RawDevice.open(servers[2], "cy"),
      ]);
      await createRoom(ana, ["bo", "cy"]);
      // The servers of bo and cy have heard of the room before others than its creator write.
      await Promise.all([bo, cy].map(hasHeard));
      const writers = [ana, bo, cy];
      const sent = Array.from({ length: 90 }, (_, index) =>
        writers[index % 3]!.send(ROOM, `message ${index}`),
      );
      const answers = await Promise.all(sent);
      expect(answers.map(({ type }) => type)).toEqual(answers.map(() => "message-stored"));
      await Promise.all(writers.map((device) => hasAll(device, 91)));
    });
  });
}

const program = programOf("redis-server");
describe.skipIf(program === undefined)(
  "three servers when their Redis is killed and comes back empty",
  () => {
    it.each([false, true])(
      "lose nothing, and talk by fan-out again (knowing members: %s)",
      async (knowsMembers) => {
        const engine = await EngineProcess.create(({ port, folder }) =>
          run(program!, ["--port", String(port), "--save", "", "--appendonly", "no", "--dir", folder]),
        );
        onTestFinished(() => engine.dispose());
        const url = `redis://127.0.0.1:${engine.port}`;
        const servers = await openCluster({
          fanout: async () => redisFanout(await redisClient(url)),
          registryUrl: url,
          prefix: "chat",
          reconcileInterval: 200,
          // Soon renewed when Redis is back.
          registryLease: 600,
          knowsMembers,
        });
        const [ana, bo, cy] = await Promise.all([
          RawDevice.open(servers[0], "ana"),
          RawDevice.open(servers[1], "bo"),
          RawDevice.open(servers[2], "cy"),
        ]);
        await createRoom(ana, ["bo", "cy"]);
        await Promise.all([bo, cy].map(hasHeard));
        const stored = async (device: RawDevice, text: string): Promise<void> => {
          expect((await device.send(ROOM, text)).type).toBe("message-stored");
        };
        await Promise.all([stored(ana, "before"), stored(bo, "before")]);
        await engine.kill();
        // Messages need no broker: they are stored, and found by the feed.
        for (let index = 0; index < 10; index++)
          await Promise.all([stored(ana, `away ${index}`), stored(bo, `away ${index}`)]);
        await Promise.all([ana, bo, cy].map((device) => hasAll(device, 23)));
        await engine.start();
        // Sooner or later every server has renewed its lease, and is named again.
        const connection = await redisClient(url);
        const conversations = { memberOf: () => Promise.reject(new Error("Nobody registers here.")) };
        const registry = redisRegistry(connection, knowsMembers ? { conversations } : {});
        while ((await registry.serversOf(ROOM)).length < 3)
          await new Promise((resolve) => setTimeout(resolve, 20));
        await servers[0].close();
        const back = await RawDevice.open(servers[1], "ana", ana.deviceId);
        await Promise.all([stored(back, "after"), stored(cy, "after")]);
        await Promise.all([bo, cy].map((device) => hasAll(device, 25)));
        expect([...(await registry.serversOf(ROOM))].sort()).toEqual(["three", "two"]);
      },
    );
  },
);
