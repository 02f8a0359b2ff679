import { connect, createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { discoverySuite } from "@chat/server/testing";
import { zookeeperDiscovery } from "@chat/server/zookeeper";
import { createClient } from "node-zookeeper-client";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { Discovery } from "../../src/index.js";
import type { EngineProcess } from "../engines/engine-process.js";
import { hasZooKeeper, startZooKeeper } from "../engines/start-zookeeper.js";
import { untilAnswers } from "./until-answers.js";

/** The shortest that the test's ZooKeeper allows, ms. */
const SESSION = 1_000;

/** A line to the engine that can be cut for good, as when the process at its end is killed. */
async function line(port: number): Promise<{ readonly port: number; cut(): void }> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(port, "127.0.0.1");
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.pipe(other);
      socket.on("error", () => {}).on("close", () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    cut() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

describe.skipIf(!hasZooKeeper)("ZooKeeper discovery", () => {
  let engine: EngineProcess;
  let cases = 0;
  beforeAll(async () => {
    engine = await startZooKeeper();
    // It listens before it serves, and leaves those who come in between without an answer.
    const first = discoveryOver(engine.port, "/test");
    await untilAnswers([first]);
    await first.close();
  }, 60_000);
  afterAll(() => engine.dispose());

  function discoveryOver(port: number, path: string): Discovery {
    return zookeeperDiscovery(
      () => createClient(`127.0.0.1:${port}`, { sessionTimeout: SESSION, spinDelay: 50 }),
      {
        path,
      },
    );
  }

  discoverySuite(
    { describe, it },
    "ZooKeeper",
    () => {
      const path = `/test/case-${++cases}`;
      const lines = new Map<Discovery, Awaited<ReturnType<typeof line>>>();
      return {
        async discovery() {
          const own = await line(engine.port);
          const discovery = discoveryOver(own.port, path);
          lines.set(discovery, own);
          return discovery;
        },
        async kill(discovery, serverIds) {
          lines.get(discovery)!.cut();
          lines.delete(discovery);
          await discovery.close();
          const witness = discoveryOver(engine.port, path);
          for (;;) {
            const live = (await witness.list()).map(({ serverId }) => serverId);
            if (!serverIds.some((id) => live.includes(id))) break;
            await new Promise((resolve) => setTimeout(resolve, 50));
          }
          await witness.close();
        },
        outage: {
          begin: () => engine.kill(),
          async end() {
            await engine.start();
            await untilAnswers([...lines.keys()]);
          },
        },
        async dispose() {
          for (const [discovery, { cut }] of lines) {
            await discovery.close();
            cut();
          }
        },
      };
    },
    { outage: true },
  );

  it("announces anew after its session has expired", async () => {
    const discovery = discoveryOver(engine.port, "/test/expired");
    onTestFinished(() => discovery.close());
    const server = { serverId: "a", url: "ws://a", connections: 0, capacity: 1, draining: false };
    await discovery.announce(server, 30_000);
    await engine.kill();
    // It comes back without what it knew, the session included.
    await engine.empty("data");
    await engine.start();
    await untilAnswers([discovery]);
    expect(await discovery.list()).toEqual([]);
    await discovery.announce(server, 30_000);
    expect(await discovery.list()).toEqual([server]);
  }, 60_000);
});
