// Near what is possible on this machine: no authorization, membership, idempotency or back-pressure. One commit, one
// encoding per message and one write per socket in each turn of the event loop.
import { createServer } from "node:http";
import { Encoder, decode } from "@msgpack/msgpack";
import Database from "better-sqlite3";
import { type WebSocket, WebSocketServer } from "ws";
import { serve } from "./serve.js";

const database = new Database(process.argv[2]);
database.pragma("journal_mode = WAL");
database.pragma("synchronous = FULL");
database.exec("CREATE TABLE message (id INTEGER PRIMARY KEY, body BLOB)");
const insert = database.prepare("INSERT INTO message VALUES (?, ?)");
const commit = database.transaction((bodies: readonly Uint8Array[]) => {
  for (const body of bodies) insert.run(++last, body);
});

let last = 0;
let waiting: { socket: WebSocket; requestId: number; text: string }[] = [];
const sockets = new Set<WebSocket>();
const encoder = new Encoder();

function flush(): void {
  const batch = waiting;
  waiting = [];
  const first = last + 1;
  const createdAt = Date.now();
  const entries = batch.map(({ text }, index) => encoder.encode([first + index, "sender", createdAt, text]));
  commit(entries);
  const push = Buffer.concat([encoder.encode([96, first - 1, last]), ...entries]);
  const acks = new Map<WebSocket, Uint8Array[]>();
  batch.forEach(({ socket, requestId }, index) => {
    const frames = acks.get(socket) ?? [];
    frames.push(encoder.encode([67, requestId, first + index]));
    acks.set(socket, frames);
  });
  for (const socket of sockets) {
    const own = acks.get(socket);
    socket.send(own === undefined ? push : Buffer.concat([...own, push]));
  }
}

const server = createServer();
const webSocketServer = new WebSocketServer({ server, perMessageDeflate: false });
webSocketServer.on("connection", (socket) => {
  sockets.add(socket);
  socket.on("close", () => sockets.delete(socket));
  socket.on("error", () => socket.terminate());
  socket.on("message", (bytes: Buffer) => {
    const [, requestId, text] = decode(bytes) as [number, number, string];
    if (waiting.length === 0) setImmediate(flush);
    waiting.push({ socket, requestId, text });
  });
});
serve(server, () => {
  database.close();
});
