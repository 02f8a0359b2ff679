import { answers } from "./engine-process.js";

/** Where the engines are that tests share; each test keeps to a database or prefix of its own. */
export const ENGINE_URLS = {
  postgres: process.env["CHAT_TEST_POSTGRES"] ?? "postgres://postgres@127.0.0.1:5432/test",
  mysql: process.env["CHAT_TEST_MYSQL"] ?? "mysql://root@127.0.0.1:3306/test",
  redis: process.env["CHAT_TEST_REDIS"] ?? "redis://127.0.0.1:6379",
  nats: process.env["CHAT_TEST_NATS"] ?? "nats://127.0.0.1:4222",
  rabbitmq: process.env["CHAT_TEST_RABBITMQ"] ?? "amqp://guest:guest@127.0.0.1:5672",
} as const;

/** True if the engine can be reached. Where it can't, its tests are skipped, and CI counts that as a failure. */
export function isUp(engine: keyof typeof ENGINE_URLS): Promise<boolean> {
  const { hostname, port } = new URL(ENGINE_URLS[engine]);
  return answers(hostname, Number(port));
}
