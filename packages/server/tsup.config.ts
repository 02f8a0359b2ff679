import { defineConfig } from "tsup";
import { library } from "../../tsup.base.js";

export default defineConfig(
  library(
    {
      index: "src/index.ts",
      dynamodb: "src/store/dynamodb/index.ts",
      fastify: "src/mount/fastify.ts",
      kafka: "src/fanout/kafka/index.ts",
      mysql: "src/store/mysql/index.ts",
      nats: "src/fanout/nats/index.ts",
      postgres: "src/store/postgres/index.ts",
      rabbitmq: "src/fanout/rabbitmq/index.ts",
      redis: "src/fanout/redis/index.ts",
      "sns-sqs": "src/fanout/sns-sqs/index.ts",
      sqlite: "src/store/sqlite/index.ts",
      testing: "src/testing/index.ts",
      zookeeper: "src/discovery/zookeeper/index.ts",
      "web-push": "src/push/web-push/index.ts",
    },
    "node",
  ),
);
