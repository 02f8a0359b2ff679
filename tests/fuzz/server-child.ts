// The server under test, in a process of its own. Started by fuzz.ts.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createChatServer } from "@chat/server";
import { sqlite } from "@chat/server/sqlite";
import Database from "better-sqlite3";
import express, { type ErrorRequestHandler } from "express";
import { report, underTest } from "./child-report.js";

/** The token of a hostile user is their id, those of the bystanders nobody can guess. */
const [file, bystanders] = process.argv.slice(2) as [string, string];
const users = new Map<string, string>(Object.entries(JSON.parse(bystanders) as Record<string, string>));

const database = new Database(file);
const chat = createChatServer({
  store: sqlite(database),
  authenticate({ token }) {
    const userId = users.get(token) ?? (/^mallory-\d$/.test(token) ? token : undefined);
    if (userId === undefined) throw new Error("no such token");
    return { userId };
  },
  log(level, event, fields) {
    // What a peer can bring about is refused, and is no error of ours.
    if (level === "error") report({ type: "defect", line: `${event} ${JSON.stringify(fields)}` });
  },
  settings: {
    // So that silent connections end within the run.
    helloDeadline: 2_000,
    heartbeatInterval: 2_000,
    // All peers come from one address.
    unidentifiedPerAddress: 1_000,
  },
});

// Mounted the two ways of the guides: by itself, and in Express behind the application's own body parser.
const plain = createServer((request, response) => {
  request.url = request.url?.replace(/^\/chat(?=[/?]|$)/, "");
  chat.handler(request, response);
});
const app = express();
app.use(express.json());
app.use("/chat", chat.handler);
const onError: ErrorRequestHandler = (error: Error & { status?: number }, _request, response, next) => {
  // What the body parser refuses is its own; anything else came out of the chat's handler.
  if (error.status === undefined || error.status >= 500) {
    report({
      type: "defect",
      line: `handed to Express: ${error.stack}`,
    });
  }
  if (response.headersSent) next(error);
  else response.status(error.status ?? 500).end();
};
app.use(onError);
const servers: Server[] = [plain, createServer(app)];

underTest(async () => {
  await chat.close();
  for (const server of servers) server.closeAllConnections();
  database.close();
});

await chat.ready();
for (const server of servers) {
  chat.attach(server, { path: "/chat" });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
}
report({ type: "listening", ports: servers.map((server) => (server.address() as AddressInfo).port) });
