import { mkdirSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ChatServer, createChatServer } from "@chat/server";
import express from "express";
import { createLogin, type Login } from "../../quickstart/src/login.js";
import { toUserId } from "../../quickstart/src/user-id.js";
import { rememberCarried } from "./carried.js";
import { openEngines } from "./engines.js";

// One server of the cluster, and this runs as dist/server.js. ROLE=chat: it carries connections. ROLE=http: it serves the page, the login and the
// HTTP service, and carries nobody, so that either kind can grow on its own.
const folder = dirname(dirname(fileURLToPath(import.meta.url)));
const {
  ROLE = "chat",
  SERVER_ID = `${ROLE}-1`,
  PORT = "0",
  HOST = "127.0.0.1",
  CHAT_DATA,
  PUBLIC_URL,
} = process.env;

const EVERYBODY = "everybody";
/** Founds the group that everybody is in. */
const HOST_USER = "The cluster";

async function main(): Promise<void> {
  const data = CHAT_DATA ?? join(folder, "data");
  mkdirSync(data, { recursive: true });
  // All servers share the secret: any of them takes the token that another one gave out.
  const login = createLogin(join(data, "login-secret"));
  const { close: closeEngines, ...engines } = await openEngines();
  const { registry, carried } = rememberCarried(engines.registry);

  // Before the chat, as it announces where it is.
  const app = express();
  app.disable("x-powered-by");
  app.set("env", "production");
  const server = createServer(app);
  await new Promise<void>((resolve) => server.listen(Number(PORT), HOST, resolve));
  const { port } = server.address() as AddressInfo;

  const chat = createChatServer({
    ...engines,
    registry,
    serverId: SERVER_ID,
    ...(ROLE === "chat" && { url: PUBLIC_URL ?? `ws://127.0.0.1:${port}/chat` }),
    authenticate: ({ token }) => ({ userId: login.verify(token) }),
    // The proxy sets it, and takes off what comes from outside.
    clientAddress({ headers, address }) {
      const forwarded = headers["x-forwarded-for"];
      return typeof forwarded === "string" ? forwarded : address;
    },
    log: (level, event, fields) => {
      if (level !== "info") console.log(`${SERVER_ID}: ${event}`, JSON.stringify(fields));
    },
  });
  await chat.ready();

  app.use("/chat", chat.handler);
  app.get("/status", (_request, response) => {
    response.json({ serverId: SERVER_ID, pid: process.pid, users: [...carried.values()].sort() });
  });
  if (ROLE === "chat") chat.attach(server, { path: "/chat" });
  else serveApplication(app, chat, login);
  process.send?.({ port });

  let isEnding = false;
  async function end(): Promise<void> {
    if (isEnding) return;
    isEnding = true;
    setTimeout(() => process.exit(1), 15_000).unref();
    await chat.close(); // tells the proxy that nobody is to come, and the devices when to go
    server.close();
    server.closeAllConnections();
    await closeEngines();
    process.exit(0);
  }
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void end());
  // With whoever started it.
  process.on("disconnect", () => void end());
}

/** The quickstart's page, and a login for it. */
function serveApplication(app: express.Express, chat: ChatServer, login: Login): void {
  app.use(
    express.static(join(folder, "..", "quickstart", "dist", "page"), {
      setHeaders(response: express.Response) {
        response.setHeader(
          "Content-Security-Policy",
          "default-src 'self'; base-uri 'none'; frame-ancestors 'none'",
        );
        response.setHeader("X-Content-Type-Options", "nosniff");
      },
    }),
  );

  app.post("/login", express.json({ limit: "1kb" }), async (request, response) => {
    const { name } = (request.body ?? {}) as { name?: unknown };
    const userId = typeof name === "string" ? toUserId(name) : undefined;
    if (userId === undefined) {
      response.status(400).json({ error: "A name has 1 to 60 letters." });
      return;
    }
    const host = chat.as(HOST_USER);
    // Founded once; whoever comes later is answered with what is there.
    await host.createGroup({ id: EVERYBODY, name: "Everybody", members: [], historyVisibility: "all" });
    await host.addMembers(EVERYBODY, [userId]);
    response.json({ userId, token: login.tokenFor(userId) });
  });
}

main().catch((error: unknown) => {
  console.error(`${SERVER_ID}: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
});
