import { ChatError } from "@chat/protocol";
import type { RedisConnection } from "../../fanout/redis/redis-connection.js";
import { decodeAnnouncements, encodeAnnouncement } from "../announcement.js";
import type { Discovery } from "../discovery.js";

/** Settings of {@link redisDiscovery}. */
export interface RedisDiscoveryOptions {
  /** What the names of keys begin with; the same on all servers of one chat. `chat` by default. */
  readonly prefix?: string;
}

// Time is Redis's own, so the servers' clocks need not agree.
const PRELUDE = `
  local expiries, servers = KEYS[1], KEYS[2]
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)`;

const SCRIPTS = {
  announce: `
    for _, gone in ipairs(redis.call('ZRANGEBYSCORE', expiries, '-inf', now)) do
      redis.call('ZREM', expiries, gone)
      redis.call('HDEL', servers, gone)
    end
    redis.call('ZADD', expiries, now + ARGV[2], ARGV[1])
    redis.call('HSET', servers, ARGV[1], ARGV[3])
    return 1`,
  withdraw: `
    redis.call('ZREM', expiries, ARGV[1])
    redis.call('HDEL', servers, ARGV[1])
    return 1`,
  list: `
    local found = {}
    for _, id in ipairs(redis.call('ZRANGEBYSCORE', expiries, '(' .. now, '+inf')) do
      found[#found + 1] = redis.call('HGET', servers, id)
    end
    return found`,
} as const;

/**
 * The discovery in Redis, leased by Redis's own clock. When Redis loses it, each server announces itself again within the setting
 * `announceInterval`.
 * @param connection `nodeRedis(client)` or `ioredis(client)`
 */
export function redisDiscovery(connection: RedisConnection, options: RedisDiscoveryOptions = {}): Discovery {
  // The braces keep both on one node of a cluster.
  const tag = `{${options.prefix ?? "chat"}}`;
  const keys = [`${tag}:discovery`, `${tag}:discovered`];

  async function run(script: keyof typeof SCRIPTS, ...rest: readonly string[]): Promise<unknown> {
    try {
      return await connection.command(["EVAL", `${PRELUDE}\n${SCRIPTS[script]}`, "2", ...keys, ...rest]);
    } catch (cause) {
      throw new ChatError("store_unavailable", "The discovery in Redis does not answer.", { cause });
    }
  }

  return {
    async announce(server, lease) {
      await run("announce", server.serverId, String(lease), encodeAnnouncement(server));
    },
    async withdraw(serverId) {
      await run("withdraw", serverId);
    },
    async list() {
      return decodeAnnouncements(((await run("list")) as unknown[]).map(String));
    },
    async close() {},
  };
}
