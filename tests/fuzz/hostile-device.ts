import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { createClientCodec, joinFrames, SUBPROTOCOL } from "@chat/protocol";
import WebSocket from "ws";
import { CLIENT_FRAMES } from "../../packages/protocol/src/frames/index.js";
import { uuidToBytes } from "../../packages/protocol/src/ids.js";
import { damage, randomBytes } from "./damage.js";
import type { Figures } from "./figures.js";
import { hostileValue, makeFrame } from "./make-frame.js";
import type { FuzzWorld } from "./fuzz-world.js";
import { writeMsgpack } from "./write-msgpack.js";

const [HELLO, ...REQUESTS] = CLIENT_FRAMES;
const NEVER = { wrong: 0 };

/** ms without an answer after which a peer moves on: a hostile message need not be answered. */
const PATIENCE = 1_500;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** One connection of a hostile device, from the upgrade to whatever end it comes to. */
export async function hostileConnection(world: FuzzWorld, port: number): Promise<void> {
  const { random, figures } = world;
  figures.connections++;
  if (random.chance(0.1)) return hostileUpgrade(world, port);
  const socket = new WebSocket(`ws://127.0.0.1:${port}/chat`, [SUBPROTOCOL], { perMessageDeflate: false });
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.on("error", () => {});
  const codec = createClientCodec();
  socket.on("message", (bytes: Buffer) => {
    // A server's every message must be one that a device can read.
    for (const frame of codec.decode(bytes)) {
      figures.answers++;
      if (frame.type === "invalid" || frame.type === "unknown") {
        world.finding(`the server sent a frame that no device can read: ${JSON.stringify(frame)}`);
      } else {
        if (frame.type === "error") {
          figures.countRefusal(frame.code);
          if (frame.code === "internal")
            world.finding(`a request was answered with internal: ${frame.message}`);
        }
        world.known.learn(frame);
      }
    }
  });
  await Promise.race([once(socket, "open").catch(() => {}), closed]);
  if (socket.readyState !== socket.OPEN) return;
  const spoken = once(socket, "message").catch(() => {});
  if (random.chance(0.9)) sayHello(world, socket);
  // Most wait for the welcome: what comes before it is refused at once.
  if (random.chance(0.9)) await Promise.race([spoken, closed, pause(PATIENCE)]);
  for (let messages = random.integer(60); messages > 0 && socket.readyState === socket.OPEN; messages--) {
    hostileMessage(world, socket);
    if (random.chance(0.3)) await pause(random.integer(30));
  }
  if (random.chance(0.5)) await Promise.race([closed, pause(PATIENCE)]);
  if (random.chance(0.5)) socket.terminate();
  else socket.close(random.chance(0.5) ? 1000 : 3000 + random.integer(2000), "x".repeat(random.integer(123)));
  await Promise.race([closed, pause(PATIENCE)]);
  socket.terminate();
}

function send(socket: WebSocket, bytes: Uint8Array, figures: Figures): void {
  figures.messages++;
  figures.bytes += bytes.length;
  socket.send(bytes, { binary: true });
}

function sayHello(world: FuzzWorld, socket: WebSocket): void {
  const { random, known } = world;
  const deviceId = uuidToBytes(known.uuid(random));
  const given = { minor: 0, capabilities: [], token: world.hostileUser(), deviceId, userId: null };
  send(socket, makeFrame(HELLO, { ...world, ...NEVER }, given), world.figures);
}

function hostileMessage(world: FuzzWorld, socket: WebSocket): void {
  const { random, figures } = world;
  const frame = (wrong: number): Uint8Array =>
    makeFrame(REQUESTS[random.integer(REQUESTS.length)]!, { ...world, wrong });
  const roll = random.float();
  // Most of it is good or nearly so: what is refused at once reaches nothing.
  if (roll < 0.55) send(socket, frame(0), figures);
  else if (roll < 0.75) send(socket, frame(0.1), figures);
  else if (roll < 0.85) {
    send(socket, joinFrames(Array.from({ length: 1 + random.integer(8) }, () => frame(0.02))), figures);
  } else if (roll < 0.92) send(socket, damage(frame(0), random), figures);
  else if (roll < 0.95)
    send(socket, writeMsgpack([random.integer(130), 1, hostileValue(random)], random), figures);
  else if (roll < 0.96) send(socket, randomBytes(random, random.integer(64)), figures);
  else if (roll < 0.97) socket.send("text");
  else if (roll < 0.98) for (let pings = random.integer(200); pings > 0; pings--) socket.ping();
  else if (roll < 0.985) {
    const bytes = frame(0);
    for (const byte of bytes) socket.send(Uint8Array.of(byte), { binary: true, fin: false });
    socket.send(new Uint8Array(0), { binary: true, fin: true });
  } else if (roll < 0.99) socket.pause();
  else if (roll < 0.995) send(socket, new Uint8Array(1_048_577), figures);
  else sayHello(world, socket);
}

/** An upgrade that is none, or almost. */
async function hostileUpgrade(world: FuzzWorld, port: number): Promise<void> {
  const { random } = world;
  const lines = [
    "GET /chat HTTP/1.1",
    "Host: chat.test",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    `Sec-WebSocket-Protocol: ${SUBPROTOCOL}`,
  ];
  const odd = [
    "Origin: null",
    "Origin: http://[",
    "Host: [",
    "Sec-WebSocket-Key: x",
    "Upgrade: h2c",
    "\u0000: 1",
    "",
  ];
  for (let changes = random.integer(3); changes > 0; changes--) {
    lines[random.integer(lines.length)] = odd[random.integer(odd.length)]!;
  }
  if (random.chance(0.3))
    lines[0] = ["GET // HTTP/1.1", "GET /chat?%ff HTTP/1.1", "GET * HTTP/1.1", "X"][random.integer(4)]!;
  const socket = connectTcp(port, "127.0.0.1");
  socket.on("error", () => {});
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  const request = Buffer.from(`${lines.join("\r\n")}\r\n\r\n`);
  socket.write(random.chance(0.3) ? damage(request, random) : request);
  // Frames as bytes: unmasked, of reserved kinds, of lengths that never come.
  for (let chunks = random.integer(6); chunks > 0; chunks--)
    socket.write(randomBytes(random, 1 + random.integer(60)));
  if (random.chance(0.5)) await pause(random.integer(50));
  if (random.chance(0.5)) socket.resetAndDestroy();
  else socket.end();
  await Promise.race([closed, pause(PATIENCE)]);
  socket.destroy();
}
