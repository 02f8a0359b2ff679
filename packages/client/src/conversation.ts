import {
  assertId,
  type ConversationRow,
  type Entry,
  kindOf,
  LIMITS,
  newUuid,
  type Random,
} from "@chat/protocol";
import type { Ask } from "./connection/requests.js";
import type { Outbox } from "./outbox/outbox.js";
import type {
  Conversation,
  ConversationSummary,
  CustomData,
  MessageContent,
  RequestOptions,
  SentMessage,
  Timeline,
  TimelineMessage,
} from "./public-types.js";
import { defined } from "./runtime/defined.js";
import type { Topic } from "./runtime/notifier.js";
import type { Replica } from "./sync/replica.js";

/** What conversations need of their surroundings. */
export interface ConversationEnvironment<C extends CustomData> {
  readonly userId: string;
  readonly random: Random;
  readonly ask: Ask;
  readonly outbox: Outbox;
  /** Takes the row that answers a request. */
  row(row: ConversationRow): void;
  lineOf(entry: Entry): TimelineMessage<C>;
}

/** The application's handle of a replica. @param topic changes with the row */
export function createConversation<C extends CustomData>(
  { userId, random, ask, outbox, row, lineOf }: ConversationEnvironment<C>,
  replica: Replica,
  timeline: Timeline<C>,
  topic: Topic,
): Conversation<C> {
  const conversationId = replica.id;
  let summarized: ConversationRow | undefined;
  let summary: ConversationSummary<C>;

  async function send(content: MessageContent<C>): Promise<SentMessage<C>> {
    const { clientMessageId, stored } = await outbox.add(conversationId, content);
    const line = stored.then(lineOf);
    line.catch(() => {});
    return { clientMessageId, stored: line };
  }

  async function change(
    type: "add-members" | "remove-members",
    members: readonly string[],
    { signal }: RequestOptions = {},
  ): Promise<void> {
    for (const member of members) assertId(member, "A member's user id");
    const clientMessageId = newUuid(random);
    row((await ask({ type, conversationId, clientMessageId, members }, { signal })).row);
  }

  return {
    id: conversationId,
    get summary() {
      if (summarized !== replica.row) {
        summarized = replica.row;
        summary = summaryOf(replica.row);
      }
      return summary;
    },
    subscribe: (listener) => topic.subscribe(listener),
    timeline,
    send: async (content) => send(typeof content === "string" ? { text: content } : content),

    async retry(key) {
      const { text, kind, data, replyTo } = outbox.failed(key);
      const sent = await send({ text, kind, data, replyTo } as MessageContent<C>);
      await outbox.remove(key);
      return sent;
    },
    discard: (key) => outbox.remove(key),

    async members({ page, limit = LIMITS.membersPerRequest, signal } = {}) {
      const { members, next } = await ask({ type: "list-members", conversationId, limit, page }, { signal });
      return defined({ items: members, next });
    },
    addMembers: (userIds, options) => change("add-members", userIds, options),
    removeMembers: (userIds, options) => change("remove-members", userIds, options),
    leave: (options) => change("remove-members", [userId], options),
  };
}

function summaryOf<C extends CustomData>(row: ConversationRow): ConversationSummary<C> {
  const { conversationId, type, name, data, peerId, memberCount, member, role, createdAt, latest } = row;
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
      createdAt,
      latest: latest && Object.freeze({ ...latest, kind: kindOf(latest) }),
    }),
  );
}
