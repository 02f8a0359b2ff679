import { natsFanout } from "@chat/server/nats";
import { connect } from "@nats-io/transport-node";
import { EngineProcess, programOf, run } from "../../../packages/server/test/engines/engine-process.js";
import type { Broker } from "./broker.js";
import { brokerOf } from "./broker-of.js";

const program = programOf("nats-server");

/** Core NATS. */
export const natsBroker: Broker = {
  canStart: async () => program !== undefined,

  async start() {
    const engine = await EngineProcess.create(({ port }) =>
      run(program!, ["--addr", "127.0.0.1", "--port", String(port)]),
    );
    return brokerOf(engine);
  },

  async open(port) {
    // As the page of this backend says; a server that starts while NATS is away waits for it.
    const connection = await connect({
      servers: `nats://127.0.0.1:${port}`,
      maxReconnectAttempts: -1,
      waitOnFirstConnect: true,
    });
    return { fanout: natsFanout(connection), close: () => connection.close() };
  },
};
