import { describe, expect, it } from "vitest";
import { type Codec, createClientCodec, createServerCodec } from "../src/codec.js";
import { isErrorCode } from "../src/error-code.js";
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

describe.each(["client", "server"] as const)("golden frames of a %s", (from) => {
  const vectors = readVectors<FrameVector>(`${from}-frames`);

  it.each(vectors)("$name: bytes to frame", ({ frame, hex }) => {
    expect(decoded(from, bytesOf({ hex }))).toStrictEqual([frame]);
  });

  it.each(vectors)("$name: frame to bytes", ({ frame, hex }) => {
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
