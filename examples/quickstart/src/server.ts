import { mkdirSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { createChatServer } from "@chat/server";
import { sqlite } from "@chat/server/sqlite";
import { webPush } from "@chat/server/web-push";
import express from "express";
import webpush from "web-push";
import { startGuide } from "./guide.js";
import { listen } from "./listen.js";
import { createLogin } from "./login.js";
import { openBrowser } from "./open-browser.js";
import { readPushKeys } from "./push-keys.js";
import { readRecordedConversation } from "./recorded-conversation.js";
import { toUserId } from "./user-id.js";

// This runs as dist/server.js.
const folder = dirname(dirname(fileURLToPath(import.meta.url)));
const data = process.env.CHAT_DATA ?? join(folder, "data");

async function main(): Promise<void> {
  mkdirSync(data, { recursive: true });
  const login = createLogin(join(data, "login-secret"));
  const keys = readPushKeys(join(data, "push-keys.json"));

  // The chat server: where messages live, and whose a token is. ---------------------------------------------
  const chat = createChatServer({
    store: sqlite(new Database(join(data, "chat.db"))),
    authenticate: ({ token }) => ({ userId: login.verify(token) }),
    push: { providers: [webPush(webpush, { vapid: { subject: "https://localhost", ...keys } })] },
  });
  await chat.ready();

  // The application: an Express app like any other, and the chat is one more part of it. --------------------
  const app = express();
  app.disable("x-powered-by");
  app.set("env", "production"); // an error is answered without its stack
  app.use("/chat", chat.handler);
  app.use(express.static(join(folder, "dist", "page"), { setHeaders: protectPage }));

  const server = createServer(app);
  chat.attach(server, { path: "/chat" });
  const address = await listen(server, process.env);

  // Shows newcomers around, and keeps the first screen from being empty. ------------------------------------
  const recorded = readRecordedConversation(join(folder, "seed", "ubuntu-irc-2005-06-27.txt"));
  const guide = await startGuide({ url: `${address}/chat`, chat, login, recorded });

  app.post("/login", express.json({ limit: "1kb" }), async (request, response) => {
    const { name } = (request.body ?? {}) as { name?: unknown };
    const userId = typeof name === "string" ? toUserId(name) : undefined;
    if (typeof name !== "string" || userId === undefined) {
      response.status(400).json({ error: "A name has 1 to 60 letters." });
    } else if (recorded.speakers.has(userId)) {
      response
        .status(409)
        .json({ error: "Somebody in the example's conversation has this name. Take another one." });
    } else {
      await guide.welcome(userId, name.trim());
      console.log(`${userId} logged in.`);
      response.json({ userId, token: login.tokenFor(userId) });
    }
  });

  console.log(`\nThe chat is at ${address}\nIts data is in ${data}. Ctrl-C ends it.`);
  openBrowser(address);

  let isEnding = false;
  async function end(): Promise<void> {
    if (isEnding) return;
    isEnding = true;
    setTimeout(() => process.exit(1), 8_000).unref();
    await guide.close();
    await chat.close(); // tells the devices when to come back, and finishes what is under way
    server.close(() => process.exit(0));
    server.closeAllConnections();
  }
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void end());
}

/** Nothing but the page's own files runs in it, whatever somebody manages to send. */
function protectPage(response: express.Response): void {
  response.setHeader(
    "Content-Security-Policy",
    "default-src 'self'; base-uri 'none'; frame-ancestors 'none'",
  );
  response.setHeader("X-Content-Type-Options", "nosniff");
}

main().catch((error: unknown) => {
  console.error(`\n✗ ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
});
