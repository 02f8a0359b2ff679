export type { AmqpChannel, AmqpConnection } from "./amqp-connection.js";
export { rabbitmqFanout, type RabbitmqFanoutOptions } from "./rabbitmq-fanout.js";
