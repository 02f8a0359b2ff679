// A chat server in a process of its own, so that it can be killed. Started by server-process.ts.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { systemRuntime } from "@chat/protocol";
import { createChatServer, type Fanout } from "@chat/server";
import { BACKENDS } from "./backends/backends.js";
import type { FromServer, ServerConfig, ToServer } from "./server-messages.js";

const config = JSON.parse(process.argv[2]!) as ServerConfig;

function tell(message: FromServer): void {
  // Whoever started this may be gone.
  if (process.connected) process.send!(message);
}

const runtime = systemRuntime((level, event, fields) => {
  if (level === "warn" || level === "error")
    tell({ type: "log", level, event, fields: JSON.stringify(fields) });
});
const backend = await BACKENDS[config.backend]!.open(config.place);

/** Over the process that started this one, which loses, doubles, delays and reorders. */
let receive: (envelope: Uint8Array) => void = () => {};
const overParent: Fanout = {
  publish(serverIds, bytes) {
    for (const to of serverIds) tell({ type: "envelope", to, bytes });
  },
  async subscribe(_, handler) {
    receive = handler;
    return () => (receive = () => {});
  },
  async close() {},
};

const chat = createChatServer({
  store: config.watches ? backend.store : unwatched(backend.store),
  authenticate: ({ token }) => ({ userId: token }),
  // Only the one over the parent can lose everything, for the tails.
  fanout: config.watches ? (backend.fanout ?? overParent) : overParent,
  registry: backend.registry,
  serverId: config.serverId,
  runtime,
  settings: {
    heartbeatInterval: config.heartbeatInterval,
    registryLease: 9_000,
    // All devices have one address, and each of them writes as much as a crowd.
    unidentifiedPerAddress: 20_000,
    sendBurst: 1_000_000,
    sendRate: 1_000_000,
    readBurst: 1_000_000,
    readRate: 1_000_000,
    listBurst: 1_000_000,
    listRate: 1_000_000,
    writeBurst: 1_000_000,
    writeRate: 1_000_000,
  },
});
const http = createServer();

function unwatched(store: typeof backend.store): typeof backend.store {
  return {
    messages: store.messages,
    conversations: store.conversations,
    housekeeping: store.housekeeping,
    pushes: store.pushes,
    open: (options) => store.open(options),
    watch: () => () => {},
    close: () => store.close(),
  };
}

async function stop(): Promise<void> {
  await chat.close();
  await backend.close();
  process.exit(0);
}

// The parent is gone, however it went.
process.on("disconnect", () => process.exit(1));
process.on("SIGINT", () => {});
process.on("message", (message: ToServer) => {
  if (message.type === "envelope") receive(message.bytes);
  else if (message.type === "fill") backend.fill(message.isFull);
  else {
    stop().catch((error: unknown) => {
      console.error(error);
      process.exit(1);
    });
  }
});

await chat.ready();
chat.attach(http, { path: "/chat" });
// As many may knock at the same moment as there are devices.
http.listen({ port: 0, host: "127.0.0.1", backlog: 8_192 }, () =>
  tell({ type: "listening", port: (http.address() as AddressInfo).port }),
);
setInterval(
  () => tell({ type: "memory", resident: process.memoryUsage.rss(), connections: chat.connections }),
  1_000,
).unref();
