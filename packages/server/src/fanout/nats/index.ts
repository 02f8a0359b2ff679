export type {
  JetStreamClient,
  JetStreamConsumer,
  JetStreamConsumerConfig,
  JetStreamManager,
  JetStreamMessages,
  JetStreamStreamConfig,
} from "./jetstream-client.js";
export {
  type NatsConnection,
  natsFanout,
  type NatsFanoutOptions,
  type NatsSubscription,
} from "./nats-fanout.js";
