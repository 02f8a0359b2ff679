import { decode, encode } from "@msgpack/msgpack";
import { describe, expect, it } from "vitest";
import { decodeEnvelope, encodeEnvelope, type Envelope } from "../../src/delivery/envelope.js";
import { decodePresence, encodePresence } from "../../src/delivery/presence/presence-envelope.js";
import { decodeReceipts, encodeReceipts } from "../../src/delivery/receipt-sender.js";
import { decodeTyping, encodeTyping } from "../../src/delivery/typing.js";
import { packEnvelopes, unpackEnvelopes } from "../../src/fanout/packet.js";
import { packRelayed, unpackRelayed } from "../../src/fanout/relayed.js";
import { decodeDisconnection, encodeDisconnection } from "../../src/session/disconnection.js";

// Servers of two versions run side by side while a new one is rolled out: what is told here byte for byte is what those that run now tell and
// read. Where a test of these fails, an older server reads no more what the new one tells.

const conversationId = "01890a5d-ac96-774b-bcce-b302099a8057";
const senderId = "01890a5d-ac96-774b-bcce-000000000001";
const ids = { conversationId, deviceId: "01890a5d-ac96-774b-bcce-0000000000d1" };

/** What a server of today is told of entries with every field. */
const ENVELOPE: Envelope = {
  conversationId,
  head: 8,
  entries: [
    {
      ...{ ...ids, messageId: 7, senderId: "ana", kind: "text", text: "hello" },
      ...{ clientMessageId: "01890a5d-ac96-774b-bcce-0000000000c7" },
      ...{ createdAt: 1_700_000_000_000, ordinal: 5, fingerprint: 0xffff_ffff },
    },
    {
      ...{ ...ids, messageId: 8, senderId, kind: "x-poll", data: { a: [1, null] }, replyTo: 7 },
      ...{ redacted: true as const, mentions: ["bo", senderId] },
      ...{ clientMessageId: "01890a5d-ac96-774b-bcce-0000000000c8" },
      ...{ createdAt: 1_700_000_000_001, ordinal: 6, fingerprint: 1 },
    },
  ],
};
const from = { serverId: "a", incarnation: "one" };
const entries = [["ana", { status: "online", lastActiveAt: 5, invisible: false }]] as const;
const receipts = [{ userId: "ana", delivered: 8, read: 7, readOrdinal: 5, shownRead: 7, version: 3 }];

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const bytesOf = (golden: string): Uint8Array => new Uint8Array(Buffer.from(golden, "hex"));
/** The bytes of an array with a field behind the last. */
const longer = (bytes: Uint8Array): Uint8Array => encode([...(decode(bytes) as unknown[]), "later"]);

interface Told {
  readonly value: unknown;
  readonly bytes: Uint8Array;
  readonly golden: string;
  read(bytes: Uint8Array): unknown;
}

const told: Record<string, Told> = {
  entries: {
    value: ENVELOPE,
    bytes: encodeEnvelope(ENVELOPE),
    golden: [
      "9502c41001890a5dac96774bbcceb302099a805708920708929801a3616e61c41001890a5dac96774bbcce00",
      "00000000d1c41001890a5dac96774bbcce0000000000c7cf0000018bcfe5680005ceffffffffa568656c6c6f",
      "9d01c41001890a5dac96774bbcce000000000001c41001890a5dac96774bbcce0000000000d1c41001890a5d",
      "ac96774bbcce0000000000c8cf0000018bcfe568010601c0a6782d706f6c6c81a1619201c007c392a2626fc4",
      "1001890a5dac96774bbcce000000000001",
    ].join(""),
    read: decodeEnvelope,
  },
  "a head": {
    value: { conversationId: "room", head: 9, entries: [] },
    bytes: encodeEnvelope({ conversationId: "room", head: 9, entries: [] }),
    golden: "9502a4726f6f6d099090",
    read: decodeEnvelope,
  },
  receipts: {
    value: { conversationId, shared: true, receipts },
    bytes: encodeReceipts({ conversationId, shared: true, receipts }),
    golden: [
      "94a87265636569707473d92430313839306135642d616339362d373734622d626363652d6233303230393961",
      "38303537c39186a6757365724964a3616e61a964656c69766572656408a47265616407ab726561644f726469",
      "6e616c05a973686f776e5265616407a776657273696f6e03",
    ].join(""),
    read: decodeReceipts,
  },
  typing: {
    value: { conversationId, userId: "ana", typing: true, hiddenFrom: ["bo"] },
    bytes: encodeTyping({ conversationId, userId: "ana", typing: true, hiddenFrom: ["bo"] }),
    golden: [
      "95a6747970696e67d92430313839306135642d616339362d373734622d626363652d62333032303939613830",
      "3537a3616e61c391a2626f",
    ].join(""),
    read: decodeTyping,
  },
  presence: {
    value: { from, kind: "changes", number: 4, entries },
    bytes: encodePresence({ from, kind: "changes", number: 4, entries }),
    golden: [
      "95a870726573656e6365a161a36f6e65a76368616e67657382a66e756d62657204a7656e74726965739194a3",
      "616e610205c2",
    ].join(""),
    read: decodePresence,
  },
  "a disconnection": {
    value: { userId: "ana" },
    bytes: encodeDisconnection({ userId: "ana" }),
    golden: "93aa646973636f6e6e656374a3616e61c0",
    read: decodeDisconnection,
  },
  "what goes through another server": {
    value: { serverIds: ["a"], envelope: Uint8Array.of(1, 2) },
    bytes: packRelayed(["a"], Uint8Array.of(1, 2)),
    golden: "930191a161c4020102",
    read: unpackRelayed,
  },
};

describe.each(Object.entries(told))("%s", (_what, { value, bytes, golden, read }) => {
  it("is told as ever", () => expect(hex(bytes)).toBe(golden));
  it("is read as ever", () => expect(read(bytesOf(golden))).toEqual(value));
  it("may have a field behind the last", () => expect(read(longer(bytesOf(golden)))).toEqual(value));
});

describe("a packet", () => {
  const golden = "010000000201020000000103";
  const packed = [Uint8Array.of(1, 2), Uint8Array.of(3)];
  it("is told as ever", () => expect(packEnvelopes(packed).map(hex)).toEqual([golden]));
  it("is read as ever", () => expect(unpackEnvelopes(bytesOf(golden))).toEqual(packed));
});

describe("an envelope of entries", () => {
  const [version, packedId, head, messageIds, bodies] = decode(encodeEnvelope(ENVELOPE)) as [
    ...[number, Uint8Array, number, number[]],
    unknown[][],
  ];

  it("may have fields behind the last of an entry", () => {
    const undefinedUpTo = (body: unknown[]): unknown[] => [
      ...body,
      ...Array.from({ length: 13 - body.length }, () => null),
    ];
    const later = bodies.map((body) => [...undefinedUpTo(body), "later"]);
    expect(decodeEnvelope(encode([version, packedId, head, messageIds, later]))).toEqual(ENVELOPE);
  });

  it("of a later version is a hint: what it tells of is read from the store at once", () => {
    const hint = { conversationId, head: 8, entries: [] };
    expect(decodeEnvelope(encode([version + 1, packedId, head, { as: "nobody knows" }]))).toEqual(hint);
    expect(decodeEnvelope(encode([version + 1, packedId, "no head"]))).toBeUndefined();
    expect(decodeEnvelope(encode([version - 1, packedId, head, messageIds, bodies]))).toBeUndefined();
  });
});
