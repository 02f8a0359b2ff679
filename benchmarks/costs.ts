import { connect, createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { setTimeout } from "node:timers/promises";
import { newUuid, systemRuntime } from "@chat/protocol";
import { type ChatServer, createChatServer, type Registry } from "@chat/server";
import { postgres, type PostgresPool, postgresRegistry } from "@chat/server/postgres";
import { nodeRedis, redisFanout, redisRegistry, type RedisConnection } from "@chat/server/redis";
import { Pool } from "pg";
import { createClient } from "redis";
import { ENGINE_URLS } from "../packages/server/test/engines/engine-urls.js";
import { RawDevice } from "../packages/server/test/raw-device.js";
import { readCommandLine } from "../tests/read-command-line.js";
import { countedPool } from "./subjects/counted-pool.js";

const MESSAGES = 25;
/** ms between two: a lone message finds nothing of the one before still known. */
const PAUSE = 120;
/** Of a group's members so many are connected at most, spread over the servers. */
const CONNECTED = 30;
const TEXT = "x".repeat(100);
const { random } = systemRuntime();

/** What went over one kind of connections. */
class Meter {
  queries = 0;
  bytes = 0;
  reset(): void {
    this.queries = this.bytes = 0;
  }
}

/** A way to an engine on which bytes are counted, in both directions. */
async function throughMeter(url: string, meter: Meter): Promise<{ readonly url: string; close(): void }> {
  const target = new URL(url);
  const { hostname, port } = target;
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket.setNoDelay());
      socket.on("data", (chunk) => {
        meter.bytes += chunk.length;
        other.write(chunk);
      });
      socket.on("error", () => {}).on("close", () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  target.hostname = "127.0.0.1";
  target.port = String((server.address() as AddressInfo).port);
  return {
    url: target.href,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

class World {
  readonly store = new Meter();
  readonly registry = new Meter();
  readonly fanout = new Meter();
  readonly schema = `chat_costs_${newUuid(random).replaceAll("-", "")}`;
  readonly #closers: (() => unknown)[] = [];

  async pool(meter: Meter): Promise<PostgresPool> {
    const { url, close } = await throughMeter(ENGINE_URLS.postgres, meter);
    const pool = new Pool({ connectionString: url, options: `-c search_path=${this.schema}`, max: 4 });
    this.#closers.push(() => pool.end().then(close));
    return countedPool(pool, () => meter.queries++);
  }

  async redis(meter: Meter): Promise<RedisConnection> {
    const { url, close } = await throughMeter(ENGINE_URLS.redis, meter);
    const client = createClient({ url });
    client.on("error", () => {});
    await client.connect();
    const connection = nodeRedis(client);
    this.#closers.push(() => {
      client.destroy();
      close();
    });
    return {
      command(args) {
        meter.queries++;
        return connection.command(args);
      },
      subscriber: () => connection.subscriber(),
      reader: () => connection.reader(),
    };
  }

  onClose(closer: () => unknown): void {
    this.#closers.push(closer);
  }

  async close(): Promise<void> {
    for (const closer of this.#closers.reverse()) await closer();
  }
}

const REGISTRIES = {
  "PostgreSQL, join": async (world) => postgresRegistry(await world.pool(world.registry)),
  "Redis, all that hold anybody": async (world) =>
    redisRegistry(await world.redis(world.registry), { prefix: world.schema }),
  "Redis, per conversation": async (world, store) =>
    redisRegistry(await world.redis(world.registry), {
      prefix: world.schema,
      conversations: store.conversations,
    }),
} satisfies Record<string, (world: World, store: ReturnType<typeof postgres>) => Promise<Registry>>;

async function openServer(world: World, name: keyof typeof REGISTRIES, id: number): Promise<ChatServer> {
  const store = postgres(await world.pool(world.store));
  const chat = createChatServer({
    store,
    registry: await REGISTRIES[name](world, store),
    fanout: redisFanout(await world.redis(world.fanout), { prefix: world.schema }),
    serverId: `server-${id}`,
    authenticate: ({ token }) => ({ userId: token }),
    // What is done now and then is no cost of a message.
    settings: {
      reconcileInterval: 600_000,
      registryLease: 600_000,
      retentionInterval: 600_000,
      heartbeatInterval: 600_000,
      drainSpread: 0,
    },
  });
  world.onClose(() => chat.close());
  await chat.ready();
  return chat;
}

async function measure(name: keyof typeof REGISTRIES, members: number, servers: number): Promise<string[]> {
  const world = new World();
  const admin = new Pool({ connectionString: ENGINE_URLS.postgres, max: 1 });
  await admin.query(`CREATE SCHEMA ${world.schema}`);
  try {
    const chats: ChatServer[] = [];
    for (let id = 1; id <= servers; id++) chats.push(await openServer(world, name, id));
    const users = Array.from({ length: members }, (_, index) => `user-${index}`);
    const owner = chats[0]!.as(users[0]!);
    await owner.createGroup({ id: "room", members: [] });
    for (let at = 1; at < members; at += 500) await owner.addMembers("room", users.slice(at, at + 500));
    // Each server also holds somebody who has nothing to do with it.
    const devices = await Promise.all([
      ...chats.map((chat, index) => RawDevice.open(chat, `stranger-${index}`)),
      ...users.slice(0, CONNECTED).map((user, index) => RawDevice.open(chats[index % servers]!, user)),
    ]);
    const [sender, ...others] = devices.slice(servers);
    const send = async (text: string): Promise<void> => {
      const answer = await sender!.send("room", text);
      if (answer.type !== "message-stored") throw new Error(`refused: ${JSON.stringify(answer)}`);
      const { messageId } = answer;
      await Promise.all(
        others.map((device) =>
          device.until(
            (frame) =>
              frame.type === "entries" && frame.entries.some((entry) => entry.messageId === messageId),
          ),
        ),
      );
      for (const device of devices) device.received.length = 0;
      await setTimeout(PAUSE);
    };
    for (let warm = 0; warm < 5; warm++) await send(TEXT);
    const meters = [world.store, world.registry, world.fanout];
    for (const meter of meters) meter.reset();
    for (let message = 0; message < MESSAGES; message++) await send(TEXT);
    const each = (figure: number): string => (figure / MESSAGES).toFixed(figure % MESSAGES === 0 ? 0 : 1);
    return [
      name,
      members.toLocaleString("en"),
      String(servers),
      ...meters.flatMap(({ queries, bytes }) => [
        each(queries),
        Math.round(bytes / MESSAGES).toLocaleString("en"),
      ]),
    ];
  } finally {
    await world.close();
    await admin.query(`DROP SCHEMA ${world.schema} CASCADE`);
    await admin.end();
  }
}

const names = Object.keys(REGISTRIES) as (keyof typeof REGISTRIES)[];
const USAGE = `Counts what a message costs the engines, in queries and bytes, by size of the group, number of servers and registry.
Needs PostgreSQL and Redis (CHAT_TEST_POSTGRES, CHAT_TEST_REDIS). Costs do not depend on how busy the machine is.

  pnpm costs [registry …]

Registries: ${names.map((name) => `"${name}"`).join(", ")}.
`;
const { words } = readCommandLine(USAGE, {}, names);
const head =
  "| registry | members | servers | store: statements | bytes | registry: queries | bytes | fan-out: publishes | bytes |";
process.stdout.write(`${head}\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n`);
for (const name of words.length === 0 ? names : names.filter((known) => words.includes(known))) {
  for (const servers of [1, 3]) {
    for (const members of [2, 100, 10_000]) {
      process.stdout.write(`| ${(await measure(name, members, servers)).join(" | ")} |\n`);
    }
  }
}
