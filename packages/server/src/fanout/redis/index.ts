export { redisDiscovery, type RedisDiscoveryOptions } from "../../discovery/redis/redis-discovery.js";
export { ioredis, type IoredisClient, type IoredisSubscriber } from "./ioredis.js";
export { nodeRedis, type NodeRedisClient, type NodeRedisSubscriber } from "./node-redis.js";
export type { RedisConnection, RedisReader, RedisSubscriber } from "./redis-connection.js";
export { redisFanout, type RedisFanoutOptions } from "./redis-fanout.js";
export { redisRegistry, type RedisRegistryOptions } from "../../registry/redis/redis-registry.js";
