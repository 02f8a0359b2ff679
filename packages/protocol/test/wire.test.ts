import { describe, expect, it } from "vitest";
import { FRAME_CODES } from "../src/frame.js";
import { CLIENT_FRAMES, SERVER_FRAMES } from "../src/frames/index.js";
import { LIMITS } from "../src/limits.js";
import { fieldsOf, largest } from "./arbitraries.js";
import { describeWire } from "./describe-wire.js";

const frames = [...CLIENT_FRAMES, ...SERVER_FRAMES];

describe("the wire", () => {
  it("is the one that wire.txt describes", async () => {
    // A diff here is a change that every other client will meet. When it is meant, and docs/protocol.md ("Versions")
    // allows it: npx vitest run packages/protocol --update, and judge the diff of wire.txt in the review.
    await expect(describeWire()).toMatchFileSnapshot("wire.txt");
  });

  it("gives every frame a code and a name of its own", () => {
    expect(new Set(frames.map(({ code }) => code)).size).toBe(frames.length);
    expect(new Set(frames.map(({ name }) => name)).size).toBe(frames.length);
  });

  it("tells by the code who sends a frame, and begins requests and answers with a requestId", () => {
    const within = (code: number, [low, high]: readonly [number, number]): boolean =>
      code >= low && code <= high;
    for (const { code } of CLIENT_FRAMES) expect(within(code, FRAME_CODES.requests)).toBe(true);
    for (const { code } of SERVER_FRAMES) {
      expect(within(code, FRAME_CODES.answers) || within(code, FRAME_CODES.pushes)).toBe(true);
    }
    for (const { code, shape } of frames) {
      expect(Object.keys(shape)[0] === "requestId").toBe(!within(code, FRAME_CODES.pushes));
    }
  });

  it("has no field that would take the place of a frame's `type`", () => {
    for (const { shape } of frames) expect(Object.keys(shape)).not.toContain("type");
  });

  it("has only optional fields behind the first optional one, so that fields can be added at the end", () => {
    for (const frame of frames) {
      const optional = fieldsOf(frame).map((field) => field.optional);
      expect(optional, frame.name).toEqual([...optional].sort((a, b) => Number(a) - Number(b)));
    }
  });
});

describe("the largest frame of each kind", () => {
  // What a range or a page holds is bounded in bytes: it ends with the element that passes the bound.
  const bounded: Record<string, number> = {
    range: LIMITS.rangeBytes,
    entries: LIMITS.rangeBytes,
    conversations: LIMITS.pageBytes,
    changes: LIMITS.pageBytes,
  };

  it.each(frames)("$name fits into a WebSocket message and into the number of values", (frame) => {
    const maxNodes = frame.code <= FRAME_CODES.requests[1] ? LIMITS.requestNodes : LIMITS.answerNodes;
    let [bytes, nodes, depth] = [2, 2, 1];
    for (const { type } of fieldsOf(frame)) {
      const bound = bounded[frame.name];
      const size = largest(type);
      depth = Math.max(depth, 1 + size.depth);
      if (type.kind === "list" && bound !== undefined) {
        const item = largest(type.item);
        bytes += 5 + bound + item.bytes;
        // Two bytes of JSON a value at the least, besides the fields of each element.
        nodes += 1 + bound / 2 + item.nodes + type.max * 24;
      } else {
        bytes += size.bytes;
        nodes += size.nodes;
      }
    }
    expect(bytes).toBeLessThanOrEqual(LIMITS.wireMessageBytes);
    expect(nodes).toBeLessThanOrEqual(maxNodes);
    expect(depth).toBeLessThanOrEqual(LIMITS.frameDepth);
  });

  it("names every member of the largest request in the data of its entry", () => {
    // The worst ids: nothing but characters that JSON escapes.
    const members = Array.from({ length: LIMITS.membersPerRequest + 1 }, () => '"'.repeat(LIMITS.idBytes));
    const entry = fieldsOf(SERVER_FRAMES.find(({ name }) => name === "entries")!).find(
      (f) => f.name === "entries",
    )!;
    const data =
      entry.type.kind === "list" && entry.type.item.kind === "struct"
        ? entry.type.item.fields.find(({ name }) => name === "data")?.type
        : undefined;
    expect(data).toMatchObject({ kind: "data" });
    expect(JSON.stringify({ members }).length).toBeLessThanOrEqual(data?.kind === "data" ? data.max : 0);
  });
});
