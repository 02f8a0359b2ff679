export {
  postgresDiscovery,
  type PostgresDiscoveryOptions,
} from "../../discovery/postgres/postgres-discovery.js";
export { postgresRegistry, type PostgresRegistryOptions } from "../../registry/postgres/postgres-registry.js";
export { migratePostgres } from "./migrate-postgres.js";
export { postgres, type PostgresOptions } from "./postgres.js";
export { POSTGRES_MIGRATIONS } from "./postgres-migrations.js";
export type { PostgresClient, PostgresPool, PostgresQuery } from "./postgres-pool.js";
