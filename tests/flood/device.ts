import { randomUUID } from "node:crypto";
import { type ClientFrame, createClientCodec, type ServerFrame, SUBPROTOCOL } from "@chat/protocol";
import WebSocket from "ws";

type Unsent<F> = F extends unknown ? Omit<F, "requestId"> : never;
type Answer = Extract<ServerFrame, { requestId: number }>;

/** A device that asks frame by frame over a real socket. */
export class Device {
  readonly #codec = createClientCodec();
  readonly #waiting = new Map<number, (answer: Answer | undefined) => void>();
  #requestId = 0;
  #received = 0;
  /** True while what comes is decoded. */
  #listens = true;

  private constructor(readonly socket: WebSocket) {
    socket.on("error", () => {});
    socket.on("message", (bytes: Buffer) => {
      this.#received++;
      if (!this.#listens) return;
      for (const frame of this.#codec.decode(bytes) as ServerFrame[]) {
        if (!("requestId" in frame)) continue;
        const { requestId } = frame;
        this.#waiting.get(requestId)?.(frame);
        this.#waiting.delete(requestId);
      }
    });
    socket.on("close", () => {
      for (const resolve of this.#waiting.values()) resolve(undefined);
      this.#waiting.clear();
    });
  }

  /** Connects and says hello; the device of a user whose token is the user's id. @returns undefined if it was turned away */
  static async open(port: number, userId: string, address: string): Promise<Device | undefined> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/chat`, [SUBPROTOCOL], {
      perMessageDeflate: false,
      headers: { "x-forwarded-for": address },
    });
    const device = new Device(socket);
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once("open", () => resolve(true));
      socket.once("close", () => resolve(false));
    });
    if (!isOpen) return undefined;
    const answer = await device.ask({
      type: "hello",
      minor: 0,
      capabilities: [],
      token: userId,
      deviceId: randomUUID(),
      agent: "flood-test",
    });
    return answer?.type === "welcome" ? device : undefined;
  }

  /** WebSocket messages that have come. */
  get received(): number {
    return this.#received;
  }

  /** Decodes nothing any more: a flood costs whoever sends it as little as can be. */
  stopListening(): void {
    this.#listens = false;
  }

  get isOpen(): boolean {
    return this.socket.readyState === this.socket.OPEN;
  }

  /** Asks without waiting for the answer. */
  post(request: Unsent<ClientFrame>): number {
    const requestId = ++this.#requestId;
    this.socket.send(this.#codec.encode({ ...request, requestId }));
    return requestId;
  }

  /** The answer; undefined if the connection ends before. */
  ask(request: Unsent<ClientFrame>): Promise<Answer | undefined> {
    if (!this.isOpen) return Promise.resolve(undefined);
    return new Promise((resolve) => this.#waiting.set(this.post(request), resolve));
  }
}
