import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { packEnvelopes, unpackEnvelopes } from "../../src/fanout/packet.js";

const envelopes = fc.array(
  fc.oneof(
    fc.uint8Array({ maxLength: 50 }),
    fc.integer({ min: 0, max: 131_072 }).map((length) => new Uint8Array(length).fill(length & 0xff)),
  ),
  { maxLength: 20 },
);

describe("packets", () => {
  it("bring every envelope whole and in order, in as few packets as their size allows", () => {
    fc.assert(
      fc.property(envelopes, (sent) => {
        const packets = packEnvelopes(sent);
        const received = packets.flatMap(unpackEnvelopes);
        expect(received.map(({ length }) => length)).toEqual(sent.map(({ length }) => length));
        expect(Buffer.concat(received).equals(Buffer.concat(sent))).toBe(true);
        for (const packet of packets) expect(packet.length).toBeLessThanOrEqual(262_144);
        for (let at = 1; at < packets.length; at++) {
          // Two neighbours that fit together would have been one.
          expect(packets[at - 1]!.length + packets[at]!.length).toBeGreaterThan(262_144);
        }
      }),
      { numRuns: 50 },
    );
  });

  it("are read from the middle of a larger buffer, as drivers hand them over", () => {
    const [packet] = packEnvelopes([Uint8Array.of(1, 2, 3), Uint8Array.of(4)]);
    const buffer = new Uint8Array(packet!.length + 20);
    buffer.set(packet!, 7);
    expect(unpackEnvelopes(buffer.subarray(7, 7 + packet!.length))).toEqual([
      Uint8Array.of(1, 2, 3),
      Uint8Array.of(4),
    ]);
  });

  it("that are damaged, cut or of a later version hold nothing, and never throw", () => {
    const [packet] = packEnvelopes([new Uint8Array(40), new Uint8Array(10)]);
    for (let length = 0; length < packet!.length; length++) {
      const cut = unpackEnvelopes(packet!.subarray(0, length));
      expect(cut.every((envelope) => envelope.length <= 40)).toBe(true);
    }
    expect(unpackEnvelopes(Uint8Array.of(2, ...packet!.subarray(1)))).toEqual([]);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (noise) => {
        unpackEnvelopes(noise);
        unpackEnvelopes(Uint8Array.of(1, ...noise));
      }),
    );
  });
});
