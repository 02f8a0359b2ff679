// Eve, in a process of her own: floods the server in one way after another, as told.
import { randomUUID } from "node:crypto";
import { connect, type Socket } from "node:net";
import { setTimeout } from "node:timers/promises";
import type { ClientFrame } from "@chat/protocol";
import { report, underTest } from "../fuzz/child-report.js";
import { Device } from "./device.js";

const port = Number(process.argv[2]);
const ADDRESS = "198.51.100.66";
/** Connections at once, of those floods that keep theirs. */
const CONNECTIONS = 4;
/** Requests that are sent without waiting. */
const AT_ONCE = 50;

type Unsent<F> = F extends unknown ? Omit<F, "requestId"> : never;

let isFlooding = false;
let done = 0;
let running: Promise<unknown> = Promise.resolve();

/** As many requests as the connection takes; a new connection when that one is closed. */
async function flood(request: () => Unsent<ClientFrame>): Promise<void> {
  while (isFlooding) {
    const device = await Device.open(port, "eve", ADDRESS);
    if (device === undefined) await setTimeout(10);
    device?.stopListening();
    while (isFlooding && device?.isOpen === true) {
      for (let count = 0; count < AT_ONCE; count++) device.post(request());
      done += AT_ONCE;
      // She reads her answers, or she would be closed as too slow.
      const before = device.received;
      while (isFlooding && device.isOpen && device.received === before) await setTimeout(1);
    }
    device?.socket.terminate();
  }
}

async function connections(): Promise<void> {
  for (let number = 0; isFlooding; number++) {
    const device = await Device.open(port, number % 2 === 0 ? "eve" : "wrong", ADDRESS);
    device?.socket.terminate();
    done++;
  }
}

/** A header that comes a byte at a time, on hundreds of sockets; and upgrades that are never followed by a hello. */
async function handshakes(number: number): Promise<void> {
  const upgrade =
    "GET /chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
    `Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nx-forwarded-for: ${ADDRESS}\r\n\r\n`;
  while (isFlooding) {
    const socket: Socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    let isOpen = true;
    socket.once("close", () => (isOpen = false));
    if (number % 4 === 0) socket.write(upgrade);
    for (let at = 0; isFlooding && isOpen; at = (at + 1) % 80) {
      if (number % 4 !== 0) socket.write(upgrade[at]!);
      done++;
      await setTimeout(50);
    }
    socket.destroy();
  }
}

const inRoom = { conversationId: "eve's" };
const floods: Readonly<Record<string, { parallel: number; run: (number: number) => Promise<void> }>> = {
  sends: {
    parallel: CONNECTIONS,
    run: () =>
      flood(() => ({
        type: "send-message",
        ...inRoom,
        clientMessageId: randomUUID(),
        text: "x",
        first: true,
      })),
  },
  "history reads": {
    parallel: CONNECTIONS,
    run: () => flood(() => ({ type: "get-range", ...inRoom, after: 0, limit: 200 })),
  },
  "list pages": {
    parallel: CONNECTIONS,
    run: () => flood(() => ({ type: "list-conversations", limit: 200 })),
  },
  connections: { parallel: 32, run: connections },
  "slow handshakes": { parallel: 400, run: handshakes },
};

underTest(
  async () => {
    isFlooding = false;
    await running;
  },
  async (order, kind) => {
    if (order === "start") {
      const { parallel, run } = floods[String(kind)]!;
      isFlooding = true;
      running = Promise.all(Array.from({ length: parallel }, (_, number) => run(number)));
      return undefined;
    }
    if (order === "stop") {
      isFlooding = false;
      await running;
    }
    const figures = done;
    if (order === "stop") done = 0;
    return figures;
  },
);
report({ type: "listening", ports: [] });
