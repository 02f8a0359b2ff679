import { ChatError } from "@chat/protocol";
import type { RedisConnection } from "../../fanout/redis/redis-connection.js";
import { leaseRanOut } from "../in-process-registry.js";
import type { Registry, ServerIdentity, SessionRecord } from "../registry.js";

/** Settings of {@link redisRegistry}. */
export interface RedisRegistryOptions {
  /** What the names of keys begin with; the same on all servers of one chat. `chat` by default. */
  readonly prefix?: string;
}

// Time is Redis's own, so the servers' clocks need not agree.
const PRELUDE = `
  local leases, holding, server, sessions = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
  local id, incarnation = ARGV[1], ARGV[2]
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local function live()
    return redis.call('HGET', server, 'incarnation') == incarnation
      and tonumber(redis.call('ZSCORE', leases, id) or '0') > now
  end
  local function keep(lease)
    redis.call('ZADD', leases, now + lease, id)
    redis.call('PEXPIRE', server, lease * 2)
    redis.call('PEXPIRE', sessions, lease * 2)
  end
  local function forget()
    redis.call('DEL', sessions)
    redis.call('SREM', holding, id)
  end`;

const SCRIPTS = {
  join: `
    if not live() then forget() end
    redis.call('HSET', server, 'incarnation', incarnation, 'lease', ARGV[3])
    keep(tonumber(ARGV[3]))
    for _, gone in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', now - ARGV[3])) do
      redis.call('ZREM', leases, gone)
      redis.call('SREM', holding, gone)
    end
    return 1`,
  renew: `
    if not live() then return 0 end
    keep(tonumber(redis.call('HGET', server, 'lease')))
    return 1`,
  leave: `
    if redis.call('HGET', server, 'incarnation') ~= incarnation then return 0 end
    forget()
    redis.call('DEL', server)
    redis.call('ZREM', leases, id)
    return 1`,
  register: `
    if not live() then return 0 end
    redis.call('SADD', sessions, ARGV[3])
    redis.call('PEXPIRE', sessions, redis.call('HGET', server, 'lease') * 2)
    redis.call('SADD', holding, id)
    return 1`,
  unregister: `
    redis.call('SREM', sessions, ARGV[3])
    if redis.call('EXISTS', sessions) == 0 then redis.call('SREM', holding, id) end
    return 1`,
  serversOf: `
    local found = {}
    for _, server in ipairs(redis.call('ZRANGEBYSCORE', leases, '(' .. now, '+inf')) do
      if redis.call('SISMEMBER', holding, server) == 1 then found[#found + 1] = server end
    end
    return found`,
  servers: "return redis.call('ZRANGEBYSCORE', leases, '(' .. now, '+inf')",
} as const;

/**
 * The registry in Redis. It knows nothing of memberships, so `serversOf` names every live server that holds any session.
 * When Redis loses it, each server joins again and registers its sessions with its next renewal.
 * @param connection `nodeRedis(client)` or `ioredis(client)`
 */
export function redisRegistry(connection: RedisConnection, options: RedisRegistryOptions = {}): Registry {
  return new RedisRegistry(connection, options.prefix ?? "chat");
}

class RedisRegistry implements Registry {
  readonly #connection: RedisConnection;
  readonly #prefix: string;

  constructor(connection: RedisConnection, prefix: string) {
    this.#connection = connection;
    this.#prefix = prefix;
  }

  async join(server: ServerIdentity, lease: number): Promise<void> {
    await this.#run("join", server, String(lease));
  }

  async renew(server: ServerIdentity): Promise<boolean> {
    return Number(await this.#run("renew", server)) === 1;
  }

  async leave(server: ServerIdentity): Promise<void> {
    await this.#run("leave", server);
  }

  async register(server: ServerIdentity, { connectionId }: SessionRecord): Promise<void> {
    if (Number(await this.#run("register", server, connectionId)) !== 1) throw leaseRanOut();
  }

  async unregister(server: ServerIdentity, { connectionId }: SessionRecord): Promise<void> {
    await this.#run("unregister", server, connectionId);
  }

  async serversOf(_conversationId: string): Promise<readonly string[]> {
    const found = await this.#run("serversOf", { serverId: "", incarnation: "" });
    return (found as unknown[]).map(String);
  }

  async servers(): Promise<readonly string[]> {
    const found = await this.#run("servers", { serverId: "", incarnation: "" });
    return (found as unknown[]).map(String);
  }

  async #run(
    script: keyof typeof SCRIPTS,
    { serverId, incarnation }: ServerIdentity,
    ...rest: readonly string[]
  ): Promise<unknown> {
    // The braces keep all of them on one node of a cluster.
    const tag = `{${this.#prefix}}`;
    const keys = [
      `${tag}:leases`,
      `${tag}:holding`,
      `${tag}:server:${serverId}`,
      `${tag}:sessions:${serverId}`,
    ];
    const source = `${PRELUDE}\n${SCRIPTS[script]}`;
    try {
      return await this.#connection.command(["EVAL", source, "4", ...keys, serverId, incarnation, ...rest]);
    } catch (cause) {
      throw new ChatError("store_unavailable", "The registry in Redis does not answer.", { cause });
    }
  }
}
