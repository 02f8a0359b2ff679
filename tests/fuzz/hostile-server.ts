import type { AddressInfo } from "node:net";
import { createServer, type Server } from "node:http";
import {
  type ClientFrame,
  createServerCodec,
  type InvalidFrame,
  joinFrames,
  SUBPROTOCOL,
  type UnknownFrame,
} from "@chat/protocol";
import WebSocket, { WebSocketServer } from "ws";
import { SERVER_FRAMES } from "../../packages/protocol/src/frames/index.js";
import { damage, randomBytes } from "./damage.js";
import type { FuzzWorld } from "./fuzz-world.js";
import { hostileValue, makeFrame } from "./make-frame.js";
import { writeMsgpack } from "./write-msgpack.js";

/** The answer that a good server gives to each request, by the names of the frames. */
const ANSWERS: Readonly<Record<ClientFrame["type"], string>> = {
  hello: "welcome",
  ping: "pong",
  "send-message": "message-stored",
  "get-range": "range",
  "list-conversations": "conversations",
  "list-changes": "changes",
  "create-conversation": "conversation",
  "get-conversation": "conversation",
  "add-members": "conversation",
  "remove-members": "conversation",
  "update-conversation": "conversation",
  "set-role": "conversation",
  "redact-message": "conversation",
  "send-receipts": "receipts",
  "count-receipts": "receipt-counts",
  "set-typing": "error",
  "get-push": "push",
  "set-push": "push",
  "list-members": "members",
  "get-users": "users",
  "set-profile": "users",
  "watch-presence": "presences",
  "set-presence": "presences",
  "mute-conversation": "receipts",
  "set-privacy": "privacy",
  "set-conversation-privacy": "receipts",
  "refresh-token": "token-refreshed",
};
const PUSHES = SERVER_FRAMES.filter(({ code }) => code >= 96);
const frameType = (name: string) => SERVER_FRAMES.find((type) => type.name === name)!;

/** Frames a second that no client has a reason to send. */
const FLOOD = 2_000;

/** A server that lies: to be connected to by the client under test. */
export class HostileServer {
  readonly #world: FuzzWorld;
  readonly #codec = createServerCodec();
  readonly #http: Server = createServer();
  readonly #sockets = new Set<WebSocket>();
  /** Where to pass everything on to, once it is honest. */
  #honestPort: number | undefined;

  constructor(world: FuzzWorld) {
    this.#world = world;
    const server = new WebSocketServer({ server: this.#http, handleProtocols: () => SUBPROTOCOL });
    server.on("connection", (socket: WebSocket) => {
      socket.on("error", () => {});
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
      if (this.#honestPort === undefined) this.#lie(socket);
      else pass(socket, this.#honestPort);
    });
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#http.listen(0, "127.0.0.1", resolve));
    return (this.#http.address() as AddressInfo).port;
  }

  /** From now on it is the good server: whoever is connected has to come again. */
  becomeHonest(port: number): void {
    this.#honestPort = port;
    for (const socket of this.#sockets) socket.terminate();
  }

  /** Says something unasked to whoever is connected. */
  push(): void {
    const { random } = this.#world;
    if (this.#honestPort !== undefined) return;
    for (const socket of this.#sockets) {
      const type = PUSHES[random.integer(PUSHES.length)]!;
      const bytes = makeFrame(
        type,
        { ...this.#world, wrong: random.chance(0.1) ? 0.05 : 0 },
        { reconnectDelay: 10 },
      );
      const roll = random.float();
      if (roll < 0.96) socket.send(bytes);
      else if (roll < 0.975) socket.send(damage(bytes, random));
      else if (roll < 0.98) socket.send(randomBytes(random, random.integer(100)));
      else if (roll < 0.985) socket.send("text");
      else if (roll < 0.99) socket.close(3000 + random.integer(1999));
      else if (roll < 0.995) socket.terminate();
      else socket.send(writeMsgpack([random.integer(130), 1, hostileValue(random)], random));
    }
  }

  close(): void {
    for (const socket of this.#sockets) socket.terminate();
    this.#http.close();
  }

  /** Entries that fit into their span, as they travel. */
  #run(after: number, through: number): unknown[] {
    const { random } = this.#world;
    return Array.from({ length: through - after }, (_, index) => [
      index === 0 ? after + 1 : 1,
      index === 0 ? "ana" : null,
      index === 0 ? 1_700_000_000_000 : 1,
      1,
      random.integer(2 ** 32),
      "a lie",
    ]);
  }

  #lie(socket: WebSocket): void {
    const { figures } = this.#world;
    figures.clientConnections++;
    let second = 0;
    let frames = 0;
    socket.on("message", (bytes: Buffer) => {
      figures.clientMessages++;
      const now = Math.floor(performance.now() / 1_000);
      if (now !== second) [second, frames] = [now, 0];
      for (const frame of this.#codec.decode(bytes)) {
        if (++frames === FLOOD) this.#world.finding(`the client floods its server, last with ${frame.type}`);
        this.#answer(socket, frame);
      }
    });
  }

  #answer(socket: WebSocket, frame: ClientFrame | UnknownFrame | InvalidFrame): void {
    const { random, known } = this.#world;
    if (frame.type === "invalid" || frame.type === "unknown") {
      const why = frame.type === "invalid" ? frame.error.message : `code ${frame.code}`;
      this.#world.finding(`the client sent a frame that no server can read: ${why}`);
      return;
    }
    known.learn(frame);
    const { requestId } = frame;
    const roll = random.float();
    // Most answers are of the right kind, so that the lies in them get deep.
    let name = ANSWERS[frame.type];
    if (roll > 0.98) name = SERVER_FRAMES[random.integer(SERVER_FRAMES.length)]!.name;
    else if (roll > 0.9 && frame.type !== "hello") name = "error";
    const given: Record<string, unknown> = { requestId };
    if (frame.type === "hello") {
      const intervals = [0, 1, 1_000, 25_000, 2 ** 31, Number.MAX_SAFE_INTEGER];
      Object.assign(given, {
        userId: "victim",
        heartbeatInterval: intervals[random.integer(intervals.length)],
      });
    }
    if ("conversationId" in frame && random.chance(0.9)) given["conversationId"] = frame.conversationId;
    if (frame.type === "get-range" && random.chance(0.5)) {
      const after = frame.after ?? Math.max(0, (frame.before ?? 5) - 5);
      const through = after + random.integer(5);
      Object.assign(given, { after, through, entries: this.#run(after, through) });
    }
    const type = frameType(name);
    const make = (wrong: number): Uint8Array => makeFrame(type, { ...this.#world, wrong }, given);
    if (random.chance(0.02)) return;
    if (random.chance(0.01)) socket.send(damage(make(0), random));
    else if (random.chance(0.05)) socket.send(joinFrames([make(0), make(0)]));
    else socket.send(make(random.chance(0.04) ? 0.1 : 0));
  }
}

/** Passes both directions on to the good server. */
function pass(socket: WebSocket, port: number): void {
  const upstream = new WebSocket(`ws://127.0.0.1:${port}/chat`, [SUBPROTOCOL]);
  const waiting: Buffer[] = [];
  socket.on("message", (bytes: Buffer) => {
    if (upstream.readyState === upstream.OPEN) upstream.send(bytes);
    else waiting.push(bytes);
  });
  upstream.on("open", () => {
    for (const bytes of waiting) upstream.send(bytes);
  });
  upstream.on("message", (bytes: Buffer) => socket.send(bytes));
  upstream.on("error", () => {});
  upstream.on("close", () => socket.close());
  socket.on("close", () => upstream.close());
}
