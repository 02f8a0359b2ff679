// What an application developer writes today: socket.io, and one durable insert per message.
import { createServer } from "node:http";
import Database from "better-sqlite3";
import { Server } from "socket.io";
import { serve } from "./serve.js";

const database = new Database(process.argv[2]);
database.pragma("journal_mode = WAL");
database.pragma("synchronous = FULL");
database.exec(
  "CREATE TABLE message (id INTEGER PRIMARY KEY, room TEXT, sender TEXT, text TEXT, created_at INTEGER)",
);
const insert = database.prepare("INSERT INTO message (room, sender, text, created_at) VALUES (?, ?, ?, ?)");

const server = createServer();
const io = new Server(server, { transports: ["websocket"], perMessageDeflate: false });
io.on("connection", (socket) => {
  const sender = String(socket.handshake.auth["token"]);
  void socket.join(socket.handshake.auth["rooms"] as string[]);
  socket.on("send", (room: string, text: string, acknowledge: (id: number) => void) => {
    const createdAt = Date.now();
    const id = Number(insert.run(room, sender, text, createdAt).lastInsertRowid);
    io.to(room).emit("message", { id, room, sender, text, createdAt });
    acknowledge(id);
  });
});
serve(server, () => {
  database.close();
});
