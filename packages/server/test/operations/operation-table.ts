import type { ClientFrame } from "@chat/protocol";
import type { ChatActor } from "../../src/index.js";

/** Who asks: a row of the table for each. */
export const ASKERS = ["owner", "admin", "member", "former", "stranger", "system"] as const;
export type Asker = (typeof ASKERS)[number];

type Unsent<F> = F extends unknown ? Omit<F, "requestId"> : never;

/** One operation in the three ways in which it is asked for, and what becomes of it: `ok`, or the code of the refusal. */
export interface OperationCase {
  readonly name: string;
  /** Over a WebSocket. */
  readonly frame: (room: string, key: string) => Unsent<ClientFrame>;
  /** Over HTTP: method, path and body. */
  readonly http: (room: string, key: string) => readonly [string, string, object?];
  /** In the application's own process. */
  readonly call: (actor: ChatActor, room: string, key: string) => Promise<unknown>;
  /** In the order of {@link ASKERS}. */
  readonly outcomes: readonly string[];
}

const ok = "ok";
const forbidden = "forbidden";
const notFound = "not_found";

const all = [ok, ok, ok, ok, ok, ok];
/** What concerns one conversation: strangers must not learn that it is there. */
const reading = [ok, ok, ok, ok, notFound, ok];
const members = [ok, ok, ok, forbidden, notFound, ok];
const managing = [ok, ok, forbidden, forbidden, notFound, ok];
const owning = [ok, forbidden, forbidden, forbidden, notFound, ok];

function changing(
  name: string,
  type: "add-members" | "remove-members",
  userId: string,
  outcomes: readonly string[],
): OperationCase {
  const path = type === "add-members" ? "members" : "members/remove";
  return {
    name,
    frame: (conversationId, clientMessageId) => ({
      type,
      conversationId,
      clientMessageId,
      members: [userId],
    }),
    http: (room, clientMessageId) => [
      "POST",
      `/conversations/${room}/${path}`,
      { clientMessageId, members: [userId] },
    ],
    call: (actor, room, clientMessageId) =>
      actor[type === "add-members" ? "addMembers" : "removeMembers"](room, [userId], { clientMessageId }),
    outcomes,
  };
}

function giving(
  name: string,
  userId: string,
  role: "owner" | "admin" | "member",
  outcomes: readonly string[],
): OperationCase {
  return {
    name,
    frame: (conversationId, clientMessageId) => ({
      type: "set-role",
      conversationId,
      clientMessageId,
      members: [userId],
      role,
    }),
    http: (room, clientMessageId) => [
      "POST",
      `/conversations/${room}/members/role`,
      { clientMessageId, members: [userId], role },
    ],
    call: (actor, room, clientMessageId) => actor.setRole(room, [userId], role, { clientMessageId }),
    outcomes,
  };
}

function redacting(name: string, messageId: number, outcomes: readonly string[]): OperationCase {
  return {
    name,
    frame: (conversationId, clientMessageId) => ({
      type: "redact-message",
      conversationId,
      clientMessageId,
      messageId,
    }),
    http: (room, clientMessageId) => [
      "POST",
      `/conversations/${room}/messages/${messageId}/redact`,
      { clientMessageId },
    ],
    call: (actor, room, clientMessageId) => actor.redact(room, messageId, { clientMessageId }),
    outcomes,
  };
}

function updating(
  name: string,
  update: { name?: string; data?: { topic: string }; historyVisibility?: "all" },
  outcomes: readonly string[],
): OperationCase {
  return {
    name,
    frame: (conversationId, clientMessageId) => ({
      type: "update-conversation",
      conversationId,
      clientMessageId,
      ...update,
    }),
    http: (room, clientMessageId) => ["PATCH", `/conversations/${room}`, { clientMessageId, ...update }],
    call: (actor, room, clientMessageId) => actor.update(room, update, { clientMessageId }),
    outcomes,
  };
}

/** In a group with an owner, an admin, another admin `admin2`, a member, another member `member2`, and a former member. */
export const IN_A_GROUP: readonly OperationCase[] = [
  {
    name: "get the conversation",
    frame: (conversationId) => ({ type: "get-conversation", conversationId }),
    http: (room) => ["GET", `/conversations/${room}`],
    call: (actor, room) => actor.conversation(room),
    outcomes: reading,
  },
  {
    name: "read history",
    frame: (conversationId) => ({ type: "get-range", conversationId, after: 0, limit: 10 }),
    http: (room) => ["GET", `/conversations/${room}/messages?after=0`],
    call: (actor, room) => actor.history(room, { after: 0 }),
    outcomes: reading,
  },
  {
    name: "send",
    frame: (conversationId, clientMessageId) => ({
      type: "send-message",
      conversationId,
      clientMessageId,
      text: "hi",
      first: true,
    }),
    http: (room, clientMessageId) => [
      "POST",
      `/conversations/${room}/messages`,
      { clientMessageId, text: "hi" },
    ],
    call: (actor, room, clientMessageId) => actor.send(room, "hi", { clientMessageId }),
    outcomes: members,
  },
  {
    name: "list members",
    frame: (conversationId) => ({ type: "list-members", conversationId, limit: 10 }),
    http: (room) => ["GET", `/conversations/${room}/members`],
    call: (actor, room) => actor.members(room),
    outcomes: members,
  },
  {
    name: "say how far one has come",
    frame: (conversationId) => ({ type: "send-receipts", receipts: [{ conversationId, read: 3 }] }),
    http: (room) => ["POST", `/conversations/${room}/receipt`, { read: 3 }],
    call: (actor, room) => actor.sendReceipt(room, { read: 3 }),
    // The system reads nothing.
    outcomes: [ok, ok, ok, forbidden, notFound, "invalid_argument"],
  },
  {
    name: "mute",
    frame: (conversationId) => ({
      type: "mute-conversation",
      conversationId,
      until: Number.MAX_SAFE_INTEGER,
    }),
    http: (room) => ["PUT", `/conversations/${room}/mute`, { until: Number.MAX_SAFE_INTEGER }],
    call: (actor, room) => actor.mute(room, Number.MAX_SAFE_INTEGER),
    outcomes: [ok, ok, ok, forbidden, notFound, "invalid_argument"],
  },
  {
    name: "set what is told in a conversation",
    frame: (conversationId) => ({ type: "set-conversation-privacy", conversationId, readReceipts: "off" }),
    http: (room) => ["PUT", `/conversations/${room}/privacy`, { readReceipts: "off" }],
    call: (actor, room) => actor.setConversationPrivacy(room, { readReceipts: "off" }),
    outcomes: [ok, ok, ok, forbidden, notFound, "invalid_argument"],
  },
  {
    name: "count receipts",
    frame: (conversationId) => ({ type: "count-receipts", conversationId, messageId: 3 }),
    http: (room) => ["GET", `/conversations/${room}/messages/3/receipt-counts`],
    call: (actor, room) => actor.countReceipts(room, 3),
    outcomes: members,
  },
  redacting("redact the owner's message", 3, managing),
  redacting("redact the member's message", 4, members),
  changing("add a member", "add-members", "new", managing),
  changing("remove a member", "remove-members", "member2", managing),
  changing("remove an admin", "remove-members", "admin2", owning),
  // The owner thereby leaves.
  changing("remove the owner", "remove-members", "owner", owning),
  updating("rename", { name: "Deck" }, managing),
  updating("change data", { data: { topic: "ships" } }, managing),
  updating("open the history", { historyVisibility: "all" }, managing),
  giving("make an admin", "member2", "admin", owning),
  giving("unmake an admin", "admin2", "member", owning),
  giving("step down", "admin", "member", [ok, ok, forbidden, forbidden, notFound, ok]),
  giving("hand the group over", "member2", "owner", owning),
];

/** In a direct conversation of `owner` and `admin`; the others never were in it. */
export const IN_A_PAIR: readonly OperationCase[] = [
  redacting("redact the owner's message", 2, [ok, forbidden, notFound, notFound, notFound, ok]),
  updating("change data", { data: { topic: "ships" } }, [ok, ok, notFound, notFound, notFound, ok]),
  ...[
    updating("rename", { name: "Us" }, []),
    updating("open the history", { historyVisibility: "all" }, []),
    changing("add a member", "add-members", "new", []),
    changing("leave", "remove-members", "owner", []),
    giving("make an admin", "admin", "admin", []),
  ].map((operation) => ({
    ...operation,
    outcomes: [forbidden, forbidden, notFound, notFound, notFound, forbidden],
  })),
];

/** Of no conversation, or of none yet. */
export const ANYWHERE: readonly OperationCase[] = [
  {
    name: "block a user",
    frame: () => ({ type: "set-privacy", block: ["new"] }),
    http: () => ["PUT", "/privacy", { block: ["new"] }],
    call: (actor) => actor.setPrivacy({ block: ["new"] }),
    outcomes: [ok, ok, ok, ok, ok, "invalid_argument"],
  },
  {
    name: "set what is told to others",
    frame: () => ({ type: "set-privacy", typing: false }),
    http: () => ["PUT", "/privacy", { typing: false }],
    call: (actor) => actor.setPrivacy({ typing: false }),
    outcomes: [ok, ok, ok, ok, ok, "invalid_argument"],
  },
  {
    name: "list conversations",
    frame: () => ({ type: "list-conversations", limit: 10 }),
    http: () => ["GET", "/conversations"],
    call: (actor) => actor.conversations(),
    outcomes: all,
  },
  {
    name: "create a group",
    frame: (room, clientMessageId) => ({
      type: "create-conversation",
      conversationType: "group",
      conversationId: `${room} of its own`,
      clientMessageId,
      members: ["new"],
    }),
    http: (room, clientMessageId) => [
      "POST",
      "/conversations",
      { type: "group", conversationId: `${room} of its own`, clientMessageId, members: ["new"] },
    ],
    call: (actor, room, clientMessageId) =>
      actor.createGroup({ id: `${room} of its own`, members: ["new"] }, { clientMessageId }),
    outcomes: all,
  },
  {
    name: "create a group under an id that is taken",
    frame: (room, clientMessageId) => ({
      type: "create-conversation",
      conversationType: "group",
      conversationId: room,
      clientMessageId,
      members: ["new"],
    }),
    http: (room, clientMessageId) => [
      "POST",
      "/conversations",
      { type: "group", conversationId: room, clientMessageId, members: ["new"] },
    ],
    call: (actor, room, clientMessageId) =>
      actor.createGroup({ id: room, members: ["new"] }, { clientMessageId }),
    outcomes: [ok, ok, ok, ok, "conflict", ok],
  },
  {
    name: "get presence",
    frame: () => ({ type: "watch-presence", userIds: ["owner", "nobody"] }),
    http: () => ["GET", "/presence?userId=owner&userId=nobody"],
    call: (actor) => actor.presence(["owner", "nobody"]),
    outcomes: all,
  },
  {
    name: "be seen by nobody",
    frame: () => ({ type: "set-presence", invisible: true }),
    http: () => ["PUT", "/presence", { invisible: true }],
    call: (actor) => actor.setInvisible(true),
    outcomes: [ok, ok, ok, ok, ok, "invalid_argument"],
  },
  {
    name: "get profiles",
    frame: () => ({ type: "get-users", users: [{ userId: "owner" }] }),
    http: () => ["GET", "/users?userId=owner"],
    call: (actor) => actor.users(["owner"]),
    outcomes: all,
  },
  {
    name: "ask how pushes reach the device",
    frame: () => ({ type: "get-push" }),
    http: () => ["GET", "/push"],
    call: (actor) => actor.push(),
    // The system has no devices.
    outcomes: [ok, ok, ok, ok, ok, "invalid_argument"],
  },
  {
    name: "take the subscription to pushes back",
    frame: () => ({ type: "set-push" }),
    http: () => ["DELETE", "/push"],
    call: (actor) => actor.setPush(),
    outcomes: [ok, ok, ok, ok, ok, "invalid_argument"],
  },
  {
    name: "set the own profile",
    frame: () => ({ type: "set-profile", name: "Somebody" }),
    http: () => ["PUT", "/profile", { name: "Somebody" }],
    call: (actor) => actor.setProfile({ name: "Somebody" }),
    outcomes: all,
  },
];
