export { sqlite, type SqliteOptions } from "./sqlite.js";
export type { SqliteDatabase, SqliteStatement, SqliteValue } from "./sqlite-database.js";
export { sqliteDiscovery, type SqliteDiscoveryOptions } from "./sqlite-discovery.js";
export { sqliteRegistry, type SqliteRegistryOptions } from "./sqlite-registry.js";
