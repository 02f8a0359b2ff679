export type { KafkaConnection, KafkaRecord } from "./kafka-connection.js";
export { kafkaFanout, type KafkaFanoutOptions } from "./kafka-fanout.js";
export {
  kafkajs,
  type KafkajsAdmin,
  type KafkajsAssigner,
  type KafkajsClient,
  type KafkajsConsumer,
  type KafkajsProducer,
  type KafkajsRetry,
} from "./kafkajs.js";
