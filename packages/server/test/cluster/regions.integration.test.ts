import { connect, createServer } from "node:net";
import { newUuid, systemRuntime } from "@chat/protocol";
import { nodeRedis, redisFanout, redisRegistry } from "@chat/server/redis";
import { createClient } from "redis";
import { describe, expect, it, onTestFinished } from "vitest";
import { type ChatServer, createChatServer, type Fanout, regionalFanout } from "../../src/index.js";
import { sqlite } from "../../src/store/sqlite/index.js";
import { EngineProcess, programOf, run } from "../engines/engine-process.js";
import { ENGINE_URLS, isUp } from "../engines/engine-urls.js";
import { RawDevice } from "../raw-device.js";
import { SqliteFile } from "../store/sqlite-file.js";
import { createRoom, hasAll, hasHeard, ROOM, withoutWatch } from "./shared-room.js";

const { random } = systemRuntime();
const program = programOf("redis-server");
/** What the messages say that are counted at the border. */
const TEXT = "hello over there";

async function startRedis(): Promise<number> {
  const engine = await EngineProcess.create(({ port, folder }) =>
    run(program!, ["--port", String(port), "--save", "", "--appendonly", "no", "--dir", folder]),
  );
  onTestFinished(() => engine.dispose());
  return engine.port;
}

async function redisAt(port: number | string) {
  const url = typeof port === "string" ? port : `redis://127.0.0.1:${port}`;
  const client = createClient({ url }).on("error", () => {});
  await client.connect();
  onTestFinished(() => client.destroy());
  return nodeRedis(client);
}

/** The border: what crosses it to a Redis in another region is counted on the wire. */
async function openBorder(target: number) {
  const crossed = { messages: 0 };
  const server = createServer((near) => {
    const far = connect({ host: "127.0.0.1", port: target });
    let tail = "";
    near.on("data", (bytes) => {
      const text = tail + bytes.toString("latin1");
      crossed.messages += text.split(TEXT).length - 1;
      tail = text.slice(-(TEXT.length - 1));
    });
    near.pipe(far).pipe(near);
    near.on("error", () => far.destroy()).on("close", () => far.destroy());
    far.on("error", () => near.destroy()).on("close", () => near.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return { port: (server.address() as { port: number }).port, crossed };
}

const IDS = ["east/1", "east/2", "east/3", "west/1", "west/2", "west/3"] as const;
type Id = (typeof IDS)[number];

/** Two regions with a Redis each and three servers each, one store, and a registry that knows all of them. */
async function openRegions(reconcileInterval: number) {
  const brokers = { east: await startRedis(), west: await startRedis() };
  const borders = { east: await openBorder(brokers.east), west: await openBorder(brokers.west) };
  const prefix = `test-${newUuid(random)}`;
  const file = new SqliteFile();
  onTestFinished(() => file.dispose());
  const servers = {} as Record<Id, ChatServer>;
  const fanouts = {} as Record<Id, Fanout>;
  for (const serverId of IDS) {
    const [region, other] = serverId.startsWith("east")
      ? (["east", "west"] as const)
      : (["west", "east"] as const);
    fanouts[serverId] = regionalFanout({
      region,
      local: redisFanout(await redisAt(brokers[region])),
      remotes: { [other]: redisFanout(await redisAt(borders[other].port)) },
      // The first of a region relays for everybody, so that a test knows whom to hit.
      runtime: { random: { ...random, float: () => 0 }, log: () => {} },
    });
    const server = createChatServer({
      serverId,
      store: withoutWatch(sqlite(file.handle())),
      registry: redisRegistry(await redisAt(ENGINE_URLS.redis), { prefix }),
      fanout: fanouts[serverId],
      authenticate: ({ token }) => ({ userId: token }),
      settings: { reconcileInterval, drainSpread: 0, heartbeatInterval: 60_000 },
    });
    onTestFinished(() => server.close());
    await server.ready();
    servers[serverId] = server;
  }
  const devices = await Promise.all(IDS.map((id, index) => RawDevice.open(servers[id], `user-${index}`)));
  await createRoom(devices[0]!, ["user-1", "user-2", "user-3", "user-4", "user-5"]);
  await Promise.all(devices.slice(1).map(hasHeard));
  return { servers, fanouts, devices, borders };
}

async function stored(device: RawDevice, text: string): Promise<void> {
  expect((await device.send(ROOM, text)).type).toBe("message-stored");
}

describe.skipIf(program === undefined || !(await isUp("redis")))("two regions of three servers each", () => {
  it("bring each message over the border once, to everybody on the other side", async () => {
    // The feed would bring it after a minute: longer than this test may take.
    const { devices, borders } = await openRegions(60_000);
    for (let messageId = 2; messageId <= 21; messageId++) {
      await stored(devices[messageId % 3]!, TEXT);
      await Promise.all(devices.map((device) => hasAll(device, messageId)));
    }
    expect(borders.west.crossed.messages).toBe(20);
    expect(borders.east.crossed.messages).toBe(0);
    await stored(devices[5]!, TEXT);
    await Promise.all(devices.map((device) => hasAll(device, 22)));
    expect(borders.east.crossed.messages).toBe(1);
  });

  it("lose nothing when the server that relays is dead, and nobody has noticed yet", async () => {
    const { devices, fanouts, borders } = await openRegions(200);
    await fanouts["west/1"].close();
    for (let messageId = 2; messageId <= 11; messageId++) await stored(devices[0]!, TEXT);
    await Promise.all(devices.map((device) => hasAll(device, 11)));
    // They went to it, and not around it.
    await expect.poll(() => borders.west.crossed.messages, { timeout: 10_000 }).toBe(10);
  });
});
