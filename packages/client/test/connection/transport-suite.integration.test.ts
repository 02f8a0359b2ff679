import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { describe, it } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { connectWebSocket } from "../../src/connection/connect-web-socket.js";
import {
  type TransportPeer,
  type TransportPlace,
  transportSuite,
} from "../../src/testing/transport-suite.js";

function peerOf(socket: WebSocket): TransportPeer {
  const messages: Uint8Array[] = [];
  const waiting: ((message: Uint8Array) => void)[] = [];
  socket.on("message", (data: Buffer) => {
    const next = waiting.shift();
    if (next) next(data);
    else messages.push(data);
  });
  socket.on("error", () => {});
  return {
    protocol: socket.protocol,
    receive: async () => messages.shift() ?? (await new Promise((resolve) => waiting.push(resolve))),
    send: (bytes) => socket.send(bytes),
    close: (code) => socket.close(code),
    cut: () => socket.terminate(),
    over: once(socket, "close"),
  };
}

async function place(): Promise<TransportPlace> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", handleProtocols: () => "chat.v1" });
  await once(server, "listening");
  const accepted: TransportPeer[] = [];
  const waiting: ((peer: TransportPeer) => void)[] = [];
  server.on("connection", (socket) => {
    const next = waiting.shift();
    if (next) next(peerOf(socket));
    else accepted.push(peerOf(socket));
  });
  return {
    transport: connectWebSocket,
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    // A port that was free a moment ago may be another test's by now; this one is nobody's.
    nowhere: "ws://127.0.0.1:1/",
    accept: async () => accepted.shift() ?? (await new Promise((resolve) => waiting.push(resolve))),
    async close() {
      for (const client of server.clients) client.terminate();
      server.close();
      await once(server, "close");
    },
  };
}

transportSuite({ describe, it }, "WebSocket", place);
