import { once } from "node:events";
import { createClientCodec, newUuid, PROTOCOL_MINOR, SUBPROTOCOL, systemRuntime } from "@chat/protocol";
import WebSocket from "ws";

const PING_MS = 2_000;

/** A device that says hello, goes on pinging, and reads nothing that it is sent. */
export class StalledConsumer {
  readonly #socket: WebSocket;
  readonly #timer: NodeJS.Timeout;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    const codec = createClientCodec();
    let requestId = 1;
    this.#timer = setInterval(() => {
      if (socket.readyState === WebSocket.OPEN)
        socket.send(codec.encode({ type: "ping", requestId: ++requestId }));
    }, PING_MS);
    socket.on("error", () => {});
  }

  /** Resolves once it is welcome, and reads no more. */
  static async open(port: number, userId: string): Promise<StalledConsumer> {
    const codec = createClientCodec();
    const socket = new WebSocket(`ws://127.0.0.1:${port}/chat`, [SUBPROTOCOL]);
    await once(socket, "open");
    const deviceId = newUuid(systemRuntime().random);
    const hello = { type: "hello", requestId: 1, minor: PROTOCOL_MINOR, capabilities: [] } as const;
    socket.send(codec.encode({ ...hello, token: userId, deviceId, agent: "stalled" }));
    await once(socket, "message");
    socket.pause();
    return new StalledConsumer(socket);
  }

  end(): void {
    clearInterval(this.#timer);
    this.#socket.terminate();
  }
}
