import type { Backend } from "./backend.js";
import { clusterBackend } from "./cluster-backend.js";
import { dynamodbDatabase } from "./dynamodb-database.js";
import { mysqlDatabase } from "./mysql-database.js";
import { natsBroker } from "./nats-broker.js";
import { postgresDatabase } from "./postgres-database.js";
import { rabbitmqBroker } from "./rabbitmq-broker.js";
import { redisBroker } from "./redis-broker.js";
import { snsSqsBroker } from "./sns-sqs-broker.js";
import { sqliteBackend } from "./sqlite.js";

export const postgresRedis = clusterBackend("postgres-redis", postgresDatabase, redisBroker);
export const postgresNats = clusterBackend("postgres-nats", postgresDatabase, natsBroker);
export const mysqlRabbitmq = clusterBackend("mysql-rabbitmq", mysqlDatabase, rabbitmqBroker);
export const dynamodbSnsSqs = clusterBackend("dynamodb-sns-sqs", dynamodbDatabase, snsSqsBroker);

/** What a server's process can be told to open, by name. */
export const BACKENDS: Readonly<Record<string, Backend>> = Object.fromEntries(
  [sqliteBackend, postgresRedis, postgresNats, mysqlRabbitmq, dynamodbSnsSqs].map((backend) => [
    backend.name,
    backend,
  ]),
);
