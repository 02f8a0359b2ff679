import { rabbitmqFanout } from "@chat/server/rabbitmq";
import { connect } from "amqplib";
import { hasRabbitmq, startRabbitmq } from "../../../packages/server/test/engines/start-rabbitmq.js";
import type { Broker } from "./broker.js";
import { brokerOf } from "./broker-of.js";

/** RabbitMQ, which comes back without its queues. */
export const rabbitmqBroker: Broker = {
  canStart: async () => hasRabbitmq,

  async start() {
    return brokerOf(await startRabbitmq(), "mnesia");
  },

  async open(port) {
    return { fanout: rabbitmqFanout(() => connect(`amqp://guest:guest@127.0.0.1:${port}`)), close() {} };
  },
};
