/** FIN and the opcode of a binary message (RFC 6455 §5.2). */
const BINARY_MESSAGE = 0x82;

/** A WebSocket message in one unmasked frame, as a server sends it. */
function binaryFrame(payload: Uint8Array): Buffer {
  const { length } = payload;
  const headerBytes = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(headerBytes + length);
  frame[0] = BINARY_MESSAGE;
  if (headerBytes === 2) {
    frame[1] = length;
  } else if (headerBytes === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    // Below 2^53, in two halves.
    frame.writeUInt32BE(Math.floor(length / 2 ** 32), 2);
    frame.writeUInt32BE(length % 2 ** 32, 6);
  }
  frame.set(payload, headerBytes);
  return frame;
}

/** Frames payloads; one that goes to many sockets in turn is framed once. */
export class FrameMemo {
  #payload: Uint8Array | undefined;
  #frame: Buffer | undefined;

  /** The frame of a payload, which must not be changed afterwards. */
  frameOf(payload: Uint8Array): Buffer {
    if (payload !== this.#payload || this.#frame === undefined) {
      this.#payload = payload;
      this.#frame = binaryFrame(payload);
    }
    return this.#frame;
  }
}
