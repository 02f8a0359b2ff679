// The floor of a broadcast: `ws` alone. Nothing is stored, and each message is framed once and written to every socket.
import { createServer } from "node:http";
import type { Socket } from "node:net";
import { Encoder, decode } from "@msgpack/msgpack";
import { type WebSocket, WebSocketServer } from "ws";
import { serve } from "./serve.js";

const sockets = new Map<WebSocket, Socket>();
const encoder = new Encoder();
let last = 0;

function framed(payload: Uint8Array): Buffer {
  const header =
    payload.length < 126
      ? Buffer.of(0x82, payload.length)
      : Buffer.of(0x82, 126, payload.length >> 8, payload.length & 0xff);
  return Buffer.concat([header, payload]);
}

const server = createServer();
const webSocketServer = new WebSocketServer({ server, perMessageDeflate: false });
webSocketServer.on("connection", (webSocket, request) => {
  sockets.set(webSocket, request.socket);
  webSocket.on("close", () => sockets.delete(webSocket));
  webSocket.on("error", () => webSocket.terminate());
  webSocket.on("message", (bytes: Buffer) => {
    const [, requestId, text] = decode(bytes) as [number, number, string];
    const id = ++last;
    const entry = encoder.encode([id, "sender", Date.now(), text]);
    const frame = framed(Buffer.concat([encoder.encode([96, id - 1, id]), entry]));
    for (const socket of sockets.values()) socket.write(frame);
    webSocket.send(encoder.encode([67, requestId, id]));
  });
});
serve(server, () => {});
