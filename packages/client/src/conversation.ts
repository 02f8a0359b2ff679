import {
  assertId,
  type ConversationRow,
  type Entry,
  type HistoryVisibility,
  type JsonObject,
  kindOf,
  LIMITS,
  newUuid,
  type OwnReceipt,
  type Random,
  type Role,
} from "@chat/protocol";
import type { Ask } from "./connection/requests.js";
import type { OutboxItem } from "./cache/cache.js";
import { assertMessageId } from "./outbox/check-content.js";
import type { Outbox } from "./outbox/outbox.js";
import type {
  Conversation,
  ConversationSummary,
  CustomData,
  MessageContent,
  RequestOptions,
  SendOptions,
  SentMessage,
  Timeline,
  TimelineMessage,
} from "./public-types.js";
import { defined } from "./runtime/defined.js";
import type { Topic } from "./runtime/notifier.js";
import { unreadOf } from "./sync/merge-receipts.js";
import type { Replica } from "./sync/replica.js";
import type { MarkRequest } from "./tabs/device.js";
import type { TypingUsers } from "./users/typing.js";
import { checkProfile } from "./users/check-profile.js";

/** What conversations need of their surroundings. */
export interface ConversationEnvironment<C extends CustomData> {
  readonly userId: string;
  readonly random: Random;
  readonly ask: Ask;
  readonly outbox: Outbox;
  /** Takes the row that answers a request. */
  row(row: ConversationRow): void;
  /** Takes the receipt that answers a request. */
  receipt(receipt: OwnReceipt): void;
  lineOf(entry: Entry): TimelineMessage<C>;
  readonly typing: Pick<TypingUsers, "of" | "set">;
  /** Has the device note what was read; resolves once that is kept. */
  mark(request: MarkRequest): Promise<unknown>;
}

/** What changes a conversation, but for what every such request carries. */
type Change =
  | { readonly type: "add-members" | "remove-members"; readonly members: readonly string[] }
  | { readonly type: "set-role"; readonly members: readonly string[]; readonly role: Role }
  | { readonly type: "redact-message"; readonly messageId: number }
  | {
      readonly type: "update-conversation";
      readonly name?: string | undefined;
      readonly data?: JsonObject | undefined;
      readonly historyVisibility?: HistoryVisibility | undefined;
    };

/** What sets something of the user's own, but for the conversation. */
type Setting =
  | {
      readonly type: "mute-conversation";
      readonly until: number;
      readonly mentionsMuted: boolean | undefined;
    }
  | {
      readonly type: "set-conversation-privacy";
      readonly typing: Choice;
      readonly readReceipts: Choice;
    };
type Choice = "on" | "off" | "default" | undefined;

/** The application's handle of a replica. @param topic changes with the row */
export function createConversation<C extends CustomData>(
  { userId, random, ask, outbox, row, receipt, lineOf, mark, typing }: ConversationEnvironment<C>,
  replica: Replica,
  timeline: Timeline<C>,
  topic: Topic,
): Conversation<C> {
  const conversationId = replica.id;
  let summarized: ConversationRow | undefined;
  let summary!: ConversationSummary<C>;

  async function send(
    content: MessageContent<C>,
    { signal }: SendOptions = {},
    failed?: OutboxItem,
  ): Promise<SentMessage<C>> {
    typing.set(conversationId, false);
    const { clientMessageId, stored } = await outbox.add(conversationId, content, signal, failed);
    const line = stored.then((entry) => lineOf(entry));
    line.catch(() => {});
    return { clientMessageId, stored: line };
  }

  async function change(request: Change, { signal }: RequestOptions = {}): Promise<void> {
    const clientMessageId = newUuid(random);
    row((await ask({ ...request, conversationId, clientMessageId }, { signal })).row);
  }

  /** Sets what is of this user alone. */
  async function set(request: Setting, { signal }: RequestOptions = {}): Promise<void> {
    const { receipts } = await ask({ ...request, conversationId }, { signal });
    for (const own of receipts) receipt(own);
  }

  async function changeMembers(
    request: Extract<Change, { members: unknown }>,
    options?: RequestOptions,
  ): Promise<void> {
    for (const member of request.members) assertId(member, "A user id in members");
    return change(request, options);
  }

  return {
    id: conversationId,
    get summary() {
      if (summarized !== replica.row) {
        summarized = replica.row;
        const next = summaryOf<C>(replica.row);
        if (JSON.stringify(next) !== JSON.stringify(summary)) summary = next;
      }
      return summary;
    },
    subscribe: topic.subscribe,
    timeline,
    send: (content, options) => send(typeof content === "string" ? { text: content } : content, options),

    async retry(key, options) {
      const failed = outbox.failed(key);
      return send(failed, options, failed);
    },
    discard: outbox.remove,

    async redact(messageId, options) {
      assertMessageId(messageId, "messageId");
      return change({ type: "redact-message", messageId }, options);
    },

    get typing() {
      return typing.of(conversationId);
    },
    setTyping: (isTyping) => typing.set(conversationId, isTyping),

    async markRead(upTo) {
      await mark({ type: "mark", conversationId, read: upTo });
    },
    async markUnread(from) {
      assertMessageId(from, "from");
      await mark({ type: "mark", conversationId, unread: from });
    },
    async mute(until = Infinity, options) {
      const time = Math.min(Math.floor(+until), Number.MAX_SAFE_INTEGER);
      return set({ type: "mute-conversation", until: time, mentionsMuted: options?.mentionsMuted }, options);
    },
    setPrivacy: ({ typing, readReceipts }, options) =>
      set(
        {
          type: "set-conversation-privacy",
          typing: choiceOf(typing),
          readReceipts: choiceOf(readReceipts),
        },
        options,
      ),
    async receiptCounts(messageId, { signal } = {}) {
      assertMessageId(messageId, "messageId");
      const request = { type: "count-receipts", conversationId, messageId } as const;
      const { members, delivered, read } = await ask(request, { signal });
      return { members, delivered, read };
    },

    async members({ cursor, limit = LIMITS.membersPerRequest, signal } = {}) {
      const request = { type: "list-members", conversationId, limit, page: cursor } as const;
      const { members, next } = await ask(request, { signal });
      return defined({ items: members, nextCursor: next });
    },
    addMembers: (members, options) => changeMembers({ type: "add-members", members }, options),
    removeMembers: (members, options) => changeMembers({ type: "remove-members", members }, options),
    leave: (options) => change({ type: "remove-members", members: [userId] }, options),
    setRole: (members, role, options) => changeMembers({ type: "set-role", members, role }, options),

    async update(changes, options) {
      checkProfile(changes.name, changes.data);
      return change({ ...changes, type: "update-conversation" }, options);
    },
  };
}

function choiceOf(value: boolean | "default" | undefined): Choice {
  return typeof value === "boolean" ? (value ? "on" : "off") : value;
}

function summaryOf<C extends CustomData>(row: ConversationRow): ConversationSummary<C> {
  const { conversationId, type, name, data, peerId, memberCount, member, role, createdAt, latest } = row;
  const { historyVisibility = "joined" } = row;
  return Object.freeze(
    defined({
      id: conversationId,
      type,
      name,
      data,
      peerId,
      memberCount,
      member,
      role,
      historyVisibility,
      createdAt,
      ...unreadOf(row),
      mutedUntil: row.mute?.until === Number.MAX_SAFE_INTEGER ? Infinity : row.mute?.until,
      privacy: row.privacy && Object.freeze(defined({ ...row.privacy, version: undefined })),
      mentionsMuted: row.mute?.mentionsMuted,
      latest: latest && Object.freeze({ ...latest, kind: kindOf(latest) }),
    }),
  );
}
