// The SDK as the README mounts it: authorized, ordered, durable, back-pressure on.
import { createServer } from "node:http";
import { createChatServer } from "@chat/server";
import { sqlite } from "@chat/server/sqlite";
import Database from "better-sqlite3";
import { serve } from "./serve.js";

const database = new Database(process.argv[2]);
const chat = createChatServer({ store: sqlite(database), authenticate: ({ token }) => ({ userId: token }) });
const server = createServer(chat.handler);
chat.attach(server, { path: "/chat" });
await chat.ready();
serve(server, async () => {
  await chat.close();
  database.close();
});
