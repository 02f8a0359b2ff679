export type { DynamoDbAdministration, DynamoDbClient } from "./dynamo-db-client.js";
export { dynamodb } from "./dynamo-db-log.js";
export { createDynamoDbTables, type DynamoDbTables } from "./dynamo-db-tables.js";
