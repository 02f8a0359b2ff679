import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createClientCodec, createServerCodec } from "../src/codec.js";
import type { Entry } from "../src/entry.js";
import { type EntriesFrame, type RangeFrame, SERVER_FRAMES } from "../src/frames/index.js";
import { frameArbitrary, uuid } from "./arbitraries.js";

const server = createServerCodec();
const device = createClientCodec();
const anyPush = frameArbitrary<EntriesFrame>(SERVER_FRAMES.find(({ name }) => name === "entries")!);

const anyRange = frameArbitrary<RangeFrame>(SERVER_FRAMES.find(({ name }) => name === "range")!);

describe("a range of shared entries", () => {
  it("is the frame's bytes, wherever it begins and ends, and however often it is asked for", () => {
    fc.assert(
      fc.property(anyRange, fc.nat(3), fc.nat(3), (frame, from, to) => {
        const sharing = createServerCodec();
        sharing.share(frame.entries);
        for (const entries of [
          frame.entries,
          frame.entries.slice(from),
          frame.entries.slice(from, to),
          frame.entries,
        ]) {
          const some = { ...frame, requestId: frame.requestId + 1, entries };
          expect(sharing.encode(some)).toEqual(server.encode(some));
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe("an encoded run", () => {
  it("is the frame's bytes", () => {
    fc.assert(
      fc.property(anyPush, (frame) => {
        expect(server.encodeRun(frame).bytes).toEqual(server.encode(frame));
      }),
      { numRuns: 200 },
    );
  });

  it("has entries told differently for some, and stays as it was for the others", () => {
    fc.assert(
      fc.property(anyPush, uuid, fc.nat(3), (frame, clientMessageId, index) => {
        fc.pre(index < frame.entries.length);
        const told: Entry = { ...frame.entries[index]!, clientMessageId };
        const run = server.encodeRun(frame);
        const special = run.with(new Map([[index, told]]));
        const entries = frame.entries.map((entry, at) => (at === index ? told : entry));
        expect(device.decode(special)).toStrictEqual([{ ...frame, entries }]);
        expect(run.bytes).toEqual(server.encode(frame));
      }),
      { numRuns: 200 },
    );
  });
});
