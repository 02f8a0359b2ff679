// The server of a replay, in a process of its own, so that it can be killed. Started by server-process.ts.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { systemRuntime } from "@chat/protocol";
import { createChatServer } from "@chat/server";
import { sqlite } from "@chat/server/sqlite";
import Database from "better-sqlite3";
import type { ServerMessage } from "./server-process.js";

function tell(message: ServerMessage): void {
  process.send?.(message);
}

const [file] = process.argv.slice(2);
const runtime = systemRuntime((level, event, fields) => {
  if (level === "warn" || level === "error")
    tell({ type: "log", level, event, fields: JSON.stringify(fields) });
});
const database = new Database(file);
const chat = createChatServer({
  store: sqlite(database),
  authenticate: ({ token }) => ({ userId: token }),
  runtime,
  // A connection that was silenced is to be found out within the run.
  settings: {
    heartbeatInterval: 3_000,
    // Fourteen years of talk in minutes, all of it from one address, and all who join added by one account.
    sendBurst: 100_000,
    sendRate: 100_000,
    readBurst: 100_000,
    readRate: 100_000,
    listBurst: 100_000,
    listRate: 100_000,
    writeBurst: 100_000,
    writeRate: 100_000,
    unidentifiedPerAddress: 10_000,
  },
});
const http = createServer();

async function stop(): Promise<void> {
  await chat.close();
  database.close();
  process.exit(0);
}

// The parent is gone, however it went.
process.on("disconnect", () => process.exit(1));
process.on("SIGINT", () => {});
process.on("message", () => {
  stop().catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
});

await chat.ready();
chat.attach(http, { path: "/chat" });
http.listen(0, "127.0.0.1", () => tell({ type: "listening", port: (http.address() as AddressInfo).port }));
