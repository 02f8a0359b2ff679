import { decode as decodeMsgpack, encode as encodeMsgpack } from "@msgpack/msgpack";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isChatError } from "../src/chat-error.js";
import { createClientCodec, createServerCodec } from "../src/codec.js";
import { joinFrames } from "../src/join-frames.js";
import { CLIENT_FRAMES, type ClientFrame, SERVER_FRAMES, type ServerFrame } from "../src/frames/index.js";
import { LIMITS } from "../src/limits.js";
import { frameArbitrary } from "./arbitraries.js";
import { drawBytes, manyCases } from "./many-cases.js";
import { bytesOf, type FrameVector, readVectors } from "./vectors/vector.js";

const device = createClientCodec();
const server = createServerCodec();
const refusal = (code: string): Error => expect.objectContaining({ name: "ChatError", code }) as Error;

describe("a frame of a device", () => {
  it.each(CLIENT_FRAMES)("$name arrives as it was sent", (type) => {
    fc.assert(
      fc.property(frameArbitrary<ClientFrame>(type), (frame) => {
        expect(server.decode(device.encode(frame))).toStrictEqual([frame]);
      }),
      { numRuns: 100 },
    );
  });
});

describe("a frame of a server", () => {
  it.each(SERVER_FRAMES)("$name arrives as it was sent", (type) => {
    fc.assert(
      fc.property(frameArbitrary<ServerFrame>(type), (frame) => {
        expect(device.decode(server.encode(frame))).toStrictEqual([frame]);
      }),
      { numRuns: 100 },
    );
  });
});

describe("several frames in one message", () => {
  it("arrive in their order", () => {
    const anyFrame = fc.oneof(...CLIENT_FRAMES.map((type) => frameArbitrary<ClientFrame>(type)));
    fc.assert(
      fc.property(fc.array(anyFrame, { maxLength: 8 }), (frames) => {
        expect(server.decode(joinFrames(frames.map((frame) => device.encode(frame))))).toStrictEqual(frames);
      }),
      { numRuns: 200 },
    );
  });

  it("stay what they were when the codec is used again", () => {
    const [a, b] = [
      device.encode({ type: "ping", requestId: 1 }),
      device.encode({ type: "ping", requestId: 2 }),
    ];
    const decoded = server.decode(a);
    server.decode(b);
    expect(decoded).toEqual([{ type: "ping", requestId: 1 }]);
    expect(server.decode(a)).toEqual(decoded);
  });

  it("do not hold on to the bytes that they came in", () => {
    const frame = {
      type: "send-message",
      requestId: 1,
      conversationId: "0123abcd-4567-89ef-8000-00ff10fe01a0",
      clientMessageId: "0123abcd-4567-89ef-8000-00ff10fe01a1",
      text: "hi",
      data: { a: ["b"] },
    } as const;
    const bytes = device.encode(frame);
    const decoded = server.decode(bytes);
    bytes.fill(0);
    expect(decoded).toStrictEqual([frame]);
  });

  it("up to 512, and not one more", () => {
    const ping = device.encode({ type: "ping", requestId: 1 });
    const many = (count: number): Uint8Array => joinFrames(Array.from({ length: count }, () => ping));
    expect(server.decode(many(LIMITS.framesPerWireMessage))).toHaveLength(LIMITS.framesPerWireMessage);
    expect(() => server.decode(many(LIMITS.framesPerWireMessage + 1))).toThrow(refusal("frame_too_large"));
  });

  it("are joined without a copy when there is one", () => {
    const ping = device.encode({ type: "ping", requestId: 1 });
    expect(joinFrames([ping])).toBe(ping);
    expect(joinFrames([])).toEqual(new Uint8Array(0));
  });
});

describe("what is not a frame of this version", () => {
  const ping = { type: "ping", requestId: 1 } as const;
  const pingBytes = device.encode(ping);
  const between = (frame: unknown): Uint8Array => joinFrames([pingBytes, encodeMsgpack(frame), pingBytes]);

  it("is unknown by its code, and told with its requestId", () => {
    const unknown = (code: number, requestId: number) => [ping, { type: "unknown", code, requestId }, ping];
    expect(server.decode(between([63, 17, "new"]))).toStrictEqual(unknown(63, 17));
    expect(server.decode(between([63, "new"]))).toStrictEqual(unknown(63, 0));
    expect(server.decode(between([63, -17]))).toStrictEqual(unknown(63, 0));
    expect(server.decode(between([63, 1.5]))).toStrictEqual(unknown(63, 0));
    expect(server.decode(between([0]))).toStrictEqual(unknown(0, 0));
    expect(server.decode(between([1000, 5]))).toStrictEqual(unknown(1000, 0));
  });

  it("is unknown, too, when it is a frame of the other direction", () => {
    expect(device.decode(pingBytes)).toStrictEqual([{ type: "unknown", code: 2, requestId: 1 }]);
    const pong = server.encode({ type: "pong", requestId: 3, heads: [] });
    expect(server.decode(pong)).toStrictEqual([{ type: "unknown", code: 65, requestId: 3 }]);
  });

  it("has no requestId when it is a push, whatever its second element is", () => {
    expect(device.decode(encodeMsgpack([120, 5]))).toStrictEqual([
      { type: "unknown", code: 120, requestId: 0 },
    ]);
    expect(device.decode(encodeMsgpack([97, 5]))).toMatchObject([
      { type: "invalid", code: 97, requestId: 0 },
    ]);
  });

  it("is invalid alone when it breaks its schema", () => {
    const [before, invalid, after] = server.decode(between([3, 9, "", null]));
    expect([before, after]).toStrictEqual([ping, ping]);
    expect(invalid).toMatchObject({ type: "invalid", code: 3, requestId: 9 });
    expect(invalid).toHaveProperty("error.code", "malformed_frame");
    expect(invalid).toHaveProperty("error.retryable", false);
    expect(invalid).toHaveProperty(
      "error.message",
      "send-message.conversationId must be an id (str, or bin of 16 bytes for a UUID).",
    );
  });

  it("names the field in a sentence that fits into an error frame, for every field of every frame", () => {
    for (const [file, codec, types] of [
      ["client-frames", server, CLIENT_FRAMES],
      ["server-frames", device, SERVER_FRAMES],
    ] as const) {
      const vectors = readVectors<FrameVector>(file);
      for (const { name, shape } of types) {
        const good = decodeMsgpack(
          bytesOf(vectors.find((vector) => vector.name === `${name} full`)!),
        ) as unknown[];
        for (const [index, field] of Object.keys(shape).entries()) {
          // Right for no field of any type.
          const [frame] = codec.decode(
            encodeMsgpack(good.map((value, at) => (at === index + 1 ? -1 : value))),
          );
          const sentence = new RegExp(`^${name}\\.${field} must be .{2,400}\\.$`);
          expect(frame).toHaveProperty("error.message", expect.stringMatching(sentence));
        }
      }
    }
  });

  it("makes no message out of something else than arrays with a code", () => {
    for (const value of [
      1,
      "a",
      null,
      {},
      [],
      [null],
      ["2", 1],
      [-1, 1],
      [1.5, 1],
      [Number.NaN],
      [[2, 1]],
      [2 ** 53, 1],
    ]) {
      expect(() => server.decode(between(value)), JSON.stringify(value)).toThrow(refusal("malformed_frame"));
    }
  });
});

describe("the limits", () => {
  it("hold a message of the largest size, and none above it", () => {
    const frame = encodeMsgpack([63, 5, new Uint8Array(LIMITS.wireMessageBytes - 8)]);
    expect(frame).toHaveLength(LIMITS.wireMessageBytes);
    expect(server.decode(frame)).toEqual([{ type: "unknown", code: 63, requestId: 5 }]);
    expect(() => server.decode(joinFrames([frame, Uint8Array.of(0xc0)]))).toThrow(refusal("frame_too_large"));
  });

  it("on the number of values are those of the sender's side", () => {
    const frame = (nodes: number): Uint8Array =>
      bytesOf({
        hex: "dd" + (nodes - 1).toString(16).padStart(8, "0") + "3f",
        repeat: { hex: "c0", times: nodes - 2 },
      });
    expect(server.decode(frame(LIMITS.requestNodes))).toHaveLength(1);
    expect(() => server.decode(frame(LIMITS.requestNodes + 1))).toThrow(refusal("frame_too_large"));
    expect(device.decode(frame(LIMITS.answerNodes))).toHaveLength(1);
    expect(() => device.decode(frame(LIMITS.answerNodes + 1))).toThrow(refusal("frame_too_large"));
  });

  it("let a message of the longest text through", () => {
    const frame = {
      type: "send-message",
      requestId: 1,
      conversationId: "a",
      clientMessageId: "0123abcd-4567-89ef-8000-00ff10fe01a0",
      text: "😀".repeat(LIMITS.textCharactersCeiling),
    } as const;
    expect(server.decode(device.encode(frame))).toEqual([frame]);
    const longer = device.encode({ ...frame, text: frame.text + "a" });
    expect(server.decode(longer)).toMatchObject([{ type: "invalid", requestId: 1 }]);
  });
});

describe("encode", () => {
  it("refuses a frame of the other direction", () => {
    expect(() => device.encode({ type: "pong", requestId: 1, heads: [] } as unknown as ClientFrame)).toThrow(
      TypeError,
    );
  });
});

describe("bytes of an attacker", { timeout: 60_000 }, () => {
  /** The frames, or the ChatError; anything else is thrown on. */
  function decodeBoth(bytes: Uint8Array): void {
    for (const codec of [device, server]) {
      try {
        for (const frame of codec.decode(bytes)) {
          if (frame.type === "invalid" && !isChatError(frame.error)) expect.fail(String(frame.error));
        }
      } catch (error) {
        const codes = ["malformed_frame", "frame_too_large"];
        if (!isChatError(error) || !codes.includes(error.code)) throw error;
      }
    }
  }

  it("at random throw nothing but a ChatError", () => {
    manyCases(20_000, (draw) => decodeBoth(drawBytes(draw, 96)));
  });

  it("that look like frames throw nothing but a ChatError", () => {
    const code = fc.constantFrom(...[...CLIENT_FRAMES, ...SERVER_FRAMES].map((type) => type.code));
    const element = fc.oneof(
      fc.anything({ withBigInt: false, withNullPrototype: true, maxDepth: 2 }),
      fc.uint8Array({ minLength: 15, maxLength: 17 }),
    );
    const encodable = fc.tuple(code, fc.array(element, { maxLength: 12 })).map(([first, rest]) => {
      try {
        return encodeMsgpack([first, ...rest], { ignoreUndefined: true });
      } catch {
        return Uint8Array.of(0x91, first);
      }
    });
    fc.assert(
      fc.property(encodable, (bytes) => {
        decodeBoth(bytes);
      }),
      { numRuns: 5_000 },
    );
  });

  it("made of good frames by changing, cutting and doubling bytes throw nothing but a ChatError", () => {
    const vectors = ["client-frames", "server-frames"]
      .flatMap((file) => readVectors<FrameVector>(file))
      .map((vector) => bytesOf(vector));
    manyCases(20_000, (draw) => {
      const bytes = vectors[draw(vectors.length)]!.slice();
      for (let changes = draw(4); changes > 0; changes--) bytes[draw(bytes.length)] = draw(256);
      const [from, to] = [draw(bytes.length + 1), draw(bytes.length + 1)];
      decodeBoth(bytes);
      // With from above to, the bytes in between come twice.
      decodeBoth(joinFrames([bytes.subarray(0, to), bytes.subarray(from)]));
    });
  });

  it("leave nothing behind: what comes next is decoded as ever", () => {
    const ping = device.encode({ type: "ping", requestId: 1 });
    for (const hex of ["9202c1", "920281a95f5f70726f746f5f5f80", "92028101c0", "ddffffffff", "80"]) {
      expect(() => server.decode(Uint8Array.from(Buffer.from(hex, "hex")))).toThrow(
        refusal("malformed_frame"),
      );
      expect(server.decode(ping)).toEqual([{ type: "ping", requestId: 1 }]);
    }
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(decodeMsgpack(ping)).toEqual([2, 1]);
  });
});
