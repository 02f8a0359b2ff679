import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { createApp } from "./app.js";

// This runs as dist/server.js.
const folder = process.env.CHAT_DATA ?? join(dirname(dirname(fileURLToPath(import.meta.url))), "data");
mkdirSync(folder, { recursive: true });

/** Kept, so that logins outlive a restart. In production it comes from where your other secrets do. */
function tokenSecret(file: string): Uint8Array {
  try {
    writeFileSync(file, randomBytes(32), { flag: "wx", mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  return readFileSync(file);
}

const database = new Database(join(folder, "app.db"));
const { app } = await createApp({
  database,
  secret: tokenSecret(join(folder, "token-secret")),
  tokenLife: Number(process.env.TOKEN_LIFE ?? 300),
  logs: true,
});
app.addHook("onClose", () => void database.close());
await app.listen({ port: Number(process.env.PORT ?? 3000), host: process.env.HOST ?? "127.0.0.1" });

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void app.close().then(() => process.exit(0)));
}
