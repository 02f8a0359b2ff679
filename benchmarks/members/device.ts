import { randomUUID } from "node:crypto";
import { type ClientFrame, createClientCodec, type ServerFrame, SUBPROTOCOL } from "@chat/protocol";
import { RawSocket } from "../load/raw-socket.js";

const codec = createClientCodec();
/** Requests for history that a device has under way, as the SDK's client has. */
const PARALLEL = 4;
const ROWS = 200;
const ENTRIES = 200;

type Answer<T extends ServerFrame["type"]> = Extract<ServerFrame, { type: T }>;
type Unasked = ClientFrame extends infer F ? (F extends ClientFrame ? Omit<F, "requestId"> : never) : never;
type Request<T extends ClientFrame["type"]> = Omit<Extract<ClientFrame, { type: T }>, "type" | "requestId">;

/** A device that reads in full, and counts what that takes. */
export class Device {
  bytes = 0;
  roundTrips = 0;
  /** Told of every push. */
  onPush: (frame: ServerFrame) => void = () => {};
  readonly #socket: RawSocket;
  readonly #waiting = new Map<number, (frame: ServerFrame) => void>();
  #nextRequest = 1;

  private constructor(socket: RawSocket) {
    this.#socket = socket;
    socket.onMessage = (buffer, from, to) => {
      this.bytes += to - from;
      for (const frame of codec.decode(Uint8Array.prototype.slice.call(buffer, from, to))) {
        if (frame.type === "invalid") throw frame.error;
        if (frame.type === "unknown") continue;
        if (!("requestId" in frame)) {
          this.onPush(frame);
          continue;
        }
        if (frame.type === "error") throw new Error(`${frame.code}: ${frame.message}`);
        this.#waiting.get(frame.requestId)?.(frame);
        this.#waiting.delete(frame.requestId);
      }
    };
  }

  static async connect(port: number, userId: string): Promise<Device> {
    const device = new Device(await RawSocket.open(port, "/chat", SUBPROTOCOL));
    const hello = { minor: 0, capabilities: [], token: userId, deviceId: randomUUID(), agent: "bench" };
    await device.#ask({ type: "hello", requestId: device.#nextRequest++, ...hello });
    device.bytes = device.roundTrips = 0;
    return device;
  }

  close(): void {
    this.#socket.close();
  }

  /** Sends a request, and resolves with its answer. */
  request(frame: Unasked): Promise<ServerFrame> {
    return this.#ask({ ...frame, requestId: this.#nextRequest++ });
  }

  range(query: Request<"get-range">): Promise<Answer<"range">> {
    return this.#ask({ type: "get-range", requestId: this.#nextRequest++, ...query }) as Promise<
      Answer<"range">
    >;
  }

  /** Reads the conversations that changed since a cursor, and all their entries above `held`. @returns how many */
  async catchUp(since: string, held = 1): Promise<number> {
    const behind: { readonly conversationId: string; readonly head: number }[] = [];
    let [cursor, more] = [since, true];
    while (more) {
      const changes = { requestId: this.#nextRequest++, cursor, limit: ROWS };
      const page = (await this.#ask({ type: "list-changes", ...changes })) as Answer<"changes">;
      behind.push(...page.rows);
      ({ cursor, more } = page);
    }
    let found = 0;
    const worker = async (): Promise<void> => {
      for (let next = behind.pop(); next !== undefined; next = behind.pop()) {
        const { conversationId, head } = next;
        for (let after = held; after < head;) {
          const range = await this.range({ conversationId, after, limit: ENTRIES });
          found += range.entries.length;
          after = range.through;
        }
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, worker));
    return found;
  }

  #ask(frame: ClientFrame): Promise<ServerFrame> {
    this.roundTrips++;
    return new Promise((resolve) => {
      this.#waiting.set(frame.requestId, resolve);
      this.#socket.send(codec.encode(frame));
    });
  }
}
