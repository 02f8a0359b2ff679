import { createHash } from "node:crypto";
import type { Cancel, Runtime } from "@chat/protocol";
import type { JetStreamClient, JetStreamMessages } from "./jetstream-client.js";
import { natsToken } from "./nats-token.js";

const NS_PER_MS = 1_000_000;
/** How long a packet waits for its server, ms, and how long the consumer of a server that is gone stays. */
const WAITING = 300_000;
/** Packets that wait for one server. */
const SERVER_PACKETS = 1_000;
/** Bytes that wait for all servers together. */
const STREAM_BYTES = 268_435_456;
/** A packet that was handed over and not confirmed comes again after so many ms. */
const ACK_WAIT = 30_000;
/** How long one pull lasts, ms; half of it without a sign is a sign that something is wrong. */
const PULL_EXPIRES = 5_000;
/** Between two tries to consume, ms. */
const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 2_000;

/** What one server reads of JetStream. */
export interface JetStreamInlet {
  readonly client: JetStreamClient;
  readonly runtime: Pick<Runtime, "clock" | "log">;
  readonly prefix: string;
  readonly serverId: string;
  readonly subject: string;
}

/**
 * Consumes what was published on a server's subject, over a durable consumer. Stream and consumer are made where they are missing, also
 * when they have gone meanwhile. Resolves when both stand.
 * @throws Error if they can't be made
 */
export async function consumeJetStream(
  inlet: JetStreamInlet,
  handler: (packet: Uint8Array) => void,
): Promise<() => Promise<unknown>> {
  const { client, runtime } = inlet;
  // NATS writes the stream's name into a subject by a format, in which a percent sign has a meaning.
  const stream = `${natsToken(inlet.prefix).replaceAll("%", "=")}-servers`;
  // A consumer's name may hold less than a server's id.
  const consumer = createHash("sha256").update(inlet.serverId).digest("base64url");
  let cancelled = false;
  let messages: JetStreamMessages | undefined;
  let cancelPause: Cancel = () => {};

  async function open(): Promise<JetStreamMessages> {
    const manager = await client.jetstreamManager(false);
    try {
      await manager.streams.info(stream);
    } catch {
      // An equal one that another server makes at the same time is the same.
      await manager.streams.add({
        name: stream,
        subjects: [`${inlet.prefix}.server.*`],
        storage: "memory",
        // What was confirmed is gone, and what is for nobody is not kept.
        retention: "interest",
        discard: "old",
        max_age: WAITING * NS_PER_MS,
        max_bytes: STREAM_BYTES,
        max_msgs_per_subject: SERVER_PACKETS,
      });
    }
    await manager.consumers.add(stream, {
      durable_name: consumer,
      description: inlet.serverId,
      filter_subject: inlet.subject,
      ack_policy: "explicit",
      deliver_policy: "all",
      ack_wait: ACK_WAIT * NS_PER_MS,
      inactive_threshold: WAITING * NS_PER_MS,
    });
    const opened = await (
      await client.consumers.get(stream, consumer)
    ).consume({
      callback(message) {
        if (cancelled) return;
        handler(message.data);
        message.ack();
      },
      abort_on_missing_resource: true,
      expires: PULL_EXPIRES,
    });
    if (cancelled) await opened.close();
    return opened;
  }

  async function keepOpen(): Promise<void> {
    let pause = FIRST_PAUSE;
    let openedAt = runtime.clock.monotonic();
    while (!cancelled) {
      if (messages !== undefined) {
        const reason = await messages.closed();
        messages = undefined;
        if (cancelled) return;
        if (runtime.clock.monotonic() - openedAt > LONGEST_PAUSE) pause = FIRST_PAUSE;
        failed(reason);
      }
      await new Promise<void>((resolve) => (cancelPause = runtime.clock.schedule(pause, resolve)));
      pause = Math.min(pause * 2, LONGEST_PAUSE);
      try {
        messages = await open();
        openedAt = runtime.clock.monotonic();
      } catch (error) {
        if (!cancelled) failed(error);
      }
    }
  }

  function failed(reason: unknown): void {
    runtime.log("warn", "fanout_receive_failed", { broker: "NATS", error: String(reason) });
  }

  messages = await open();
  void keepOpen();
  return async () => {
    cancelled = true;
    cancelPause();
    await messages?.close();
  };
}
