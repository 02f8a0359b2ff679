import { describe, expect, it } from "vitest";
import { type Codec, createClientCodec, createServerCodec } from "../src/codec.js";
import { isErrorCode } from "../src/error-code.js";
import type { FrameType } from "../src/frame.js";
import { CLIENT_FRAMES, type ClientFrame, SERVER_FRAMES, type ServerFrame } from "../src/frames/index.js";
import {
  bytesOf,
  type ExpectedFrame,
  type From,
  type FrameVector,
  type HostileVector,
  type MessageVector,
  readVectors,
} from "./vectors/vector.js";

const device = createClientCodec();
const server = createServerCodec();

/** What the receiver of a message makes of it, as a vector writes it. */
function decoded(from: From, bytes: Uint8Array): ExpectedFrame[] {
  const codec: Codec<never, ClientFrame | ServerFrame> = from === "client" ? server : device;
  return codec
    .decode(bytes)
    .map((frame) => (frame.type === "invalid" ? { ...frame, error: frame.error.code } : frame));
}

const TYPES: Readonly<Record<From, readonly FrameType[]>> = { client: CLIENT_FRAMES, server: SERVER_FRAMES };

/** A frame's bytes with nil for each known field that it leaves out, and three elements behind the last one. */
function withMore(bytes: Uint8Array, fields: number): Uint8Array {
  const isShort = bytes[0]! < 0xdc;
  const count = isShort ? bytes[0]! & 0x0f : bytes[1]! * 256 + bytes[2]!;
  const missing = fields + 1 - count;
  return Uint8Array.from([
    ...[0xdc, 0, fields + 4],
    ...bytes.subarray(isShort ? 1 : 3),
    ...Array.from({ length: missing }, () => 0xc0),
    // "new", {"a": 1}, [1, 2]
    ...[0xa3, 0x6e, 0x65, 0x77, 0x81, 0xa1, 0x61, 0x01, 0x92, 0x01, 0x02],
  ]);
}

describe.each(["client", "server"] as const)("golden frames of a %s", (from) => {
  const vectors = readVectors<FrameVector>(`${from}-frames`);

  it.each(vectors)("$name: bytes to frame", ({ frame, hex }) => {
    expect(decoded(from, bytesOf({ hex }))).toStrictEqual([frame]);
  });

  it.each(vectors)("$name: frame to bytes", ({ frame, hex }) => {
    const codec = (from === "client" ? device : server) as Codec<ClientFrame | ServerFrame, unknown>;
    expect(Buffer.from(codec.encode(frame)).toString("hex")).toBe(hex);
  });

  it.each(vectors)("$name: bytes of a newer peer that has more to say", ({ frame, hex }) => {
    const { shape } = TYPES[from].find(({ name }) => name === frame.type)!;
    const bytes = withMore(bytesOf({ hex }), Object.keys(shape).length);
    expect(decoded(from, bytes)).toStrictEqual([frame]);
  });

  // Never changed: devices and servers of that time are out there. A breaking change needs another subprotocol.
  const older = readVectors<FrameVector>(`older/${from}-frames`);

  it.each(older)("$name: bytes of an older peer", ({ frame, hex }) => {
    expect(decoded(from, bytesOf({ hex }))).toStrictEqual([frame]);
  });

  it.each(older)("$name: what an older peer knows is encoded as it was", ({ frame, hex }) => {
    const codec = (from === "client" ? device : server) as Codec<ClientFrame | ServerFrame, unknown>;
    expect(Buffer.from(codec.encode(frame)).toString("hex")).toBe(hex);
  });

  it("are there for every frame, with nothing but what is required and with everything", () => {
    for (const { name } of from === "client" ? CLIENT_FRAMES : SERVER_FRAMES) {
      const names = vectors.filter(({ frame }) => frame.type === name).map((vector) => vector.name);
      expect(names).toEqual(expect.arrayContaining([`${name} minimal`, `${name} full`]));
    }
  });

  it("have names of their own", () => {
    expect(new Set(vectors.map(({ name }) => name)).size).toBe(vectors.length);
  });
});

describe.each(["messages", "newer-peer", "invalid-frames"])("golden messages: %s", (file) => {
  it.each(readVectors<MessageVector>(file))("$name", ({ from, frames, hex }) => {
    expect(decoded(from, bytesOf({ hex }))).toStrictEqual(frames);
  });
});

describe("golden messages: hostile", () => {
  it.each(readVectors<HostileVector>("hostile"))("$name", (vector) => {
    expect(isErrorCode(vector.error)).toBe(true);
    expect(() => decoded(vector.from, bytesOf(vector))).toThrow(
      expect.objectContaining({ name: "ChatError", code: vector.error }) as Error,
    );
  });
});
