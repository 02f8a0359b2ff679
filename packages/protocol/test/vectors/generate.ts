/**
 * Writes the golden vectors: npx tsx packages/protocol/test/vectors/generate.ts
 *
 * The committed files are the truth; the test compares the codec with them and does not run this script.
 * A changed line of a vector that was there before is a change of the wire: see docs/protocol.md, "Versions".
 */
import { writeFile } from "node:fs/promises";
import { encode } from "@msgpack/msgpack";
import { format } from "prettier";
import { createClientCodec, createServerCodec } from "../../src/codec.js";
import { joinFrames } from "../../src/join-frames.js";
import { type ConversationRow } from "../../src/conversation-row.js";
import { type Entry } from "../../src/entry.js";
import { type ClientFrame, type ServerFrame } from "../../src/frames/index.js";
import { uuidToBytes } from "../../src/ids.js";
import { LIMITS } from "../../src/limits.js";
import { type UserProfile } from "../../src/user-profile.js";
import { type ExpectedFrame, type FrameVector, type HostileVector, type MessageVector } from "./vector.js";

const ROOM = "3f2b8c54-9d1e-4a77-8a60-0c5de1f2a3b4";
const KEY = "00000000-0000-4000-8000-000000000001";
const DEVICE = "ffffffff-ffff-4fff-bfff-ffffffffffff";
const EPOCH = "018f4e2a-7c3d-7b1a-9e5f-2d4c6b8a0e1f";
const TIME = 1_767_225_600_000;
const DATA = { tags: ["a", "é", "😀"], count: 3, ratio: 0.5, deep: { none: null, yes: true }, below: -7 };

const entryMinimal: Entry = { messageId: 1, senderId: "ana", createdAt: TIME, ordinal: 0, fingerprint: 1 };
const entryFull: Entry = {
  messageId: 4_294_967_296,
  senderId: DEVICE,
  createdAt: TIME + 1,
  ordinal: 70_000,
  fingerprint: 4_294_967_295,
  text: "Grüße, 世界 😀\n\u0000",
  kind: "x-poll",
  data: DATA,
  replyTo: 255,
  clientMessageId: KEY,
};
const entryCreated: Entry = {
  messageId: 1,
  senderId: "ana",
  createdAt: TIME,
  ordinal: 0,
  fingerprint: 2_166_136_261,
  kind: "created",
  data: { members: ["ana", "bo", ROOM] },
  clientMessageId: KEY,
};
const entryTombstone: Entry = {
  messageId: 9,
  senderId: "bo",
  createdAt: TIME,
  ordinal: 8,
  fingerprint: 77,
  redacted: true,
};
const entryRedacted: Entry = {
  messageId: 10,
  senderId: "ana",
  createdAt: TIME + 1,
  ordinal: 8,
  fingerprint: 78,
  kind: "redacted",
  data: { messageId: 9, previous: 0 },
};
const rowMinimal: ConversationRow = {
  conversationId: "order-4711",
  type: "group",
  version: 1,
  activity: 1,
  head: 0,
  headFingerprint: 0,
  headOrdinal: 0,
  firstId: 1,
  memberCount: 1,
  member: true,
  role: "member",
  joinedAt: 1,
  visibleFrom: 1,
  createdAt: TIME,
  delivered: 0,
  read: 0,
  readOrdinal: 0,
};
const rowFull: ConversationRow = {
  conversationId: ROOM,
  type: "direct",
  version: 4_294_967_296,
  activity: 9_007_199_254_740_991,
  head: 65_536,
  headFingerprint: 3_735_928_559,
  headOrdinal: 65_000,
  firstId: 12,
  memberCount: 2,
  member: false,
  role: "owner",
  joinedAt: 12,
  visibleFrom: 1,
  createdAt: TIME,
  delivered: 65_535,
  read: 300,
  readOrdinal: 290,
  name: "Lunch 🍜",
  data: DATA,
  peerId: "bo",
  latest: { messageId: 65_535, senderId: "bo", createdAt: TIME + 2, snippet: "see you", kind: "x-note" },
  historyVisibility: "all",
  lastRedaction: 300,
  unread: { version: 3, from: 200, ordinal: 195 },
  receipts: [{ userId: "bo", delivered: 65_536, read: 65_000 }],
  mute: { version: 2, until: TIME },
  privacy: { version: 2, typing: true, readReceipts: false },
};
const rowRedacted: ConversationRow = {
  ...rowMinimal,
  latest: { messageId: 9, senderId: "bo", createdAt: TIME, redacted: true },
  lastRedaction: 10,
};
const profileMinimal: UserProfile = { userId: "bo", version: 0 };
const profileFull: UserProfile = {
  userId: DEVICE,
  version: 300,
  name: "Zoë",
  avatarUrl: "https://example.com/zoe.png",
  data: DATA,
};

const clientFrames: Record<string, ClientFrame> = {
  "hello minimal": {
    type: "hello",
    requestId: 1,
    minor: 0,
    capabilities: [],
    token: "",
    deviceId: DEVICE,
    agent: "",
  },
  "hello full": {
    type: "hello",
    requestId: 4_294_967_296,
    minor: 7,
    capabilities: ["typing", "receipts"],
    token: "eyJhbGciOiJub25lIn0.e30.",
    deviceId: DEVICE,
    agent: "chat-swift/1.2",
    userId: "ana",
    leader: 3,
  },
  "ping minimal": { type: "ping", requestId: 1 },
  "ping full": { type: "ping", requestId: 9_007_199_254_740_991 },
  "send-message minimal": {
    type: "send-message",
    requestId: 2,
    conversationId: "order-4711",
    clientMessageId: KEY,
    text: "hi",
  },
  "send-message full": {
    type: "send-message",
    requestId: 3,
    conversationId: ROOM,
    clientMessageId: KEY,
    text: "Grüße, 世界 😀\n\u0000",
    kind: "x-poll",
    data: DATA,
    replyTo: 128,
    first: true,
    mentions: ["bo", DEVICE],
  },
  "send-message with nil between": {
    type: "send-message",
    requestId: 4,
    conversationId: ROOM,
    clientMessageId: KEY,
    text: "x".repeat(300),
    first: false,
  },
  "get-range minimal": { type: "get-range", requestId: 5, conversationId: "order-4711", limit: 1, around: 3 },
  "get-range full": {
    type: "get-range",
    requestId: 6,
    conversationId: ROOM,
    limit: 200,
    after: 65_536,
    fingerprint: 3_735_928_559,
  },
  "get-range before": { type: "get-range", requestId: 7, conversationId: ROOM, limit: 50, before: 70_000 },
  "list-conversations minimal": { type: "list-conversations", requestId: 8, limit: 50 },
  "list-conversations full": {
    type: "list-conversations",
    requestId: 9,
    limit: 200,
    page: "p:17:order-4711",
  },
  "list-changes minimal": { type: "list-changes", requestId: 10, limit: 1, cursor: "" },
  "list-changes full": { type: "list-changes", requestId: 11, limit: 200, cursor: "b1.65536" },
  "create-conversation minimal": {
    type: "create-conversation",
    requestId: 12,
    conversationType: "group",
    conversationId: "order-4711",
    clientMessageId: KEY,
    members: [],
  },
  "create-conversation full": {
    type: "create-conversation",
    requestId: 13,
    conversationType: "direct",
    conversationId: ROOM,
    clientMessageId: KEY,
    members: [DEVICE],
    name: "Lunch 🍜",
    data: DATA,
    historyVisibility: "all",
  },
  "get-conversation minimal": { type: "get-conversation", requestId: 14, conversationId: "a" },
  "get-conversation full": { type: "get-conversation", requestId: 15, conversationId: ROOM },
  "update-conversation minimal": {
    type: "update-conversation",
    requestId: 1,
    conversationId: "order-4711",
    clientMessageId: KEY,
    name: "",
  },
  "update-conversation full": {
    type: "update-conversation",
    requestId: 14,
    conversationId: ROOM,
    clientMessageId: KEY,
    name: "Crew 🙂",
    data: { topic: "ships" },
    historyVisibility: "all",
  },
  "set-role minimal": {
    type: "set-role",
    requestId: 1,
    conversationId: "order-4711",
    clientMessageId: KEY,
    members: ["bo"],
    role: "member",
  },
  "set-role full": {
    type: "set-role",
    requestId: 15,
    conversationId: ROOM,
    clientMessageId: KEY,
    members: ["bo", ROOM],
    role: "owner",
  },
  "add-members minimal": {
    type: "add-members",
    requestId: 16,
    conversationId: "order-4711",
    clientMessageId: KEY,
    members: ["bo"],
  },
  "add-members full": {
    type: "add-members",
    requestId: 17,
    conversationId: ROOM,
    clientMessageId: KEY,
    members: ["bo", DEVICE, "名前"],
  },
  "remove-members minimal": {
    type: "remove-members",
    requestId: 18,
    conversationId: "order-4711",
    clientMessageId: KEY,
    members: ["bo"],
  },
  "remove-members full": {
    type: "remove-members",
    requestId: 19,
    conversationId: ROOM,
    clientMessageId: KEY,
    members: ["bo", DEVICE],
  },
  "list-members minimal": { type: "list-members", requestId: 20, conversationId: "order-4711", limit: 1 },
  "list-members full": {
    type: "list-members",
    requestId: 21,
    conversationId: ROOM,
    limit: 500,
    page: "bo",
  },
  "get-users minimal": { type: "get-users", requestId: 22, users: [] },
  "get-users full": {
    type: "get-users",
    requestId: 23,
    users: [{ userId: "bo" }, { userId: DEVICE, version: 299 }],
  },
  "refresh-token minimal": { type: "refresh-token", requestId: 1, token: "" },
  "refresh-token full": { type: "refresh-token", requestId: 25, token: "eyJhbGciOiJFZERTQSJ9.e30.c2ln" },
  "set-profile minimal": { type: "set-profile", requestId: 24 },
  "set-profile full": {
    type: "set-profile",
    requestId: 25,
    name: "Zoë",
    avatarUrl: "https://example.com/zoe.png",
    data: DATA,
  },
  "redact-message minimal": {
    type: "redact-message",
    requestId: 26,
    conversationId: "order-4711",
    clientMessageId: KEY,
    messageId: 9,
  },
  "redact-message full": {
    type: "redact-message",
    requestId: 9_007_199_254_740_991,
    conversationId: ROOM,
    clientMessageId: KEY,
    messageId: 4_294_967_296,
  },
  "send-receipts minimal": { type: "send-receipts", requestId: 27, receipts: [] },
  "send-receipts full": {
    type: "send-receipts",
    requestId: 65_536,
    receipts: [
      { conversationId: "order-4711", delivered: 9, read: 8, mark: { version: 3, from: 7 } },
      { conversationId: ROOM, delivered: 4_294_967_296 },
      { conversationId: ROOM, mark: { version: 0 } },
    ],
  },
  "get-push minimal": { type: "get-push", requestId: 0 },
  "get-push full": { type: "get-push", requestId: 30 },
  "set-push minimal": { type: "set-push", requestId: 31 },
  "set-push full": { type: "set-push", requestId: 31, provider: "web-push", target: DATA },
  "set-typing minimal": { type: "set-typing", requestId: 29, conversationId: "room", typing: false },
  "set-typing full": { type: "set-typing", requestId: 29, conversationId: ROOM, typing: true },
  "watch-presence minimal": { type: "watch-presence", requestId: 30, userIds: [] },
  "watch-presence full": {
    type: "watch-presence",
    requestId: 30,
    userIds: ["bo", DEVICE],
    forget: ["cy"],
  },
  "set-presence minimal": { type: "set-presence", requestId: 31 },
  "set-presence full": { type: "set-presence", requestId: 31, idle: 300_000, invisible: true },
  "mute-conversation minimal": { type: "mute-conversation", requestId: 32, conversationId: "room" },
  "mute-conversation full": {
    type: "mute-conversation",
    requestId: 32,
    conversationId: ROOM,
    until: 9_007_199_254_740_991,
    mentionsMuted: true,
  },
  "set-privacy minimal": { type: "set-privacy", requestId: 33 },
  "set-privacy full": {
    type: "set-privacy",
    requestId: 33,
    typing: true,
    readReceipts: false,
    block: ["bo"],
    unblock: [ROOM],
  },
  "set-conversation-privacy minimal": {
    type: "set-conversation-privacy",
    requestId: 34,
    conversationId: "room",
  },
  "set-conversation-privacy full": {
    type: "set-conversation-privacy",
    requestId: 34,
    conversationId: ROOM,
    typing: "off",
    readReceipts: "default",
  },
  "count-receipts minimal": { type: "count-receipts", requestId: 28, conversationId: "room", messageId: 0 },
  "count-receipts full": { type: "count-receipts", requestId: 28, conversationId: ROOM, messageId: 300 },
};

const serverFrames: Record<string, ServerFrame> = {
  "welcome minimal": {
    type: "welcome",
    requestId: 1,
    minor: 0,
    capabilities: [],
    userId: "ana",
    epoch: EPOCH,
    heartbeatInterval: 5000,
    serverTime: TIME,
    textCharacters: 4096,
    receiptMembers: 100,
  },
  "welcome full": {
    type: "welcome",
    requestId: 1,
    minor: 7,
    capabilities: ["typing"],
    userId: ROOM,
    epoch: EPOCH,
    heartbeatInterval: 30_000,
    serverTime: TIME,
    textCharacters: 100_000,
    receiptMembers: 0,
    privacy: { version: 1, typing: false, readReceipts: true, blocked: [] },
  },
  "pong minimal": { type: "pong", requestId: 2, heads: [] },
  "pong full": {
    type: "pong",
    requestId: 2,
    heads: [
      { conversationId: "order-4711", head: 17 },
      { conversationId: ROOM, head: 70_000 },
    ],
    cursor: "b1.65536",
  },
  "error minimal": { type: "error", requestId: 0, code: "hello_timeout", message: "", retryable: true },
  "error full": {
    type: "error",
    requestId: 3,
    code: "overloaded",
    message: "Too much is waiting; try again later.",
    retryable: true,
    retryAfter: 1500,
  },
  "message-stored minimal": {
    type: "message-stored",
    requestId: 2,
    messageId: 1,
    createdAt: TIME,
    ordinal: 0,
    fingerprint: 1,
  },
  "message-stored full": {
    type: "message-stored",
    requestId: 3,
    messageId: 4_294_967_296,
    createdAt: TIME + 1,
    ordinal: 70_000,
    fingerprint: 4_294_967_295,
    rewritten: { text: "see …", data: DATA, mentions: ["bo"] },
    redacted: true,
  },
  "message-stored redacted": {
    type: "message-stored",
    requestId: 4,
    messageId: 12,
    createdAt: TIME + 1,
    ordinal: 9,
    fingerprint: 4_294_967_295,
    redacted: true,
  },
  "range minimal": { type: "range", requestId: 5, after: 0, through: 0, entries: [], head: 0, firstId: 1 },
  "range full": {
    type: "range",
    requestId: 6,
    after: 0,
    through: 4_294_967_300,
    entries: [entryCreated, entryFull],
    head: 4_294_967_301,
    firstId: 1,
    lastRedaction: 300,
  },
  "range with a tombstone": {
    type: "range",
    requestId: 6,
    after: 8,
    through: 10,
    entries: [entryTombstone, entryRedacted],
    head: 10,
    firstId: 1,
    lastRedaction: 10,
  },
  "conversations minimal": { type: "conversations", requestId: 8, rows: [], cursor: "b1.0" },
  "conversations with a tombstone": {
    type: "conversations",
    requestId: 8,
    rows: [rowRedacted],
    cursor: "b1.0",
  },
  "conversations full": {
    type: "conversations",
    requestId: 9,
    rows: [rowFull, rowMinimal],
    cursor: "b1.65536",
    next: "p:17:order-4711",
  },
  "changes minimal": { type: "changes", requestId: 10, rows: [], cursor: "b1.0", more: false },
  "changes full": {
    type: "changes",
    requestId: 11,
    rows: [rowMinimal, rowFull],
    cursor: "b1.65540",
    more: true,
  },
  "conversation minimal": { type: "conversation", requestId: 14, row: rowMinimal },
  "conversation full": { type: "conversation", requestId: 15, row: rowFull },
  "members minimal": { type: "members", requestId: 20, members: [] },
  "members full": {
    type: "members",
    requestId: 21,
    members: [
      { userId: "ana", role: "owner", joinedAt: 1 },
      { userId: DEVICE, role: "admin", joinedAt: 300 },
      { userId: "bo", role: "member", joinedAt: 70_000 },
    ],
    next: "bo",
  },
  "users minimal": { type: "users", requestId: 22, profiles: [] },
  "users full": { type: "users", requestId: 23, profiles: [profileMinimal, profileFull] },
  "entries minimal": {
    type: "entries",
    conversationId: "order-4711",
    after: 0,
    through: 1,
    entries: [entryMinimal],
  },
  "entries full": {
    type: "entries",
    conversationId: ROOM,
    after: 4_294_967_290,
    through: 4_294_967_300,
    entries: [entryFull],
  },
  "entries with mentions": {
    type: "entries",
    conversationId: ROOM,
    after: 4,
    through: 5,
    entries: [{ ...entryMinimal, messageId: 5, text: "@bo", mentions: ["bo", DEVICE, "Zoë"] }],
  },
  "entries of a run": {
    type: "entries",
    conversationId: ROOM,
    after: 299,
    through: 304,
    entries: [
      { messageId: 300, senderId: "ana", createdAt: TIME, ordinal: 290, fingerprint: 7, text: "a" },
      { messageId: 301, senderId: "ana", createdAt: TIME + 20, ordinal: 291, fingerprint: 8, text: "b" },
      // A clock that went back, a membership entry, and ids that do not exist for this user.
      {
        messageId: 302,
        senderId: "bo",
        createdAt: TIME - 5,
        ordinal: 291,
        fingerprint: 9,
        kind: "created",
        data: {},
      },
      {
        messageId: 304,
        senderId: "bo",
        createdAt: TIME + 70_000,
        ordinal: 292,
        fingerprint: 10,
        text: "c",
        clientMessageId: KEY,
      },
    ],
  },
  "entries without an entry": {
    type: "entries",
    conversationId: ROOM,
    after: 4,
    through: 9,
    entries: [],
  },
  "conversation-changed minimal": { type: "conversation-changed", row: rowMinimal },
  "conversation-changed full": { type: "conversation-changed", row: rowFull },
  "receipts minimal": { type: "receipts", requestId: 27, receipts: [], refused: [] },
  "receipts full": {
    type: "receipts",
    requestId: 65_536,
    receipts: [
      { conversationId: "order-4711", delivered: 9, read: 8, readOrdinal: 7 },
      { conversationId: ROOM, delivered: 300, read: 256, readOrdinal: 250, unread: { version: 4 } },
    ],
    refused: [{ conversationId: "gone", code: "not_found" }],
  },
  "receipt-counts minimal": { type: "receipt-counts", requestId: 28, members: 1, delivered: 0, read: 0 },
  "receipt-counts full": {
    type: "receipt-counts",
    requestId: 28,
    members: 10_000,
    delivered: 9_000,
    read: 255,
  },
  "receipts-changed minimal": { type: "receipts-changed", conversationId: "room", receipts: [] },
  "receipts-changed full": {
    type: "receipts-changed",
    conversationId: ROOM,
    receipts: [
      { userId: "bo", delivered: 300, read: 299 },
      { userId: DEVICE, delivered: 300, read: 1 },
    ],
  },
  "push minimal": { type: "push", requestId: 30, providers: [] },
  "push full": {
    type: "push",
    requestId: 30,
    providers: [{ name: "web-push", publicKey: "BPub-_1" }, { name: "apns" }],
    provider: "apns",
  },
  "head-moved minimal": { type: "head-moved", conversationId: "room", head: 1, spread: 0 },
  "head-moved full": { type: "head-moved", conversationId: ROOM, head: 300, spread: 5_000 },
  "typing-changed minimal": { type: "typing-changed", conversationId: "room", userId: "bo", typing: false },
  "typing-changed full": { type: "typing-changed", conversationId: ROOM, userId: DEVICE, typing: true },
  "presences minimal": { type: "presences", requestId: 30, presences: [] },
  "presences full": {
    type: "presences",
    requestId: 30,
    presences: [
      { userId: "bo", status: "online" },
      { userId: DEVICE, status: "away", lastActiveAt: TIME, invisible: true },
    ],
  },
  "presence-changed minimal": { type: "presence-changed", presence: { userId: "bo", status: "offline" } },
  "presence-changed full": {
    type: "presence-changed",
    presence: { userId: DEVICE, status: "offline", lastActiveAt: TIME },
  },
  "own-receipt-changed minimal": {
    type: "own-receipt-changed",
    receipt: { conversationId: ROOM, delivered: 300, read: 256, readOrdinal: 250 },
  },
  "own-receipt-changed full": {
    type: "own-receipt-changed",
    receipt: {
      conversationId: "order-4711",
      ...{ delivered: 9, read: 8, readOrdinal: 7 },
      unread: { version: 4, from: 6, ordinal: 5 },
      mute: { version: 3 },
      privacy: { version: 1, readReceipts: true },
    },
  },
  "privacy minimal": {
    type: "privacy",
    requestId: 33,
    privacy: { version: 0, typing: true, readReceipts: true, blocked: [] },
  },
  "privacy full": {
    type: "privacy",
    requestId: 33,
    privacy: { version: 300, typing: false, readReceipts: false, blocked: ["bo", ROOM] },
  },
  "privacy-changed minimal": {
    type: "privacy-changed",
    privacy: { version: 0, typing: true, readReceipts: true, blocked: [] },
  },
  "privacy-changed full": {
    type: "privacy-changed",
    privacy: { version: 300, typing: false, readReceipts: false, blocked: ["bo", ROOM] },
  },
  "user-changed minimal": { type: "user-changed", profile: profileMinimal },
  "user-changed full": { type: "user-changed", profile: profileFull },
  "token-refreshed minimal": { type: "token-refreshed", requestId: 1 },
  "token-refreshed full": { type: "token-refreshed", requestId: 25 },
  "token-expiring minimal": { type: "token-expiring", expiresIn: 0 },
  "token-expiring full": { type: "token-expiring", expiresIn: 60_000 },
  "going-away minimal": { type: "going-away", reconnectDelay: 0 },
  "going-away full": { type: "going-away", reconnectDelay: 90_000 },
};

const device = createClientCodec();
const server = createServerCodec();
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const join = (...frames: Uint8Array[]): string => hex(joinFrames(frames));

function vectors<F extends ClientFrame | ServerFrame>(
  frames: Record<string, F>,
  encodeFrame: (frame: F) => Uint8Array,
): FrameVector[] {
  return Object.entries(frames).map(([name, frame]) => ({ name, frame, hex: hex(encodeFrame(frame)) }));
}

const ping = { type: "ping", requestId: 1 } as const satisfies ClientFrame;
const pingBytes = device.encode(ping);
const pong = { type: "pong", requestId: 1, heads: [] } as const satisfies ServerFrame;
const pongBytes = server.encode(pong);
const uuidBytes = (uuid: string): Uint8Array => uuidToBytes(uuid);

const first = clientFrames["send-message minimal"]!;
const entriesPush = serverFrames["entries minimal"]!;
const stored = serverFrames["message-stored minimal"]!;
const messages: MessageVector[] = [
  { name: "no frame", from: "client", frames: [], hex: "" },
  {
    name: "three questions in one message",
    from: "client",
    frames: [clientFrames["list-changes full"]!, clientFrames["get-range full"]!, ping],
    hex: join(
      device.encode(clientFrames["list-changes full"]!),
      device.encode(clientFrames["get-range full"]!),
      pingBytes,
    ),
  },
  {
    name: "the same send twice, and a ping",
    from: "client",
    frames: [first, first, ping],
    hex: join(device.encode(first), device.encode(first), pingBytes),
  },
  {
    name: "push, acknowledgement, pong",
    from: "server",
    frames: [entriesPush, stored, pong],
    hex: join(server.encode(entriesPush), server.encode(stored), pongBytes),
  },
  {
    name: "error of the connection behind an answer",
    from: "server",
    frames: [stored, serverFrames["error minimal"]!],
    hex: join(server.encode(stored), server.encode(serverFrames["error minimal"]!)),
  },
];

/** Decoded as told; not encoded so by this version. */
const newerPeer: MessageVector[] = [
  {
    name: "a request with two elements more",
    from: "client",
    frames: [ping],
    hex: hex(encode([2, 1, "new", { more: [1, 2, 3] }])),
  },
  {
    name: "an answer with an element more",
    from: "server",
    frames: [pong],
    hex: hex(encode([65, 1, [], null, 42])),
  },
  {
    name: "an entry with an element more, inside a push",
    from: "server",
    frames: [
      { type: "entries", conversationId: "order-4711", after: 0, through: 1, entries: [entryMinimal] },
    ],
    hex: hex(
      encode([96, "order-4711", [[1, "ana", TIME, 0, 1, null, null, null, null, null, null, null, ["new"]]]]),
    ),
  },
  {
    name: "optional fields as nil instead of cut off",
    from: "client",
    frames: [{ type: "list-conversations", requestId: 8, limit: 50 }],
    hex: hex(encode([5, 8, 50, null])),
  },
  {
    name: "integers in longer formats than needed",
    from: "client",
    frames: [ping],
    hex: "92cc02cf0000000000000001",
  },
  {
    name: "an entry of an unknown kind",
    from: "server",
    frames: [
      {
        type: "entries",
        conversationId: "order-4711",
        after: 1,
        through: 2,
        entries: [
          {
            messageId: 2,
            senderId: "bo",
            createdAt: TIME,
            ordinal: 1,
            fingerprint: 2,
            kind: "reaction",
            replyTo: 1,
          },
        ],
      },
    ],
    hex: hex(encode([96, "order-4711", [[2, "bo", TIME, 1, 2, null, "reaction", null, 1]]])),
  },
  {
    name: "an error with an unknown code",
    from: "server",
    frames: [{ type: "error", requestId: 9, code: "from_the_future", message: "Later.", retryable: true }],
    hex: hex(encode([66, 9, "from_the_future", "Later.", true])),
  },
  {
    name: "an unknown request between two pings",
    from: "client",
    frames: [ping, { type: "unknown", code: 60, requestId: 77 }, ping],
    hex: join(pingBytes, encode([60, 77, "what"]), pingBytes),
  },
  {
    name: "an unknown request without a requestId",
    from: "client",
    frames: [{ type: "unknown", code: 63, requestId: 0 }],
    hex: hex(encode([63])),
  },
  {
    name: "an unknown push between two pongs",
    from: "server",
    frames: [pong, { type: "unknown", code: 120, requestId: 0 }, pong],
    hex: join(pongBytes, encode([120, 5, "what"]), pongBytes),
  },
  {
    name: "an unknown answer",
    from: "server",
    frames: [{ type: "unknown", code: 95, requestId: 12 }],
    hex: hex(encode([95, 12])),
  },
];

const invalid = (code: number, requestId: number): ExpectedFrame => ({
  type: "invalid",
  code,
  requestId,
  error: "malformed_frame",
});
const between = (name: string, frame: readonly unknown[], requestId = frame[1] as number): MessageVector => ({
  name,
  from: "client",
  frames: [ping, invalid(frame[0] as number, requestId), ping],
  hex: join(pingBytes, encode(frame), pingBytes),
});

/** Frames that break their schema fail alone; their neighbours in the message are decoded. */
const invalidFrames: MessageVector[] = [
  between("a required field is missing", [3, 9, "order-4711"]),
  between("a required field is nil", [3, 9, null, uuidBytes(KEY), "hi"]),
  between("a requestId below zero", [2, -1], 0),
  between("a requestId that is a string", [2, "1"], 0),
  {
    name: "a requestId of 2^53",
    from: "client",
    frames: [ping, invalid(2, 0), ping],
    hex: `${hex(pingBytes)}9202cf0020000000000000${hex(pingBytes)}`,
  },
  between("a requestId that is no integer", [2, 1.5], 0),
  between("an empty id", [8, 9, ""]),
  between("an id of 129 bytes", [8, 9, "x".repeat(LIMITS.idBytes + 1)]),
  between("an id with a control character", [8, 9, "a\u0000b"]),
  between("an id that spells a UUID as a string", [8, 9, ROOM]),
  between("an id of 15 bytes", [8, 9, new Uint8Array(15)]),
  between("a clientMessageId as a string", [3, 9, "order-4711", KEY, "hi"]),
  between("a text that is binary", [3, 9, "order-4711", uuidBytes(KEY), new Uint8Array(3)]),
  between("data that is an array", [3, 9, "order-4711", uuidBytes(KEY), null, null, [1]]),
  between("data with binary in it", [
    3,
    9,
    "order-4711",
    uuidBytes(KEY),
    null,
    null,
    { a: new Uint8Array(1) },
  ]),
  between("data with a number that is not finite", [
    3,
    9,
    "order-4711",
    uuidBytes(KEY),
    null,
    null,
    { a: 1 / 0 },
  ]),
  between("data nested nine levels deep", [
    ...[3, 9, "order-4711", uuidBytes(KEY), null, null],
    { a: [[[[[[[[]]]]]]]] },
  ]),
  between("data of 4,097 bytes", [
    ...[3, 9, "order-4711", uuidBytes(KEY), null, null],
    { a: "x".repeat(LIMITS.dataBytes + 1 - 8) },
  ]),
  between("a word beyond the list", [7, 9, 2, "order-4711", uuidBytes(KEY), []]),
  between("a list that is a map", [12, 9, {}]),
  between("501 members", [9, 9, "a", uuidBytes(KEY), Array.from({ length: 501 }, (_, index) => `u${index}`)]),
  {
    name: "a lone surrogate in a text",
    from: "client",
    frames: [ping, invalid(3, 9), ping],
    // The three bytes ed a0 80 would be U+D800.
    hex: join(
      pingBytes,
      Uint8Array.from([0x95, 3, 9, 0xa1, 0x61, 0xc4, 16, ...uuidBytes(KEY), 0xa3, 0xed, 0xa0, 0x80]),
      pingBytes,
    ),
  },
  {
    name: "a push without its entries",
    from: "server",
    frames: [pong, invalid(96, 0), pong],
    hex: join(pongBytes, encode([96, "order-4711"]), pongBytes),
  },
  {
    name: "a push without entries that does not say its span",
    from: "server",
    frames: [pong, invalid(96, 0), pong],
    hex: join(pongBytes, encode([96, "order-4711", []]), pongBytes),
  },
  {
    name: "a step that leads below 0",
    from: "server",
    frames: [pong, invalid(96, 0), pong],
    hex: join(
      pongBytes,
      encode([
        96,
        "order-4711",
        [
          [1, "ana", TIME, 0, 1],
          [-2, null, 0, 0, 2],
        ],
      ]),
      pongBytes,
    ),
  },
  {
    name: "a step that is no integer",
    from: "server",
    frames: [pong, invalid(96, 0), pong],
    hex: join(
      pongBytes,
      encode([
        96,
        "order-4711",
        [
          [1, "ana", TIME, 0, 1],
          ["1", null, 0, 0, 2],
        ],
      ]),
      pongBytes,
    ),
  },
  {
    name: "a first entry that repeats its sender",
    from: "server",
    frames: [pong, invalid(96, 0), pong],
    hex: join(pongBytes, encode([96, "order-4711", [[1, null, TIME, 0, 1]]]), pongBytes),
  },
];

/** Messages of which no frame is used. */
const hostile: HostileVector[] = [
  { name: "reserved byte 0xc1", from: "client", hex: "9202c1", error: "malformed_frame" },
  { name: "0xc1 behind a frame", from: "client", hex: "920201c1", error: "malformed_frame" },
  {
    name: "array that claims 2^32 - 1 elements",
    from: "client",
    hex: "ddffffffff",
    error: "malformed_frame",
  },
  { name: "map that claims 2^32 - 1 pairs", from: "client", hex: "dfffffffff", error: "malformed_frame" },
  { name: "array that claims 65,535 elements", from: "client", hex: "dcffff02", error: "malformed_frame" },
  { name: "str that claims 2^32 - 1 bytes", from: "client", hex: "9202dbffffffff", error: "malformed_frame" },
  { name: "bin that claims 2^32 - 1 bytes", from: "client", hex: "9202c6ffffffff", error: "malformed_frame" },
  {
    name: "inner array that claims 2^32 - 1 elements",
    from: "server",
    hex: "934101ddffffffff",
    error: "malformed_frame",
  },
  { name: "the end inside a length", from: "client", hex: "ddff", error: "malformed_frame" },
  { name: "the end inside an integer", from: "client", hex: "9202cd01", error: "malformed_frame" },
  { name: "the end inside a string", from: "client", hex: "9202a361", error: "malformed_frame" },
  { name: "the end before the last element", from: "client", hex: "9202", error: "malformed_frame" },
  { name: "fixext 1", from: "client", hex: "9202d40100", error: "malformed_frame" },
  { name: "fixext 4 (timestamp)", from: "client", hex: "9202d6ff00000000", error: "malformed_frame" },
  {
    name: "fixext 16",
    from: "client",
    hex: "9202d80100000000000000000000000000000000",
    error: "malformed_frame",
  },
  { name: "ext 8", from: "client", hex: "9202c7010100", error: "malformed_frame" },
  { name: "ext 16", from: "client", hex: "9202c800010100", error: "malformed_frame" },
  {
    name: "ext 32 that claims 2^32 - 1 bytes",
    from: "client",
    hex: "9202c9ffffffff01",
    error: "malformed_frame",
  },
  { name: "a frame that is an integer", from: "client", hex: "02", error: "malformed_frame" },
  { name: "a frame that is a map", from: "client", hex: "81a16101", error: "malformed_frame" },
  { name: "an empty array", from: "client", hex: "90", error: "malformed_frame" },
  { name: "a code that is a string", from: "client", hex: "92a13201", error: "malformed_frame" },
  { name: "a code below zero", from: "client", hex: "92ff01", error: "malformed_frame" },
  {
    name: "a code that is no integer",
    from: "client",
    hex: "92cb3ff800000000000001",
    error: "malformed_frame",
  },
  { name: "a map with an integer as key", from: "client", hex: "92028101c0", error: "malformed_frame" },
  { name: "a map with nil as key", from: "client", hex: "920281c0c0", error: "malformed_frame" },
  {
    name: "a map with the key __proto__",
    from: "client",
    hex: hex(
      joinFrames([Uint8Array.from([0x92, 2, 0x81, 0xa9]), new TextEncoder().encode("__proto__"), encode({})]),
    ),
    error: "malformed_frame",
  },
  {
    name: "a good frame before a truncated one",
    from: "client",
    hex: "9202019202",
    error: "malformed_frame",
  },
  { name: "nesting of 17 levels", from: "client", hex: "91".repeat(16) + "9101", error: "frame_too_large" },
  {
    name: "nesting of 1,000 levels",
    from: "client",
    hex: "",
    repeat: { hex: "91", times: 1000 },
    error: "frame_too_large",
  },
  {
    name: "maps nested 1,000 levels deep",
    from: "client",
    hex: "",
    repeat: { hex: "81a161", times: 1000 },
    error: "frame_too_large",
  },
  {
    name: "513 frames",
    from: "client",
    hex: "",
    repeat: { hex: "920201", times: 513 },
    error: "frame_too_large",
  },
  {
    name: "16,385 values in one frame of a device",
    from: "client",
    hex: "dc4000",
    repeat: { hex: "c0", times: 16_384 },
    error: "frame_too_large",
  },
  {
    name: "300,001 values in one frame of a server",
    from: "server",
    hex: "dd000493e0",
    repeat: { hex: "c0", times: 300_000 },
    error: "frame_too_large",
  },
  {
    name: "1,048,577 bytes",
    from: "server",
    hex: "920201c600100000",
    repeat: { hex: "00", times: 1_048_569 },
    error: "frame_too_large",
  },
];

async function write(file: string, content: readonly unknown[]): Promise<void> {
  await writeFile(
    new URL(`${file}.json`, import.meta.url),
    await format(JSON.stringify(content), { parser: "json", printWidth: 110 }),
  );
}

await write(
  "client-frames",
  vectors(clientFrames, (frame) => device.encode(frame)),
);
await write(
  "server-frames",
  vectors(serverFrames, (frame) => server.encode(frame)),
);
await write("messages", messages);
await write("newer-peer", newerPeer);
await write("invalid-frames", invalidFrames);
await write("hostile", hostile);
