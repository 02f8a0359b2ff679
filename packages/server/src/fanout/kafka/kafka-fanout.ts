import { createHash } from "node:crypto";
import { type Cancel, ChatError, newUuid, type Runtime, systemRuntime } from "@chat/protocol";
import { inTime } from "../../in-time.js";
import { type Broker, BrokerFanout } from "../broker-fanout.js";
import type { Fanout } from "../fanout.js";
import type { KafkaConnection, KafkaRecord } from "./kafka-connection.js";

/** Bytes of one request: brokers refuse a batch beyond `message.max.bytes`, 1 MiB by default. */
const REQUEST_BYTES = 786_432;
/** ms between two marks while a reader begins. */
const MARK_INTERVAL = 100;
/** How long readers and the producer may take to close, ms. */
const CLOSE_DEADLINE = 1_000;

/** Settings of {@link kafkaFanout}. */
export interface KafkaFanoutOptions {
  /** The topic of all servers of one chat, and of no other; `chat.servers` by default. You create it. */
  readonly topic?: string;
  /** What the names of consumer groups begin with; `chat` by default. */
  readonly prefix?: string;
  /** Time, chance and log; the real ones and no log by default. */
  readonly runtime?: Runtime;
}

/**
 * Fan-out over Kafka: one topic, in which each server has the partition that its id hashes to. Servers that share one
 * read past what is for the others.
 * @param connection `kafkajs(kafka)`
 * @throws ChatError `invalid_argument` for a topic that Kafka would refuse
 */
export function kafkaFanout(connection: KafkaConnection, options: KafkaFanoutOptions = {}): Fanout {
  const { topic = "chat.servers", prefix = "chat", runtime = systemRuntime() } = options;
  if (!/^[\w.-]{1,249}$/.test(topic))
    throw new ChatError(
      "invalid_argument",
      "topic holds up to 249 letters, digits, dots, hyphens and underscores.",
    );
  return new BrokerFanout(kafkaBroker(connection, topic, prefix, runtime), runtime);
}

function kafkaBroker(connection: KafkaConnection, topic: string, prefix: string, runtime: Runtime): Broker {
  const cancels = new Set<() => Promise<unknown>>();
  let counting: Promise<number> | undefined;
  let closed = false;

  async function partitionOf(serverId: string): Promise<number> {
    counting ??= connection.partitions(topic);
    counting.catch(() => (counting = undefined));
    return createHash("sha256").update(serverId).digest().readUInt32BE(0) % (await counting);
  }

  async function send(records: readonly KafkaRecord[]): Promise<void> {
    if (closed) throw new Error("The fan-out was closed.");
    try {
      await connection.send(topic, records);
    } catch (error) {
      counting = undefined;
      throw error;
    }
  }

  return {
    name: "Kafka",
    async send(packets) {
      let request: KafkaRecord[] = [];
      let bytes = 0;
      for (const { serverId, bytes: value } of packets) {
        if (request.length > 0 && bytes + value.length > REQUEST_BYTES) {
          await send(request);
          [request, bytes] = [[], 0];
        }
        request.push({ partition: await partitionOf(serverId), key: serverId, value });
        bytes += value.length;
      }
      if (request.length > 0) await send(request);
    },
    async receive(serverId, handler) {
      const partition = await partitionOf(serverId);
      // Its own each time: in a group that a crashed run has left, a reader waits until that one counts as gone.
      const groupId = `${prefix}-${newUuid(runtime.random)}`;
      let begun = (): void => {};
      const reading = new Promise<void>((resolve) => (begun = resolve));
      const cancel = await connection.read(topic, partition, groupId, (key, value) => {
        if (key !== serverId) return;
        begun();
        if (value.length > 0) handler(value);
      });
      if (closed) return cancel;
      // The reader asks for the end by itself, some time. What it reads of ours shows that it has.
      let cancelMark: Cancel = () => {};
      const mark = (): void => {
        // One that is lost is followed by the next.
        send([{ partition, key: serverId, value: new Uint8Array() }]).catch(() => {});
        cancelMark = runtime.clock.schedule(MARK_INTERVAL, mark);
      };
      mark();
      const end = (): Promise<unknown> => {
        begun();
        cancels.delete(end);
        return cancel();
      };
      cancels.add(end);
      await reading;
      cancelMark();
      return end;
    },
    async close() {
      closed = true;
      const late = (): Error => new Error("Kafka did not let go in time.");
      const closing = Promise.all([...cancels].map((cancel) => cancel())).then(() => connection.close());
      // What ends after the deadline ends by itself; of one that is lost there is nothing to tell.
      await inTime(runtime.clock, CLOSE_DEADLINE, late, closing).catch(() => {});
    },
  };
}
