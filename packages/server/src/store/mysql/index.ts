export { mysqlDiscovery, type MysqlDiscoveryOptions } from "../../discovery/mysql/mysql-discovery.js";
export { mysqlRegistry, type MysqlRegistryOptions } from "../../registry/mysql/mysql-registry.js";
export { migrateMysql } from "./migrate-mysql.js";
export { mysql, type MysqlOptions } from "./mysql.js";
export { MYSQL_MIGRATIONS } from "./mysql-migrations.js";
export type { MysqlConnection, MysqlPool, MysqlQuery } from "./mysql-pool.js";
