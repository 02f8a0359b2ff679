import type { KafkaConnection } from "./kafka-connection.js";

/** How long the driver waits between tries, ms, and how often it tries to send; a reader tries for ever. */
const RETRY = { initialRetryTime: 100, maxRetryTime: 5_000 };
const SEND_RETRIES = 1;
/** How often a reader commits its position, ms. */
const COMMIT_INTERVAL = 5_000;
/** How long a broker waits for records before it answers, ms. */
const MAX_WAIT = 1_000;

/** What is called of a client of the package `kafkajs`: `new Kafka(…)`. */
export interface KafkajsClient {
  admin(options: { retry: KafkajsRetry }): KafkajsAdmin;
  producer(options: { allowAutoTopicCreation: boolean; retry: KafkajsRetry }): KafkajsProducer;
  consumer(options: {
    groupId: string;
    maxWaitTimeInMs: number;
    partitionAssigners: KafkajsAssigner[];
    retry: KafkajsRetry & { restartOnFailure: () => Promise<boolean> };
  }): KafkajsConsumer;
}

/** How often it tries again, and after how many ms. */
export interface KafkajsRetry {
  retries: number;
  initialRetryTime: number;
  maxRetryTime: number;
}

/** What is called of its admin client. */
export interface KafkajsAdmin {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  fetchTopicMetadata(options: { topics: string[] }): Promise<{ topics: { partitions: unknown[] }[] }>;
}

/** What is called of its producer. */
export interface KafkajsProducer {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  send(record: {
    topic: string;
    acks: number;
    messages: { partition: number; key: string; value: Buffer }[];
  }): Promise<unknown>;
}

/** What is called of its consumer. */
export interface KafkajsConsumer {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  subscribe(options: { topics: string[]; fromBeginning: boolean }): Promise<void>;
  run(options: {
    autoCommitInterval: number;
    eachMessage: (payload: { message: { key: Buffer | null; value: Buffer | null } }) => Promise<void>;
  }): Promise<void>;
}

/** How a group shares its partitions. */
export type KafkajsAssigner = () => {
  name: string;
  version: number;
  assign(group: {
    members: { memberId: string }[];
  }): Promise<{ memberId: string; memberAssignment: Buffer }[]>;
  protocol(subscription: { topics: string[] }): { name: string; metadata: Buffer };
};

/**
 * Takes a client of the package `kafkajs` (2). Its connections are opened with the first use, and closed with the fan-out.
 */
export function kafkajs(kafka: KafkajsClient): KafkaConnection {
  let producer: Promise<KafkajsProducer> | undefined;

  function connected(): Promise<KafkajsProducer> {
    producer ??= (async () => {
      const opened = kafka.producer({
        allowAutoTopicCreation: false,
        retry: { ...RETRY, retries: SEND_RETRIES },
      });
      await opened.connect();
      return opened;
    })();
    producer.catch(() => (producer = undefined));
    return producer;
  }

  return {
    async partitions(topic) {
      const admin = kafka.admin({ retry: { ...RETRY, retries: SEND_RETRIES } });
      try {
        await admin.connect();
        const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
        return topics[0]!.partitions.length;
      } finally {
        await admin.disconnect();
      }
    },
    async send(topic, records) {
      const messages = records.map(({ value, ...record }) => ({
        ...record,
        value: Buffer.from(value.buffer, value.byteOffset, value.byteLength),
      }));
      await (await connected()).send({ topic, acks: 1, messages });
    },
    async read(topic, partition, groupId, handler) {
      const consumer = kafka.consumer({
        groupId,
        maxWaitTimeInMs: MAX_WAIT,
        partitionAssigners: [only(topic, partition)],
        retry: { ...RETRY, retries: Number.MAX_SAFE_INTEGER, restartOnFailure: async () => true },
      });
      await consumer.connect();
      await consumer.subscribe({ topics: [topic], fromBeginning: false });
      await consumer.run({
        autoCommitInterval: COMMIT_INTERVAL,
        async eachMessage({ message: { key, value } }) {
          if (key !== null && value !== null) handler(key.toString(), value);
        },
      });
      return () => consumer.disconnect();
    },
    async close() {
      const opened = await producer?.catch(() => undefined);
      await opened?.disconnect();
    },
  };
}

/** Gives a group's one member one partition; kafkajs assigns by groups alone. */
function only(topic: string, partition: number): KafkajsAssigner {
  const name = "ChatServer";
  return () => ({
    name,
    version: 0,
    assign: async ({ members }) =>
      members.map(({ memberId }, index) => ({
        memberId,
        memberAssignment: assignment(topic, index === 0 ? [partition] : []),
      })),
    protocol: ({ topics }) => ({
      name,
      metadata: Buffer.concat([int16(0), int32(topics.length), ...topics.map(text), int32(0)]),
    }),
  });
}

/** As Kafka's consumer protocol has it: version, topics with their partitions, no data of ours. */
function assignment(topic: string, partitions: readonly number[]): Buffer {
  const count = int32(partitions.length);
  return Buffer.concat([int16(0), int32(1), text(topic), count, ...partitions.map(int32), int32(0)]);
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([int16(bytes.length), bytes]);
}
