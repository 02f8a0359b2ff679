import { once } from "node:events";
import { LIMITS, SUBPROTOCOL } from "@chat/protocol";
import { describe, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { ListeningServer } from "./listening-server.js";

async function open(): Promise<WebSocket> {
  const server = await ListeningServer.open();
  // Offers compression, as browsers do.
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}/chat`, [SUBPROTOCOL], {
    perMessageDeflate: true,
  });
  onTestFinished(() => socket.terminate());
  socket.on("error", () => {});
  await once(socket, "open");
  return socket;
}

async function closeCode(socket: WebSocket): Promise<number> {
  const [code] = (await once(socket, "close")) as [number];
  return code;
}

describe("a WebSocket", () => {
  it("is never compressed, so that no bomb can be sent and no secret be guessed by sizes", async () => {
    expect((await open()).extensions).toBe("");
  });

  it("is closed on a message beyond the limit, before it has come whole", async () => {
    const socket = await open();
    const closed = closeCode(socket);
    // Never ended: its first half is beyond the limit already.
    socket.send(new Uint8Array(LIMITS.wireMessageBytes + 1), { fin: false });
    expect(await closed).toBe(1009);
  });

  it("is closed on a message of too many fragments", async () => {
    const socket = await open();
    const closed = closeCode(socket);
    for (let count = 0; count < 100; count++) socket.send(Uint8Array.of(0), { fin: false });
    expect(await closed).toBe(1008);
  });

  it("is closed on text: frames are binary", async () => {
    const socket = await open();
    const closed = closeCode(socket);
    socket.send('{"type":"hello"}');
    expect(await closed).toBe(1003);
  });

  it.each(["0", "7", "14", "thirteen"])("is refused in version %s of the protocol", async (version) => {
    const server = await ListeningServer.open();
    expect((await server.upgrade({ "sec-websocket-version": version })).status).toBe(400);
  });
});
