import { type Cancel, ChatError, type Runtime, systemRuntime } from "@chat/protocol";
import type { Registry } from "../../registry/registry.js";
import { type Broker, BrokerFanout } from "../broker-fanout.js";
import type { Fanout } from "../fanout.js";
import type { SnsClient, SqsClient } from "./aws-clients.js";
import { QueueNames } from "./queue-names.js";
import { requestsInTime } from "./requests-in-time.js";
import { SERVER_ATTRIBUTE, ServerQueue, type ServerQueueOptions } from "./server-queue.js";
import { sweepQueues } from "./sweep-queues.js";

/** Bytes of a packet: as text they have to stay below the 256 KiB that SNS takes. */
const PACKET_BYTES = 180_000;
/** Characters and messages of one batch at the most. */
const BATCH_LENGTH = 250_000;
const BATCH_MESSAGES = 10;
/** ms between two looks for the queues of servers that are gone. */
const SWEEP_INTERVAL = 600_000;

/** What {@link snsSqsFanout} works with. */
export interface SnsSqsFanoutOptions {
  /** `new SNS(…)` of `@aws-sdk/client-sns`. */
  readonly sns: SnsClient;
  /** `new SQS(…)` of `@aws-sdk/client-sqs`. */
  readonly sqs: SqsClient;
  /** The chat server's registry: the queue of a server that is not in it is removed. */
  readonly registry: Pick<Registry, "servers">;
  /**
   * What the names of the topic and the queues begin with; the same on all servers of one chat, and of no other in the account's region.
   * Up to 36 letters, digits, hyphens and underscores; `chat` by default.
   */
  readonly prefix?: string;
  /** Time, chance and log; the real ones and no log by default. */
  readonly runtime?: Runtime;
}

/**
 * Fan-out over Amazon SNS and SQS: one queue per server behind one topic, which routes by the server's id. The server makes its queue and
 * removes it when it closes; the others remove that of a server that died.
 * @throws ChatError `invalid_argument` for a prefix that can't be part of a name
 */
export function snsSqsFanout(options: SnsSqsFanoutOptions): Fanout {
  const { prefix = "chat", runtime = systemRuntime() } = options;
  if (!/^[\w-]{1,36}$/.test(prefix)) {
    throw new ChatError(
      "invalid_argument",
      "prefix holds up to 36 letters, digits, hyphens and underscores.",
    );
  }
  return new BrokerFanout(snsSqsBroker({ ...options, prefix, runtime }), runtime);
}

function snsSqsBroker(options: Required<SnsSqsFanoutOptions>): Broker {
  const { registry, prefix, runtime } = options;
  const sns = requestsInTime(options.sns, runtime.clock);
  const sqs = requestsInTime(options.sqs, runtime.clock);
  const names = new QueueNames(prefix);
  const queues = new Map<ServerQueue, string>();
  let topicArn: Promise<string> | undefined;
  let cancelSweep: Cancel = () => {};
  let sweeping = false;
  let closed = false;

  const topic: ServerQueueOptions["topic"] = () => {
    topicArn ??= sns.createTopic({ Name: `${prefix}-servers` }).then(({ TopicArn = "" }) => TopicArn);
    topicArn.catch(() => (topicArn = undefined));
    return topicArn;
  };

  /** Asks anew: a queue is made rarely, and the topic may be gone since the last one was. */
  const topicOfQueue: ServerQueueOptions["topic"] = () => {
    topicArn = undefined;
    return topic();
  };

  async function publish(entries: Parameters<SnsClient["publishBatch"]>[0]["PublishBatchRequestEntries"]) {
    const { Failed = [] } = await sns.publishBatch({
      TopicArn: await topic(),
      PublishBatchRequestEntries: entries,
    });
    if (Failed.length > 0) throw new Error(Failed[0]!.Message ?? Failed[0]!.Code ?? "refused");
  }

  async function sweep(): Promise<void> {
    sweeping = true;
    try {
      await sweepQueues({ sns, sqs, registry, names, queues, topicArn: await topic(), runtime });
    } catch (error) {
      if (!closed) runtime.log("warn", "fanout_sweep_failed", { broker: "SQS", error: String(error) });
    }
    if (!closed) cancelSweep = runtime.clock.schedule(SWEEP_INTERVAL, () => void sweep());
  }

  return {
    name: "SNS",
    packetBytes: PACKET_BYTES,
    async send(packets) {
      const batches: Parameters<typeof publish>[0][] = [];
      let length = Infinity;
      for (const { serverId, bytes } of packets) {
        const Message = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
        const last = batches.at(-1);
        const fits = last !== undefined && last.length < BATCH_MESSAGES;
        const batch = fits && length + Message.length + serverId.length <= BATCH_LENGTH ? last : [];
        if (batch !== last) batches.push(batch);
        length = Message.length + serverId.length + (batch === last ? length : 0);
        batch.push({
          Id: String(batch.length),
          Message,
          MessageAttributes: { [SERVER_ATTRIBUTE]: { DataType: "String", StringValue: serverId } },
        });
      }
      const outcomes = await Promise.allSettled(batches.map(publish));
      const failed = outcomes.find((outcome) => outcome.status === "rejected");
      if (failed === undefined) return;
      // Should the topic be gone, it is made again with the next.
      topicArn = undefined;
      throw failed.reason;
    },
    async receive(serverId, handler) {
      const queue = new ServerQueue({ sns, sqs, runtime, names, topic: topicOfQueue }, serverId, handler);
      queues.set(queue, serverId);
      try {
        await queue.open();
      } catch (error) {
        queues.delete(queue);
        throw error;
      }
      if (!sweeping) void sweep();
      return () => {
        queues.delete(queue);
        return queue.remove();
      };
    },
    async close() {
      closed = true;
      cancelSweep();
      await Promise.all([...queues.keys()].map((queue) => queue.remove()));
    },
  };
}
