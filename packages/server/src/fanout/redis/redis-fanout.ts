import { type Runtime, systemRuntime } from "@chat/protocol";
import { type Broker, BrokerFanout } from "../broker-fanout.js";
import type { Fanout } from "../fanout.js";
import type { RedisConnection, RedisSubscriber } from "./redis-connection.js";
import { redisStreams } from "./redis-streams.js";

/** Settings of {@link redisFanout}. */
export interface RedisFanoutOptions {
  /** What the names of channels begin with; the same on all servers of one chat. `chat` by default. */
  readonly prefix?: string;
  /**
   * Streams in place of pub/sub: a server that is slow, cut off for a while or restarted under its id finds what was sent to it waiting, up
   * to 1,000 packets and five minutes. The same on all servers of one chat. False by default.
   */
  readonly buffered?: boolean;
  /** Time and log; the real clock and no log by default. */
  readonly runtime?: Pick<Runtime, "clock" | "log">;
}

/**
 * Fan-out over Redis: one channel per server, by pub/sub. What is published while a server's connection is broken is lost to
 * it, and found in the store; unless it is `buffered`: then it is one stream per server.
 * @param connection `nodeRedis(client)` or `ioredis(client)`
 */
export function redisFanout(connection: RedisConnection, options: RedisFanoutOptions = {}): Fanout {
  const { prefix = "chat", buffered = false, runtime = systemRuntime() } = options;
  const broker = buffered ? redisStreams(connection, prefix, runtime) : redisPubSub(connection, prefix);
  return new BrokerFanout(broker, runtime);
}

function redisPubSub(connection: RedisConnection, prefix: string): Broker {
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
