import { decodeMulti, encode } from "@msgpack/msgpack";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isChatError } from "../src/chat-error.js";
import { joinFrames } from "../src/join-frames.js";
import { createReader } from "../src/create-reader.js";
import { lenientText } from "../src/lenient-text.js";
import { LIMITS } from "../src/limits.js";
import { isWellFormed } from "../src/text.js";
import { wellFormed } from "./arbitraries.js";
import { type Draw, drawBytes, manyCases } from "./many-cases.js";
import { bytesOf, type FrameVector, readVectors } from "./vectors/vector.js";

const fromHex = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));
// As a server reads, which tells a device what is wrong with its text.
const read = createReader(LIMITS.answerNodes, lenientText());
const refusal = (code: string): Error => expect.objectContaining({ name: "ChatError", code }) as Error;

/** Anything that msgpack can hold but extensions, no deeper than a frame may be. */
const value: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: LIMITS.frameDepth - 1, depthSize: "medium" },
    fc.oneof(fc.constantFrom(null, true, false), fc.integer(), fc.maxSafeInteger(), fc.double(), fc.float()),
    fc.oneof(wellFormed(), fc.string({ minLength: 250, maxLength: 260 }), fc.uint8Array({ maxLength: 300 })),
    fc.array(tie("value"), { maxLength: 20 }),
    fc.dictionary(
      wellFormed().filter((key) => key !== "__proto__"),
      tie("value"),
      { maxKeys: 20, noNullPrototype: true },
    ),
  ),
})).value;

/** A length or count in front of bytes, in as many bytes as the format has for it. */
function counted(draw: Draw, formats: readonly Format[], count: number, body: Uint8Array): Uint8Array {
  const [code, width] = formats[draw(formats.length)]!;
  const bytes = new Uint8Array(1 + width + body.length);
  bytes[0] = code;
  for (let index = 0; index < width; index++) bytes[width - index] = (count / 2 ** (8 * index)) & 0xff;
  bytes.set(body, 1 + width);
  return bytes;
}

/** A first byte, and how many bytes say the count. */
type Format = readonly [code: number, width: number];

const BIN: readonly Format[] = [
  [0xc4, 1],
  [0xc5, 2],
  [0xc6, 4],
];
const STR: readonly Format[] = [
  [0xd9, 1],
  [0xda, 2],
  [0xdb, 4],
];
const NUMBERS: readonly Format[] = [
  [0xcc, 1],
  [0xd0, 1],
  [0xcd, 2],
  [0xd1, 2],
  [0xca, 4],
  [0xce, 4],
  [0xd2, 4],
  [0xcb, 8],
  [0xcf, 8],
  [0xd3, 8],
];

/** Bytes of one value in every format that msgpack has, longer ones than needed too. */
function drawValue(draw: Draw, depth: number): Uint8Array {
  const ascii = (maxLength: number): Uint8Array => drawBytes(draw, maxLength).map((byte) => byte & 0x7f);
  const short = (): Uint8Array => {
    const body = ascii(31);
    return Uint8Array.of(0xa0 | body.length, ...body);
  };
  switch (draw(depth < LIMITS.frameDepth ? 10 : 7)) {
    case 0:
      return Uint8Array.of(draw(0x80));
    case 1:
      return Uint8Array.of(0xe0 + draw(0x20));
    case 2:
      return Uint8Array.of([0xc0, 0xc2, 0xc3][draw(3)]!);
    case 3: {
      const [code, width] = NUMBERS[draw(NUMBERS.length)]!;
      return Uint8Array.from({ length: 1 + width }, (_, index) => (index === 0 ? code : draw(256)));
    }
    case 4:
      return short();
    case 5:
    case 6: {
      const body = ascii(40);
      return counted(draw, draw(2) === 0 ? BIN : STR, body.length, body);
    }
    case 7:
    case 8: {
      const items = Array.from({ length: draw(1 + draw(16)) }, () => drawValue(draw, depth + 1 + draw(6)));
      const formats: Format[] = [
        [0x90 | items.length, 0],
        [0xdc, 2],
        [0xdd, 4],
      ];
      return counted(draw, formats, items.length, joinFrames(items));
    }
    default: {
      const pairs = Array.from({ length: draw(1 + draw(16)) }, () => [
        short(),
        drawValue(draw, depth + 1 + draw(6)),
      ]);
      const formats: Format[] = [
        [0x80 | pairs.length, 0],
        [0xde, 2],
        [0xdf, 4],
      ];
      return counted(draw, formats, pairs.length, joinFrames(pairs.flat()));
    }
  }
}

/** All values, and nothing behind them. */
function expectAgreement(parts: readonly Uint8Array[]): void {
  const values = [...decodeMulti(joinFrames(parts))];
  expect(values).toHaveLength(parts.length);
  expect(read(joinFrames(parts))).toStrictEqual(values);
}

/** The values, or the code of the ChatError that refused the bytes. */
function outcome(bytes: Uint8Array): unknown {
  try {
    return read(bytes);
  } catch (error) {
    if (!isChatError(error)) throw error;
    return error.code;
  }
}

describe("createReader", () => {
  it("takes text only if it is UTF-8, as a strict decoder sees it, but leaves surrogates to the schema", () => {
    const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    const isUtf8 = (bytes: Uint8Array): boolean => {
      try {
        strict.decode(bytes);
        return true;
      } catch {
        return false;
      }
    };
    const near = [
      0x41, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff,
    ];
    manyCases(20_000, (draw) => {
      const bytes = Array.from({ length: 1 + draw(6) }, () => near[draw(near.length)]!);
      // Long strings take another way.
      const before = draw(2) * 100;
      const text = [...new Array<number>(before).fill(0x41), ...bytes];
      const frame = Uint8Array.of(0xd9, text.length, ...text);
      const withoutSurrogates = bytes.map((byte, at) =>
        bytes[at - 1] === 0xed && byte >= 0xa0 && byte < 0xc0 ? 0x80 : byte,
      );
      const surrogates = String(withoutSurrogates) !== String(bytes);
      const got = outcome(frame);
      if (!isUtf8(Uint8Array.from(withoutSurrogates))) {
        if (got !== "malformed_frame") expect(got, String(bytes)).toBe("malformed_frame");
      } else {
        const read = (got as string[])[0]!;
        if (surrogates === isWellFormed(read)) expect.fail(`${String(bytes)}: ${read}`);
        if (!surrogates) expect(read).toBe(strict.decode(Uint8Array.from(text)));
      }
    });
  });

  it("takes no encoded surrogates where a device reads: no server sends any", () => {
    const strict = createReader(LIMITS.answerNodes);
    for (const before of [0, 100]) {
      const text = [...new Array<number>(before).fill(0x41), 0xed, 0xa0, 0x80];
      expect(() => strict(Uint8Array.of(0xd9, text.length, ...text))).toThrow(refusal("malformed_frame"));
    }
    expect(strict(fromHex("a3e282ac"))).toEqual(["€"]);
    expect(strict(fromHex("a461e282ac"))).toEqual(["a€"]);
  });

  it("reads whatever an encoder writes", () => {
    fc.assert(
      fc.property(fc.array(value, { maxLength: 4 }), (values) => {
        expectAgreement(values.map((item) => encode(item)));
      }),
      { numRuns: 200 },
    );
  });

  it("reads every format, also where a shorter one would do", () => {
    manyCases(500, (draw) => expectAgreement(Array.from({ length: draw(5) }, () => drawValue(draw, 1))));
  });

  it("reads a view into a larger buffer", () => {
    const bytes = fromHex("ffffdc0002c0c0920201ff");
    expect(read(bytes.subarray(2, 10))).toStrictEqual([
      [null, null],
      [2, 1],
    ]);
  });

  it("finds nothing in no bytes", () => {
    expect(read(new Uint8Array(0))).toEqual([]);
  });

  it("takes any bytes for what another decoder takes them for, or refuses them", () => {
    let taken = 0;
    manyCases(20_000, (draw) => {
      const bytes = drawBytes(draw, draw(2) ? 200 : 12);
      const got = outcome(bytes);
      if (typeof got === "string") return;
      taken++;
      expect(got).toStrictEqual([...decodeMulti(bytes)]);
    });
    expect(taken).toBeGreaterThan(500);
  });

  it("refuses keys of maps that are no strings, and __proto__", () => {
    for (const hex of ["8101c0", "81c0c0", "819101c0", "81c40161c0", "81a95f5f70726f746f5f5f80"]) {
      expect(() => read(fromHex(hex)), hex).toThrow(refusal("malformed_frame"));
    }
  });

  it("keeps the mark at the beginning of a text, be it short or long", () => {
    for (const text of ["\ufeffa", "\ufeff" + "a".repeat(300)]) expect(read(encode(text))).toEqual([text]);
  });

  const vectors = ["client-frames", "server-frames"].flatMap((file) => readVectors<FrameVector>(file));

  it.each(vectors)("refuses $name when it is cut off at any byte", ({ hex }) => {
    const bytes = fromHex(hex);
    expect(read(bytes)).toHaveLength(1);
    for (let length = 1; length < bytes.length; length++) {
      expect(() => read(bytes.subarray(0, length))).toThrow(refusal("malformed_frame"));
    }
  });

  it("refuses the reserved byte and every extension type", () => {
    for (const code of [0xc1, 0xc7, 0xc8, 0xc9, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8]) {
      const bytes = new Uint8Array(64);
      bytes[0] = code;
      expect(() => read(bytes), code.toString(16)).toThrow(refusal("malformed_frame"));
    }
  });

  it("knows every other first byte", () => {
    for (let code = 0; code <= 0xff; code++) {
      if (code === 0xc1 || (code >= 0xc7 && code <= 0xc9) || (code >= 0xd4 && code <= 0xd8)) continue;
      // Zeros behind it make every count and length small.
      const bytes = new Uint8Array(64);
      bytes[0] = code;
      // …and a map's second zero the key that it can't be.
      if (code > 0x80 && code <= 0x8f) expect(outcome(bytes)).toBe("malformed_frame");
      else expect(read(bytes)[0], code.toString(16)).toStrictEqual([...decodeMulti(bytes)][0]);
    }
  });

  it.each([
    "ddffffffff",
    "dfffffffff",
    "dcffff",
    "deffff",
    "dbffffffff",
    "c6ffffffff",
    "daffff",
    "9f",
    "8f",
    "dd00400000",
  ])("refuses a claim that the bytes do not back, %s, without allocating for it", (hex) => {
    const bytes = fromHex(hex);
    const used = (): number => {
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      return heapUsed + arrayBuffers;
    };
    const before = used();
    expect(() => read(bytes)).toThrow(refusal("malformed_frame"));
    // 0x400000 elements would be 32 MB; a collection in between can only make it less than it was.
    expect(used() - before).toBeLessThan(4_000_000);
  });

  it("accepts a count that the bytes just back, and none above it", () => {
    expect(read(fromHex("dd00000003c0c0c0"))).toEqual([[null, null, null]]);
    expect(() => read(fromHex("dd00000004c0c0c0"))).toThrow("a count is larger than the bytes that follow");
    expect(read(fromHex("df00000001a0c0"))).toEqual([{ "": null }]);
    expect(() => read(fromHex("df00000002c0c0c0"))).toThrow("a count is larger than the bytes that follow");
  });

  it("accepts 16 levels of nesting, and refuses 17", () => {
    const nested = (levels: number): Uint8Array => fromHex("91".repeat(levels - 1) + "90");
    expect(read(nested(LIMITS.frameDepth))).toHaveLength(1);
    expect(read(fromHex("91".repeat(LIMITS.frameDepth) + "c0"))).toHaveLength(1);
    expect(() => read(fromHex("91".repeat(LIMITS.frameDepth + 1) + "c0"))).toThrow(
      refusal("frame_too_large"),
    );
    expect(() => read(fromHex("91".repeat(1000)))).toThrow(refusal("frame_too_large"));
    expect(() => read(fromHex("81a161".repeat(1000)))).toThrow(refusal("frame_too_large"));
    expect(() => read(bytesOf({ hex: "", repeat: { hex: "91", times: LIMITS.wireMessageBytes } }))).toThrow(
      refusal("frame_too_large"),
    );
  });

  it("closes levels again: depth is not the sum over the frame", () => {
    const bytes = encode(Array.from({ length: 1000 }, () => [[[]], {}]));
    expect(read(bytes)).toHaveLength(1);
  });

  it("counts values frame by frame", () => {
    const five = fromHex("94c0c0c0c0");
    const nothing = [null, null, null, null];
    expect(createReader(5)(joinFrames([five, five, five]))).toEqual([nothing, nothing, nothing]);
    expect(() => createReader(4)(joinFrames([five, five]))).toThrow(refusal("frame_too_large"));
    expect(() => createReader(4)(fromHex("82a161c0a162c0"))).toThrow(refusal("frame_too_large"));
    expect(createReader(5)(fromHex("82a161c0a162c0"))).toEqual([{ a: null, b: null }]);
  });

  it("accepts 512 frames, and refuses 513", () => {
    const frames = (count: number): Uint8Array => new Uint8Array(count).fill(0x90);
    expect(read(frames(LIMITS.framesPerWireMessage))).toHaveLength(LIMITS.framesPerWireMessage);
    expect(() => read(frames(LIMITS.framesPerWireMessage + 1))).toThrow(refusal("frame_too_large"));
  });
});
