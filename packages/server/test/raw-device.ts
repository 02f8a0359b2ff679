import { type ClientFrame, type Codec, createClientCodec, type ServerFrame } from "@chat/protocol";
import type { ChatServer } from "../src/index.js";

type Answer<T extends ServerFrame["type"]> = Extract<ServerFrame, { type: T }>;
type Unsent<F> = F extends unknown ? Omit<F, "requestId"> : never;

/** A device that speaks frames over a socket in memory: what a client in another language would do. */
export class RawDevice {
  readonly codec: Codec<ClientFrame, ServerFrame> = createClientCodec();
  /** Everything that the server sent, in order. */
  readonly received: ServerFrame[] = [];
  /** WebSocket messages, each with one or more frames. */
  messages = 0;
  closedWith: { code: number; reason: string } | undefined;
  /** Bytes that the network does not take, to play a slow consumer. */
  bufferedBytes = 0;
  readonly #session: ReturnType<ChatServer["accept"]>;
  readonly #waiting = new Set<() => void>();
  #requestId = 0;

  constructor(
    server: ChatServer,
    readonly userId: string,
    readonly deviceId: string = crypto.randomUUID(),
  ) {
    // eslint-disable-next-line @typescript-eslint/no-this-alias
    const device = this;
    this.#session = server.accept(
      {
        send(bytes) {
          device.messages++;
          device.received.push(...(device.codec.decode(bytes) as ServerFrame[]));
          for (const wake of [...device.#waiting]) wake();
        },
        close(code, reason) {
          device.closedWith = { code, reason };
          for (const wake of [...device.#waiting]) wake();
        },
        get bufferedBytes() {
          return device.bufferedBytes;
        },
      },
      { headers: {}, address: "192.0.2.1" },
    );
  }

  /** Connects and says hello with the user's id as the token. */
  static async open(server: ChatServer, userId: string, deviceId?: string): Promise<RawDevice> {
    const device = new RawDevice(server, userId, deviceId);
    await device.hello();
    return device;
  }

  async hello(overrides: Partial<Extract<ClientFrame, { type: "hello" }>> = {}): Promise<ServerFrame> {
    return this.ask({
      type: "hello",
      minor: 0,
      capabilities: [],
      token: this.userId,
      deviceId: this.deviceId,
      agent: "raw-device",
      ...overrides,
    });
  }

  /** Sends a request and resolves with its answer, whichever it is. */
  async ask(request: Unsent<ClientFrame>): Promise<ServerFrame> {
    const requestId = this.post(request);
    return this.until((frame) => "requestId" in frame && frame.requestId === requestId);
  }

  /** Sends a request and resolves with its answer, which must be of this type. */
  async expect<T extends ServerFrame["type"]>(type: T, request: Unsent<ClientFrame>): Promise<Answer<T>> {
    const answer = await this.ask(request);
    if (answer.type !== type) throw new Error(`expected ${type}, got ${JSON.stringify(answer)}`);
    return answer as Answer<T>;
  }

  /** Sends a request without waiting; gives its id. */
  post(request: Unsent<ClientFrame>): number {
    const requestId = ++this.#requestId;
    this.raw(this.codec.encode({ ...request, requestId }));
    return requestId;
  }

  raw(bytes: Uint8Array): void {
    this.#session.receive(bytes);
  }

  send(
    conversationId: string,
    text: string,
    clientMessageId: string = crypto.randomUUID(),
  ): Promise<ServerFrame> {
    return this.ask({ type: "send-message", conversationId, clientMessageId, text });
  }

  /** Resolves with the first frame, received or to come, that fits. */
  async until(fits: (frame: ServerFrame) => boolean): Promise<ServerFrame> {
    for (;;) {
      const found = this.received.find(fits);
      if (found !== undefined) return found;
      if (this.closedWith !== undefined) throw new Error(`closed with ${JSON.stringify(this.closedWith)}`);
      await this.#change();
    }
  }

  /** Resolves when the server has closed the socket. */
  async closed(): Promise<{ code: number; reason: string }> {
    while (this.closedWith === undefined) await this.#change();
    return this.closedWith;
  }

  /** All entries of a conversation that were pushed, in the order of arrival. */
  pushed(conversationId: string): { messageId: number; text?: string; clientMessageId?: string }[] {
    return this.received.flatMap((frame) =>
      frame.type === "entries" && frame.conversationId === conversationId ? [...frame.entries] : [],
    );
  }

  /** The network is gone. */
  drop(): void {
    this.closedWith ??= { code: 1006, reason: "dropped" };
    this.#session.socketClosed();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake);
        resolve();
      };
      this.#waiting.add(wake);
    });
  }
}
