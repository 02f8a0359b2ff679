import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** One buffer for all sockets: what is read is parsed before the next socket is read. */
const INCOMING = Buffer.allocUnsafeSlow(262_144);
const HEADERS_END = Buffer.from("\r\n\r\n");
const NOTHING = Buffer.alloc(0);

/**
 * A WebSocket client that costs the load as little as possible: no copies, no events, no objects per message. Masks with zeros, which is
 * a mask like any other. For servers that send unfragmented messages without extensions, as all that are measured here do.
 */
export class RawSocket {
  /** Takes the payload of one message: bytes [from, to) of a buffer that is only valid meanwhile. */
  onMessage: (buffer: Buffer, from: number, to: number) => void = () => {};
  onClose: () => void = () => {};
  #socket: Socket;
  #carry: Buffer = NOTHING;
  #isOpen = false;
  #onOpen: () => void = () => {};
  #outgoing: Buffer[] = [];

  private constructor(port: number) {
    this.#socket = connect({
      port,
      host: "127.0.0.1",
      noDelay: true,
      onread: { buffer: INCOMING, callback: (bytes) => this.#read(INCOMING.subarray(0, bytes)) },
    });
    this.#socket.on("error", () => this.#socket.destroy());
    this.#socket.on("close", () => this.onClose());
  }

  static async open(port: number, path: string, protocol?: string): Promise<RawSocket> {
    const raw = new RawSocket(port);
    const opened = new Promise<void>((resolve, reject) => {
      raw.#onOpen = resolve;
      raw.onClose = () => reject(new Error(`the server closed a new connection to ${path}`));
    });
    await Promise.race([once(raw.#socket, "connect"), opened]);
    raw.#socket.write(
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
        `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\n` +
        (protocol === undefined ? "" : `Sec-WebSocket-Protocol: ${protocol}\r\n`) +
        "\r\n",
    );
    await opened;
    raw.onClose = () => {};
    return raw;
  }

  /** Sends one message. Those of one turn leave in one write. */
  send(payload: Uint8Array | string): void {
    const bytes = typeof payload === "string" ? Buffer.from(payload) : payload;
    this.#push(typeof payload === "string" ? 0x81 : 0x82, bytes);
  }

  close(): void {
    this.onClose = () => {};
    this.#socket.destroy();
  }

  #push(head: number, bytes: Uint8Array): void {
    const isLong = bytes.length > 125;
    const frame = Buffer.alloc(bytes.length + (isLong ? 8 : 6));
    frame[0] = head;
    frame[1] = 0x80 | (isLong ? 126 : bytes.length);
    if (isLong) frame.writeUInt16BE(bytes.length, 2);
    frame.set(bytes, frame.length - bytes.length);
    if (this.#outgoing.length === 0) queueMicrotask(() => this.#flush());
    this.#outgoing.push(frame);
  }

  #flush(): void {
    const frames = this.#outgoing;
    this.#outgoing = [];
    this.#socket.write(frames.length === 1 ? frames[0]! : Buffer.concat(frames));
  }

  #read(chunk: Buffer): boolean {
    let buffer = chunk;
    if (this.#carry.length > 0) {
      buffer = Buffer.concat([this.#carry, chunk]);
      this.#carry = NOTHING;
    }
    let at = 0;
    if (!this.#isOpen) {
      const end = buffer.indexOf(HEADERS_END);
      if (end !== -1) {
        if (!buffer.toString("latin1", 0, 12).endsWith("101"))
          throw new Error(buffer.toString("latin1", 0, end));
        this.#isOpen = true;
        at = end + 4;
        this.#onOpen();
      }
    }
    if (this.#isOpen) at = this.#parse(buffer, at);
    if (at < buffer.length) this.#carry = Buffer.from(buffer.subarray(at));
    return true;
  }

  /** Takes whole messages, and returns where the rest begins. */
  #parse(buffer: Buffer, start: number): number {
    let at = start;
    for (;;) {
      if (buffer.length - at < 2) return at;
      const opcode = buffer[at]! & 0x0f;
      let length = buffer[at + 1]!;
      let from = at + 2;
      if (length === 126) {
        if (buffer.length - at < 4) return at;
        length = buffer.readUInt16BE(from);
        from += 2;
      } else if (length === 127) {
        if (buffer.length - at < 10) return at;
        length = buffer.readUInt32BE(from + 4);
        from += 8;
      }
      if (buffer.length < from + length) return at;
      if (opcode <= 2) this.onMessage(buffer, from, from + length);
      else if (opcode === 9) this.#push(0x8a, buffer.subarray(from, from + length));
      at = from + length;
    }
  }
}
