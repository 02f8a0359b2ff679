import { type Runtime, systemRuntime } from "@chat/protocol";
import { type Broker, BrokerFanout } from "../broker-fanout.js";
import type { Fanout } from "../fanout.js";
import type { RedisConnection, RedisSubscriber } from "./redis-connection.js";

/** Settings of {@link redisFanout}. */
export interface RedisFanoutOptions {
  /** What the names of channels begin with; the same on all servers of one chat. `chat` by default. */
  readonly prefix?: string;
  /** Time and log; the real clock and no log by default. */
  readonly runtime?: Pick<Runtime, "clock" | "log">;
}

/**
 * Fan-out over Redis pub/sub: one channel per server. What is published while a server's connection is broken is lost to
 * it, and found in the store.
 * @param connection `nodeRedis(client)` or `ioredis(client)`
 */
export function redisFanout(connection: RedisConnection, options: RedisFanoutOptions = {}): Fanout {
  const { prefix = "chat", runtime = systemRuntime() } = options;
  return new BrokerFanout(redisBroker(connection, prefix), runtime);
}

function redisBroker(connection: RedisConnection, prefix: string): Broker {
  const channelOf = (serverId: string): string => `${prefix}:server:${serverId}`;
  let subscriber: RedisSubscriber | undefined;
  return {
    name: "Redis",
    async send(packets) {
      const outcomes = await Promise.allSettled(
        packets.map(({ serverId, bytes }) => {
          const message = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
          return connection.command(["PUBLISH", channelOf(serverId), message]);
        }),
      );
      const failed = outcomes.find((outcome) => outcome.status === "rejected");
      if (failed !== undefined) throw failed.reason;
    },
    async receive(serverId, handler) {
      subscriber ??= connection.subscriber();
      const [listening, channel] = [subscriber, channelOf(serverId)];
      await listening.subscribe(channel, handler);
      return () => listening.unsubscribe(channel);
    },
    async close() {
      subscriber?.close();
    },
  };
}
