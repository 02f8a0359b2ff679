import type { NodeVersion } from "./node-version.js";

/** An empty application that a stranger adds the chat to. */
export interface App {
  readonly name: string;
  readonly type: "module" | "commonjs";
  /** Which of our packages it names. */
  readonly chat: readonly ("client" | "server" | "protocol")[];
  readonly dependencies: Readonly<Record<string, string | ((node: NodeVersion) => string)>>;
  readonly files: Readonly<Record<string, string>>;
  /** What must succeed in it, in order; each prints nothing that matters. */
  readonly steps: readonly (readonly string[])[];
}

/** Its version is installed by Node's: 13 does not run on Node 20, and 12 ends Node 24. */
const SQLITE = {
  "better-sqlite3": ({ version }: NodeVersion) => (parseInt(version) < 22 ? "12.11.1" : "13.2.0"),
};

/** A server in `chat`, `http` is listening: two users talk over it, and one reads the other's words over HTTP. */
const TALK = `
const { port } = http.address();
const url = "http://127.0.0.1:" + port + "/chat";
const ana = createChatClient({ url, userId: "ana", token: "ana" });
const bo = createChatClient({ url, userId: "bo", token: "bo" });
const heard = new Promise((resolve) => bo.on("message", ({ message }) => message.text && resolve(message.text)));
await bo.ready();
const room = await ana.conversations.createGroup({ members: ["bo"] });
const sent = await room.send("hello");
const { messageId } = await sent.stored;
if ((await heard) !== "hello" || messageId !== 2) throw new Error("the message did not arrive");
const answer = await fetch(url + "/conversations", { headers: { authorization: "Bearer bo" } });
const { items } = await answer.json();
if (items.length !== 1) throw new Error("the HTTP service does not know the conversation");
await ana.close();
await bo.close();
await chat.close();
`;

const EXPRESS = `
const chat = createChatServer({
  store: sqlite(new Database(":memory:"), { allowVolatile: true }),
  authenticate: async ({ token }) => ({ userId: token }),
});
const app = express();
app.use(express.json());
app.use("/chat", chat.handler);
const http = app.listen(0, "127.0.0.1");
await new Promise((resolve) => http.once("listening", resolve));
await chat.ready();
chat.attach(http, { path: "/chat" });
${TALK}
http.close();
`;

const PAGE = `import { createChatClient } from "@chat/client";
document.body.append(String(typeof createChatClient));
`;

/** No global may be touched and nothing started by an import alone: on a server there is no page. */
const IMPORT_ALONE = `
const before = Object.getOwnPropertyNames(globalThis).length;
const { createChatClient } = await import("@chat/client");
if (typeof createChatClient !== "function") throw new Error("no export");
if (Object.getOwnPropertyNames(globalThis).length !== before) throw new Error("an import made a global");
if (process.getActiveResourcesInfo().some((name) => /Timeout|TCP/.test(name))) throw new Error("an import started something");
`;

const TYPED = `import { type ChatClient, createChatClient } from "@chat/client";
import { fakeServer } from "@chat/client/testing";
import { isUuid } from "@chat/protocol";
import { type ChatServer, createChatServer } from "@chat/server";
import { sqlite } from "@chat/server/sqlite";
import { storeSuite } from "@chat/server/testing";
import Database from "better-sqlite3";

export const server: ChatServer = createChatServer({
  store: sqlite(new Database(":memory:"), { allowVolatile: true }),
  authenticate: async ({ token }) => ({ userId: token }),
});
export const client: ChatClient<{ entry: { mood: string } }> = createChatClient<{ entry: { mood: string } }>({
  url: "/chat",
  userId: "ana",
  token: () => "token",
});
// @ts-expect-error the application's own data is typed
client.conversations.get("a")?.send({ data: { mood: 1 } });
export const others = [fakeServer, isUuid, storeSuite];
`;

/** The hooks, rendered on a server and in a page under StrictMode: one client, which goes with the page. */
const HOOKS = `import * as React from "react";
import { renderToString } from "react-dom/server";
import { createRoot } from "react-dom/client";
import * as testing from "react-dom/test-utils";
import { Window } from "happy-dom";
import { ChatProvider, useConnection, useConversations, useTimeline } from "@chat/client/react";
import { fakeServer, virtualClock, virtualRuntime } from "@chat/client/testing";

globalThis.window = new Window();
globalThis.document = window.document;
globalThis.IS_REACT_ACT_ENVIRONMENT = true;
const act = React.act ?? testing.act;
const h = React.createElement;
const clock = virtualClock();
const server = fakeServer({ runtime: virtualRuntime(clock, 1) });
server.createGroup(["ana", "bo"], "room");
server.post("room", "bo", "hello");
let sockets = 0;
const transport = (...where) => (sockets++, server.connect(...where));
const options = { url: "wss://chat.test/", userId: "ana", token: "ana", runtime: virtualRuntime(clock, 2), transport };
function Chat() {
  const { messages } = useTimeline("room");
  return h("p", null, useConnection().connection, useConversations().items.length, messages.at(-1)?.text);
}
const tree = h(React.StrictMode, null, h(ChatProvider, { options }, h(Chat)));
if (!renderToString(tree).includes("connecting")) throw new Error("the server rendered something else");
const page = document.createElement("div");
const root = createRoot(page);
await act(async () => root.render(tree));
await act(() => clock.advance(2_000));
if (page.textContent !== "online1hello" || sockets !== 1) throw new Error(page.textContent + sockets);
await act(async () => root.unmount());
await clock.advance(100);
if (server.sessions.length !== 0) throw new Error("the client outlived its page");
process.exit(0);
`;

const tsconfig = (module: string, moduleResolution: string): string =>
  JSON.stringify({
    // Our own declarations are checked, too: no skipLibCheck.
    compilerOptions: {
      target: "ES2022",
      lib: ["ES2022", "DOM"],
      module,
      moduleResolution,
      strict: true,
      noEmit: true,
      exactOptionalPropertyTypes: true,
      esModuleInterop: true,
      types: ["node"],
    },
    include: ["main.ts"],
  });

/** Every app of the matrix. */
export const APPS: readonly App[] = [
  {
    name: "Express, ESM",
    type: "module",
    chat: ["client", "server"],
    dependencies: { ...SQLITE, express: "5.3.0" },
    files: {
      "main.js": `import Database from "better-sqlite3";
import express from "express";
import { createChatClient } from "@chat/client";
import { createChatServer } from "@chat/server";
import { sqlite } from "@chat/server/sqlite";
${EXPRESS}`,
    },
    steps: [["node", "main.js"]],
  },
  {
    name: "Express, CommonJS",
    type: "commonjs",
    chat: ["client", "server"],
    dependencies: { ...SQLITE, express: "5.3.0" },
    files: {
      "main.js": `const Database = require("better-sqlite3");
const express = require("express");
const { createChatClient } = require("@chat/client");
const { createChatServer } = require("@chat/server");
const { sqlite } = require("@chat/server/sqlite");
(async () => {${EXPRESS}})();`,
    },
    steps: [["node", "main.js"]],
  },
  {
    name: "Fastify",
    type: "module",
    chat: ["client", "server"],
    dependencies: { ...SQLITE, fastify: "5.12.8" },
    files: {
      "main.js": `import Database from "better-sqlite3";
import fastify from "fastify";
import { createChatClient } from "@chat/client";
import { createChatServer } from "@chat/server";
import { sqlite } from "@chat/server/sqlite";

const chat = createChatServer({
  store: sqlite(new Database(":memory:"), { allowVolatile: true }),
  authenticate: async ({ token }) => ({ userId: token }),
});
const app = fastify();
app.all("/chat/*", (request, reply) => {
  reply.hijack();
  request.raw.url = request.raw.url.slice("/chat".length);
  chat.handler(request.raw, reply.raw);
});
await app.listen({ port: 0, host: "127.0.0.1" });
const http = app.server;
chat.attach(http, { path: "/chat" });
${TALK}
await app.close();
`,
    },
    steps: [["node", "main.js"]],
  },
  {
    name: "TypeScript (node16, bundler)",
    type: "module",
    chat: ["client", "server", "protocol"],
    dependencies: {
      ...SQLITE,
      typescript: "6.0.3",
      "@types/node": "20.19.43",
      "@types/better-sqlite3": "7.6.13",
    },
    files: {
      "main.ts": TYPED,
      "tsconfig.json": tsconfig("node16", "node16"),
      "tsconfig.bundler.json": tsconfig("esnext", "bundler"),
    },
    steps: [
      ["node", "node_modules/typescript/bin/tsc", "--project", "tsconfig.json"],
      ["node", "node_modules/typescript/bin/tsc", "--project", "tsconfig.bundler.json"],
    ],
  },
  {
    // The oldest that is supported, from CommonJS.
    name: "TypeScript 5.4 (node16, CommonJS)",
    type: "commonjs",
    chat: ["client", "server", "protocol"],
    dependencies: {
      ...SQLITE,
      typescript: "5.4.5",
      "@types/node": "20.19.43",
      "@types/better-sqlite3": "7.6.13",
    },
    files: { "main.ts": TYPED, "tsconfig.json": tsconfig("node16", "node16") },
    steps: [["node", "node_modules/typescript/bin/tsc", "--project", "tsconfig.json"]],
  },
  {
    name: "Vite",
    type: "module",
    chat: ["client"],
    dependencies: { vite: "8.3.8" },
    files: {
      "index.html": '<script type="module" src="/main.js"></script>',
      "main.js": PAGE,
      "alone.js": IMPORT_ALONE,
    },
    steps: [
      ["node", "alone.js"],
      ["node", "node_modules/vite/bin/vite.js", "build", "--logLevel", "warn"],
    ],
  },
  {
    name: "webpack",
    type: "module",
    chat: ["client"],
    dependencies: { webpack: "5.112.2" },
    files: {
      "src/index.js": PAGE,
      "build.js": `import webpack from "webpack";
webpack({ mode: "production", context: import.meta.dirname }, (error, stats) => {
  if (error || stats.hasErrors() || stats.compilation.warnings.some(({ message }) => !/size limit|lazy load/i.test(message))) {
    console.error(error ?? stats.toString());
    process.exitCode = 1;
  }
});
`,
    },
    steps: [["node", "build.js"]],
  },
  {
    name: "Jest (jsdom)",
    type: "commonjs",
    chat: ["client"],
    dependencies: { jest: "30.5.2", "jest-environment-jsdom": "30.5.2" },
    files: {
      // jsdom has no TextEncoder under Jest (https://github.com/jsdom/jsdom/issues/2524): what is imported and created does without.
      "jest.config.js": 'module.exports = { testEnvironment: "jsdom" };',
      "client.test.js": `const { createChatClient } = require("@chat/client");
test("is imported and created in a page of jsdom", async () => {
  const client = createChatClient({ url: "/chat", userId: "ana", token: "ana" });
  client.disconnect();
  await client.close();
  expect(client.status.connection).toBe("closed");
});
`,
    },
    steps: [["node", "node_modules/jest/bin/jest.js", "--silent"]],
  },
  ...["18.3.1", "19.3.1"].map((version): App => {
    const dependencies = { react: version, "react-dom": version, "happy-dom": "21.0.4" };
    return {
      name: `React ${version.split(".")[0]}`,
      type: "module",
      chat: ["client"],
      dependencies,
      files: { "main.js": HOOKS },
      steps: [["node", "main.js"]],
    };
  }),
  {
    name: "Next",
    type: "module",
    chat: ["client"],
    dependencies: { next: "16.4.6", react: "19.3.1", "react-dom": "19.3.1" },
    files: {
      "app/layout.js":
        "export default function Layout({ children }) { return <html><body>{children}</body></html>; }",
      // A server component may render the provider: its entry says that it belongs to the page.
      "app/page.js": `import { ChatProvider } from "@chat/client/react";
import { Status } from "./status.js";
export default function Page() {
  return <ChatProvider options={{ url: "/chat", userId: "ana", token: "ana" }}><Status /></ChatProvider>;
}
`,
      "app/status.js": `"use client";
import { useConnection, useConversations, useTimeline } from "@chat/client/react";
export function Status() {
  const { items } = useConversations();
  const { messages } = useTimeline(items[0]?.id);
  return <p>{useConnection().connection} {items.length} {messages.length}</p>;
}
`,
    },
    steps: [["node", "node_modules/next/dist/bin/next", "build"]],
  },
];
