import { nodeRedis, redisFanout } from "@chat/server/redis";
import { createClient } from "redis";
import { EngineProcess, programOf, run } from "../../../packages/server/test/engines/engine-process.js";
import type { Broker } from "./broker.js";
import { brokerOf } from "./broker-of.js";

const program = programOf("redis-server");

/** Redis that keeps nothing. */
export const redisBroker: Broker = {
  canStart: async () => program !== undefined,

  async start() {
    const engine = await EngineProcess.create(({ port, folder }) =>
      run(program!, ["--port", String(port), "--save", "", "--appendonly", "no", "--dir", folder]),
    );
    return brokerOf(engine);
  },

  async open(port) {
    const client = createClient({ url: `redis://127.0.0.1:${port}`, disableOfflineQueue: true });
    client.on("error", () => {});
    void client.connect().catch(() => {});
    return { fanout: redisFanout(nodeRedis(client)), close: () => client.destroy() };
  },
};
