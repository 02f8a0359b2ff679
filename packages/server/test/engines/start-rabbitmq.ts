import { existsSync } from "node:fs";
import { join } from "node:path";
import { EngineProcess, freePort, run } from "./engine-process.js";

// The script itself: what Debian puts into the path changes to another user, and detaches.
const program = "/usr/lib/rabbitmq/bin/rabbitmq-server";

/** True if a RabbitMQ of one's own can be started. */
export const hasRabbitmq = existsSync(program);

/** A RabbitMQ of a test's own, beside the machine's. Takes some seconds. */
export async function startRabbitmq(): Promise<EngineProcess> {
  const distributionPort = await freePort();
  return EngineProcess.create(({ port, folder }) =>
    run(program, [], {
      RABBITMQ_NODENAME: `chat-test-${port}@localhost`,
      RABBITMQ_NODE_IP_ADDRESS: "127.0.0.1",
      RABBITMQ_NODE_PORT: String(port),
      RABBITMQ_DIST_PORT: String(distributionPort),
      RABBITMQ_BASE: folder,
      RABBITMQ_HOME: folder,
      HOME: folder,
      RABBITMQ_MNESIA_BASE: join(folder, "mnesia"),
      RABBITMQ_LOG_BASE: join(folder, "log"),
      RABBITMQ_PID_FILE: join(folder, "pid"),
      RABBITMQ_CONFIG_FILE: join(folder, "none"),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, "enabled_plugins"),
      RABBITMQ_CONF_ENV_FILE: join(folder, "none"),
    }),
  );
}
