export {
  type NatsConnection,
  natsFanout,
  type NatsFanoutOptions,
  type NatsSubscription,
} from "./nats-fanout.js";
