import { createHash } from "node:crypto";

/*
 * Keys, all with the same tag, so that they are on one node of a cluster:
 *
 * TAG:leases               servers, by the end of their leases
 * TAG:runs                 how often a server has begun anew
 * TAG:holding              servers that hold any session
 * TAG:server:ID            hash of incarnation, lease and run
 * TAG:sessions:ID          `user NUL connection`, in the order of their bytes
 * TAG:marks:ID             `user NUL conversation`: what is counted of them below
 * TAG:conversation:ID      hash by `server NUL run`: how many members that server holds; only where memberships are known
 */

// Time is Redis's own, so the servers' clocks need not agree.
const PRELUDE = `
  local tag, id, incarnation = ARGV[1], ARGV[2], ARGV[3]
  local leases, holding = tag .. ':leases', tag .. ':holding'
  local server, sessions, marks = tag .. ':server:' .. id, tag .. ':sessions:' .. id, tag .. ':marks:' .. id
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
    redis.call('PEXPIRE', marks, lease * 2)
  end
  local function forget()
    redis.call('DEL', sessions, marks)
    redis.call('SREM', holding, id)
  end
  local function sessionsOf(other, user, limit)
    return redis.call('ZRANGEBYLEX', tag .. ':sessions:' .. other, '[' .. user .. '\\0', '(' .. user .. '\\1', 'LIMIT', 0, limit)
  end
  local function mark(other, user, conversation)
    if redis.call('ZADD', tag .. ':marks:' .. other, 0, user .. '\\0' .. conversation) == 0 then return end
    local run = redis.call('HGET', tag .. ':server:' .. other, 'run')
    redis.call('HINCRBY', tag .. ':conversation:' .. conversation, other .. '\\0' .. run, 1)
  end`;

const BODIES = {
  join: `
    if not live() then
      forget()
      redis.call('HSET', server, 'run', redis.call('INCR', tag .. ':runs'))
    end
    redis.call('HSET', server, 'incarnation', incarnation, 'lease', ARGV[4])
    keep(tonumber(ARGV[4]))
    for _, gone in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', now - ARGV[4])) do
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
    redis.call('ZADD', sessions, 0, ARGV[4] .. '\\0' .. ARGV[5])
    redis.call('PEXPIRE', sessions, redis.call('HGET', server, 'lease') * 2)
    redis.call('SADD', holding, id)
    return 1`,
  // The conversations of a user who has a session here, some at a time. One that has ended meanwhile marks nothing.
  mark: `
    if not live() then return 0 end
    if not redis.call('ZSCORE', sessions, ARGV[4] .. '\\0' .. ARGV[5]) then return 1 end
    for i = 6, #ARGV do mark(id, ARGV[4], ARGV[i]) end
    redis.call('PEXPIRE', marks, redis.call('HGET', server, 'lease') * 2)
    return 1`,
  unregister: `
    if redis.call('ZREM', sessions, ARGV[4] .. '\\0' .. ARGV[5]) == 1 and #sessionsOf(id, ARGV[4], 1) == 0 then
      local run = redis.call('HGET', server, 'run') or ''
      for _, marked in ipairs(redis.call('ZRANGEBYLEX', marks, '[' .. ARGV[4] .. '\\0', '(' .. ARGV[4] .. '\\1')) do
        redis.call('ZREM', marks, marked)
        local conversation, field = tag .. ':conversation:' .. string.sub(marked, #ARGV[4] + 2), id .. '\\0' .. run
        if redis.call('HINCRBY', conversation, field, -1) <= 0 then redis.call('HDEL', conversation, field) end
      end
    end
    if redis.call('EXISTS', sessions) == 0 then redis.call('SREM', holding, id) end
    return 1`,
  // Users who have become members of a conversation, wherever they are.
  joined: `
    for _, other in ipairs(redis.call('ZRANGEBYSCORE', leases, '(' .. now, '+inf')) do
      for i = 5, #ARGV do
        if #sessionsOf(other, ARGV[i], 1) > 0 then mark(other, ARGV[i], ARGV[4]) end
      end
      redis.call('PEXPIRE', tag .. ':marks:' .. other, redis.call('HGET', tag .. ':server:' .. other, 'lease') * 2)
    end
    return 1`,
  holding: `
    local found = {}
    for _, other in ipairs(redis.call('ZRANGEBYSCORE', leases, '(' .. now, '+inf')) do
      if redis.call('SISMEMBER', holding, other) == 1 then found[#found + 1] = other end
    end
    return found`,
  // What a run left that is over goes with the first look.
  serversOf: `
    local conversation, found = tag .. ':conversation:' .. ARGV[4], {}
    for _, field in ipairs(redis.call('HKEYS', conversation)) do
      local other, run = string.match(field, '^(.*)%z(%d+)$')
      if redis.call('HGET', tag .. ':server:' .. other, 'run') == run
        and tonumber(redis.call('ZSCORE', leases, other) or '0') > now then
        found[#found + 1] = other
      else
        redis.call('HDEL', conversation, field)
      end
    end
    return found`,
  servers: "return redis.call('ZRANGEBYSCORE', leases, '(' .. now, '+inf')",
} as const;

/** What the registry asks of Redis. */
export type RegistryScript = keyof typeof BODIES;

/** A script, and the name by which Redis knows it once it has run. */
interface Script {
  readonly source: string;
  readonly sha: string;
}

/** The scripts whole: their arguments are the tag, a server's id and incarnation, and their own. */
export const REGISTRY_SCRIPTS = Object.fromEntries(
  Object.entries(BODIES).map(([name, body]) => {
    const source = `${PRELUDE}\n${body}`;
    return [name, { source, sha: createHash("sha1").update(source).digest("hex") }];
  }),
) as Readonly<Record<RegistryScript, Script>>;
