import { once } from "node:events";
import { WebSocket } from "ws";
import type { Member } from "./subject.js";

/** A member on a bare WebSocket. What differs between the subjects is how messages are written and read. */
export abstract class RawMember implements Member {
  received = 0;
  bytes = 0;
  inOrder = true;
  #lastId = 0;
  #nextRequest = 0;
  readonly #waiting = new Map<number, () => void>();

  protected constructor(protected readonly socket: WebSocket) {
    socket.on("message", (bytes: Buffer) => {
      this.bytes += bytes.length;
      this.take(bytes);
    });
  }

  static async open(url: string, protocol?: string): Promise<WebSocket> {
    const socket = new WebSocket(url, protocol ?? [], { perMessageDeflate: false });
    await once(socket, "open");
    return socket;
  }

  send(text: string): Promise<void> {
    const requestId = ++this.#nextRequest;
    return new Promise((resolve) => {
      this.#waiting.set(requestId, resolve);
      this.socket.send(this.write(requestId, text));
    });
  }

  close(): void {
    this.socket.terminate();
  }

  protected abstract write(requestId: number, text: string): string | Uint8Array;
  protected abstract take(bytes: Buffer): void;

  protected acknowledged(requestId: number): void {
    this.#waiting.get(requestId)?.();
    this.#waiting.delete(requestId);
  }

  /** Counts a run of messages with the ids (after, through]. */
  protected delivered(after: number, through: number): void {
    if (this.#lastId !== 0 && after !== this.#lastId) this.inOrder = false;
    this.#lastId = through;
    this.received += through - after;
  }
}
