import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { FrameMemo } from "../../src/mount/frame-memo.js";

const closers: (() => void)[] = [];
afterEach(() => closers.splice(0).forEach((close) => close()));

describe("the frame of a payload", () => {
  it.each([0, 1, 125, 126, 65_535, 65_536, 1_000_000])(
    "of %i bytes is a message to a WebSocket client",
    async (length) => {
      const payload = Uint8Array.from({ length }, (_, index) => index % 251);
      const server = createServer();
      closers.push(() => server.close());
      const webSockets = new WebSocketServer({ server });
      webSockets.on("connection", (_webSocket, { socket }) => {
        socket.write(new FrameMemo().frameOf(payload));
      });
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
      closers.push(() => client.terminate());
      const [message, isBinary] = (await once(client, "message")) as [Buffer, boolean];
      expect(isBinary).toBe(true);
      expect(message.equals(payload)).toBe(true);
    },
  );

  it("is built once for those who get the same payload in turn", () => {
    const memo = new FrameMemo();
    const [a, b] = [Uint8Array.of(1, 2), Uint8Array.of(1, 2)];
    const frame = memo.frameOf(a);
    expect(memo.frameOf(a)).toBe(frame);
    expect(memo.frameOf(b)).not.toBe(frame);
    expect(memo.frameOf(b)).toEqual(frame);
    expect(memo.frameOf(a)).toEqual(frame);
  });
});
