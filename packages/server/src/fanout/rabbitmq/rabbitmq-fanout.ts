import { type Runtime, systemRuntime } from "@chat/protocol";
import { type Broker, BrokerFanout } from "../broker-fanout.js";
import { type Fanout, QUEUE_BYTES, QUEUE_ENVELOPES } from "../fanout.js";
import type { AmqpConnection } from "./amqp-connection.js";
import { AmqpLink } from "./amqp-link.js";

/** How long the queue of a server that is gone stays, ms. */
const QUEUE_EXPIRES = 60_000;

/** Settings of {@link rabbitmqFanout}. */
export interface RabbitmqFanoutOptions {
  /** What the names of queues begin with; the same on all servers of one chat. `chat` by default. */
  readonly prefix?: string;
  /** Time, chance and log; the real ones and no log by default. */
  readonly runtime?: Runtime;
}

/**
 * Fan-out over RabbitMQ: one queue per server, bounded, which expires a minute after its server is gone.
 * @param connect opens a connection: `() => amqplib.connect(url)`. Called again whenever the last one was lost, since
 * amqplib does not reconnect by itself; the connection is closed with the fan-out
 */
export function rabbitmqFanout(
  connect: () => PromiseLike<AmqpConnection>,
  options: RabbitmqFanoutOptions = {},
): Fanout {
  const { prefix = "chat", runtime = systemRuntime() } = options;
  return new BrokerFanout(rabbitmqBroker(new AmqpLink(connect, runtime), prefix), runtime);
}

function rabbitmqBroker(link: AmqpLink, prefix: string): Broker {
  const queueOf = (serverId: string): string => `${prefix}.server.${serverId}`;
  return {
    name: "RabbitMQ",
    async send(packets) {
      const { channel, drained } = await link.open();
      let room = true;
      for (const { serverId, bytes } of packets) {
        const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        // The default exchange routes by the queue's name; what is for a queue that is gone is dropped.
        room = channel.publish("", queueOf(serverId), content, { persistent: false });
      }
      if (!room) await drained();
    },
    receive(serverId, handler) {
      const queue = queueOf(serverId);
      return link.keep(async (channel) => {
        await channel.assertQueue(queue, {
          // A transient queue that is not exclusive is deprecated; what this one holds is transient anyway.
          durable: true,
          expires: QUEUE_EXPIRES,
          maxLength: QUEUE_ENVELOPES,
          arguments: { "x-max-length-bytes": QUEUE_BYTES },
        });
        const { consumerTag } = await channel.consume(
          queue,
          (message) => {
            if (message !== null) handler(message.content);
            else link.restart();
          },
          { noAck: true },
        );
        return () => channel.cancel(consumerTag);
      });
    },
    close: () => link.close(),
  };
}
