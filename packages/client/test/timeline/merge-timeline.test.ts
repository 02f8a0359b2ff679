import type { Entry } from "@chat/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { OutboxItem } from "../../src/cache/cache.js";
import { mergeTimeline } from "../../src/timeline/merge-timeline.js";

const KINDS = [undefined, "text", "x-poll", "created", "members-added", "members-removed", "reaction"];

/** Some messages of one device: the first are stored, the last wait, and those between are both for a moment. */
const scene = fc
  .record({
    stored: fc.array(fc.constantFrom(...KINDS), { maxLength: 12 }),
    waiting: fc.nat(6),
    both: fc.nat(3),
    order: fc.infiniteStream(fc.nat(100)),
  })
  .map(({ stored, waiting, both, order }) => {
    const entries = stored.map((kind, index): Entry => ({
      messageId: index + 1,
      senderId: "ana",
      createdAt: 0,
      ordinal: index,
      fingerprint: index,
      clientMessageId: `m${index}`,
      ...(kind !== undefined && { kind }),
    }));
    const first = Math.max(0, entries.length - both);
    const outbox = Array.from({ length: entries.length - first + waiting }, (_, index): OutboxItem => ({
      clientMessageId: `m${first + index}`,
      conversationId: "room",
      sequence: first + index,
      createdAt: 0,
    }));
    const shuffled = outbox
      .map((item) => ({ item, at: order.next().value as number }))
      .sort((a, b) => a.at - b.at)
      .map(({ item }) => item);
    return { entries, outbox: shuffled };
  });

describe("a merged timeline", () => {
  test("shows each message once: stored ones by id, then waiting ones by sequence", () => {
    fc.assert(
      fc.property(scene, ({ entries, outbox }) => {
        const merged = mergeTimeline(entries, outbox);
        const shown = entries.filter(({ kind }) => kind !== "reaction");
        expect(merged.slice(0, shown.length)).toEqual(shown);
        const rest = merged.slice(shown.length) as OutboxItem[];
        const stored = new Set(shown.map(({ clientMessageId }) => clientMessageId));
        expect(rest.map(({ sequence }) => sequence)).toEqual(
          outbox
            .filter(({ clientMessageId }) => !stored.has(clientMessageId))
            .map(({ sequence }) => sequence)
            .sort((a, b) => a - b),
        );
      }),
    );
  });

  test("leaves its arguments as they were", () => {
    fc.assert(
      fc.property(scene, ({ entries, outbox }) => {
        mergeTimeline(Object.freeze(entries), Object.freeze(outbox));
      }),
    );
  });
});
