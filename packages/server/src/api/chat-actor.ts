import {
  assertId,
  ChatError,
  type ConversationRow,
  type Entry,
  type HistoryVisibility,
  isUuid,
  type JsonObject,
  LIMITS,
  type MemberReceipt,
  newUuid,
  type OwnReceipt,
  type Role,
  type UserPresence,
  type UserPrivacy,
  type UserProfile,
} from "@chat/protocol";
import {
  assertConversationPrivacy,
  assertPage,
  assertPrivacy,
  assertRole,
  assertType,
  assertWhole,
  contentOf,
} from "./arguments.js";
import { toEntry } from "../delivery/to-entry.js";
import { assertUserIds } from "../operations/assert-user-ids.js";
import { addMembers, removeMembers } from "../operations/change-members.js";
import { createConversation, type CreateConversationRequest } from "../operations/create-conversation.js";
import { draftMessage } from "../operations/draft-message.js";
import { getConversation } from "../operations/get-conversation.js";
import { getRange, type RangeAnswer } from "../operations/get-range.js";
import { listChanges, listConversations } from "../operations/list-conversations.js";
import { listMembers } from "../operations/list-members.js";
import type { Caller, OperationContext } from "../operations/operation-context.js";
import { muteConversation } from "../operations/mute-conversation.js";
import {
  type ConversationPrivacyChange,
  getPrivacy,
  setConversationPrivacy,
  setPrivacy,
} from "../operations/set-privacy.js";
import { getPresence, setPresence } from "../operations/presence.js";
import { countReceipts, listReceipts, sendReceipt } from "../operations/receipts.js";
import { getPush, type PushState, setPush } from "../operations/push-subscriptions.js";
import { redactMessage } from "../operations/redact-message.js";
import { sendMessages } from "../operations/send-messages.js";
import { setTyping } from "../operations/set-typing.js";
import { setRole } from "../operations/set-role.js";
import { updateConversation } from "../operations/update-conversation.js";
import { getUsers, setProfile } from "../operations/user-profiles.js";
import type {
  ConversationChanges,
  ConversationPage,
  Member,
  Page,
  PrivacyChange,
  ReceiptCounts,
} from "../store/conversation-store.js";
import type { OutboxDraft } from "../store/outbox-store.js";
import type { ConversationUpdate } from "../store/message-store.js";

/** What every operation that changes something takes. */
export interface ActOptions {
  /**
   * The idempotency key, a UUID in lower case: with the same one the call may be repeated, after a crash too, and gets the
   * first answer again. Made if absent; then a repeated call does the thing again.
   */
  readonly clientMessageId?: string;
}

/** A message to be sent: text or data at least. */
export interface MessageContent {
  readonly text?: string;
  /** `text`, or an application's own `x-…`. */
  readonly kind?: string;
  readonly data?: JsonObject;
  /** messageId of the entry that this one answers. */
  readonly replyTo?: number;
  /** Users whom it mentions, up to 50: present members, or it is refused as `mention_unknown`. */
  readonly mentions?: readonly string[];
}

/** Which part of a history: exactly one of after, before and around; the newest without any. */
export interface HistoryQuery {
  readonly after?: number;
  readonly before?: number;
  readonly around?: number;
  /** 1 to 200; 50 by default. More is taken for 200, 0 for 1. */
  readonly limit?: number;
}

/** A page of a list. */
export interface PageQuery {
  /** `next` of the page before. */
  readonly page?: string;
  readonly limit?: number;
}

/**
 * Every operation, done in the application's own process in somebody's name: the same rules, limits of content, hooks and
 * promises as over the wire; no rates. A user's actor may what the user may; `chat.system` may everything, everywhere.
 *
 * Every method rejects with a ChatError: `not_found`, `forbidden`, `invalid_argument`…, as the operation does;
 * `store_unavailable`, `overloaded` and others with `retryable` true may succeed later; `shutting_down` once the server closes.
 */
export interface ChatActor {
  readonly userId: string;

  /** Resolves once the message is durable and numbered. Await one before the next where their order matters. */
  send(conversationId: string, content: string | MessageContent, options?: ActOptions): Promise<Entry>;
  /**
   * Allows a message as `send` does, hooks included, and leaves it to be committed with rows of the application's own: hand it to
   * `chat.enqueue`. See docs/guides/send-with-your-own-rows.md.
   */
  draft(conversationId: string, content: string | MessageContent, options?: ActOptions): Promise<OutboxDraft>;
  /** Takes the body of a message away, for everybody and for good. */
  redact(conversationId: string, messageId: number, options?: ActOptions): Promise<ConversationRow>;
  /** A span of the log, as far as the actor may see it. */
  history(conversationId: string, query?: HistoryQuery): Promise<RangeAnswer>;

  /**
   * Creates a group of the user and `members`; the user owns it. Of the system's the first member does.
   * An `id` that the actor is in already is answered with what is there.
   */
  createGroup(
    group: {
      readonly id?: string;
      readonly members: readonly string[];
      readonly name?: string;
      readonly data?: JsonObject;
      readonly historyVisibility?: HistoryVisibility;
    },
    options?: ActOptions,
  ): Promise<ConversationRow>;
  /** The conversation of the pair, made if there is none. `members`: the other user; for the system both. */
  createDirect(
    direct: { readonly id?: string; readonly members: readonly string[]; readonly data?: JsonObject },
    options?: ActOptions,
  ): Promise<ConversationRow>;
  conversation(conversationId: string): Promise<ConversationRow>;
  /** The user's conversations, newest activity first. The system is a member of none. */
  conversations(query?: PageQuery): Promise<ConversationPage>;
  /** The user's conversations that changed since the cursor of a page or of another answer. */
  conversationChanges(query: {
    readonly cursor: string;
    readonly limit?: number;
  }): Promise<ConversationChanges>;
  update(conversationId: string, update: ConversationUpdate, options?: ActOptions): Promise<ConversationRow>;

  /**
   * Moves the user's watermarks on; what lies below them changes nothing. `unreadFrom` marks the conversation as unread from
   * that message on, 0 takes the mark off.
   */
  sendReceipt(
    conversationId: string,
    receipt: { readonly delivered?: number; readonly read?: number; readonly unreadFrom?: number },
  ): Promise<OwnReceipt>;
  /**
   * The user wants to hear nothing of a conversation until a time, wall-clock ms; `Number.MAX_SAFE_INTEGER` for ever, 0 no longer.
   * But for messages that mention the user, unless `mentionsMuted`. Push goes by it; unread counts and rows do not.
   */
  mute(
    conversationId: string,
    until: number,
    options?: { readonly mentionsMuted?: boolean },
  ): Promise<OwnReceipt>;
  /** What the user tells others, in all conversations that say nothing else: that they are writing, and how far they have read. */
  privacy(): Promise<UserPrivacy>;
  /** Sets it, and whom the user blocks; what is absent stays. What was told stays told. */
  setPrivacy(change: PrivacyChange): Promise<UserPrivacy>;
  /** Sets what the user tells the others of one conversation; what is absent stays. */
  setConversationPrivacy(conversationId: string, change: ConversationPrivacyChange): Promise<OwnReceipt>;
  /** Tells the other members who are connected that the user is writing, for some 6 s, or has stopped. */
  setTyping(conversationId: string, typing: boolean): Promise<void>;
  /** How far the members of a conversation have come. */
  receipts(conversationId: string, query?: PageQuery): Promise<Page<MemberReceipt>>;
  /** How many members have come as far as a message. */
  countReceipts(conversationId: string, messageId: number): Promise<ReceiptCounts>;

  members(conversationId: string, query?: PageQuery): Promise<Page<Member>>;
  /** At most 500 in one call. */
  addMembers(
    conversationId: string,
    members: readonly string[],
    options?: ActOptions,
  ): Promise<ConversationRow>;
  /** At most 500 in one call; the user's own id to leave. */
  removeMembers(
    conversationId: string,
    members: readonly string[],
    options?: ActOptions,
  ): Promise<ConversationRow>;
  setRole(
    conversationId: string,
    members: readonly string[],
    role: Role,
    options?: ActOptions,
  ): Promise<ConversationRow>;

  /**
   * Whether users are there, of those whom the actor may see; at most 200 in one call. The system sees everybody as they are.
   * Users of other servers are known where there is a `fanout`.
   */
  presence(userIds: readonly string[]): Promise<readonly UserPresence[]>;
  /** Whether the actor wants to be seen by others. Kept for all devices, until it is set again. */
  setInvisible(invisible: boolean): Promise<UserPresence>;
  /** How this server can reach the device of `as(userId, { deviceId })`, and whether it is subscribed to pushes. */
  push(): Promise<PushState>;
  /** Subscribes that device to pushes, in place of what it had; without a subscription takes it back. */
  setPush(subscription?: { readonly provider: string; readonly target: JsonObject }): Promise<PushState>;

  /** Profiles; a user without one has version 0. */
  users(userIds: readonly string[]): Promise<readonly UserProfile[]>;
  /** Replaces the actor's own profile. */
  setProfile(profile: Omit<UserProfile, "userId" | "version">): Promise<UserProfile>;
}

const DEFAULT_LIMIT = 50;

/** @param ready resolves when the server can work; rejects with the ChatError that keeps it from that */
export function createActor(
  context: OperationContext,
  caller: Caller,
  ready: () => Promise<unknown>,
): ChatActor {
  const { clock, random } = context.runtime;

  function keyFrom({ clientMessageId = newUuid(random, clock.now()) }: ActOptions = {}): string {
    if (!isUuid(clientMessageId)) {
      throw new ChatError("invalid_argument", "clientMessageId must be a UUID in lower case.");
    }
    return clientMessageId;
  }

  /** What changes a conversation: its id, the idempotency key, and what the operation wants besides. */
  async function change<R extends object>(
    operation: (
      context: OperationContext,
      caller: Caller,
      request: R & { readonly conversationId: string; readonly clientMessageId: string },
    ) => Promise<ConversationRow>,
    conversationId: string,
    request: R,
    options: ActOptions | undefined,
  ): Promise<ConversationRow> {
    await ready();
    assertId(conversationId, "conversationId");
    return operation(context, caller, { ...request, conversationId, clientMessageId: keyFrom(options) });
  }

  function create(
    request: Omit<CreateConversationRequest, "conversationId" | "clientMessageId"> & { readonly id?: string },
    options: ActOptions | undefined,
  ): Promise<ConversationRow> {
    const { id = newUuid(random), ...conversation } = request;
    return change(createConversation, id, conversation, options);
  }

  async function read<T>(conversationId: string, operation: () => Promise<T>): Promise<T> {
    await ready();
    assertId(conversationId, "conversationId");
    return operation();
  }

  async function page<T>(
    conversationId: string,
    { limit = LIMITS.membersPerRequest, page }: PageQuery = {},
    operation: (query: {
      readonly conversationId: string;
      readonly limit: number;
      readonly page?: string;
    }) => Promise<T>,
  ): Promise<T> {
    const query = { limit, ...(page !== undefined && { page }) };
    assertPage(query);
    return read(conversationId, () => operation({ conversationId, ...query }));
  }

  return {
    userId: caller.userId,

    async send(conversationId, content, options) {
      await ready();
      assertId(conversationId, "conversationId");
      const message = contentOf(content);
      const clientMessageId = keyFrom(options);
      const [outcome] = await sendMessages(context, caller, conversationId, [
        { ...message, clientMessageId },
      ]);
      if (outcome!.status === "refused") throw outcome!.error;
      return toEntry(outcome!.entry, caller);
    },
    async draft(conversationId, content, options) {
      await ready();
      assertId(conversationId, "conversationId");
      const message = contentOf(content);
      return draftMessage(context, caller, conversationId, {
        ...message,
        clientMessageId: keyFrom(options),
      });
    },
    async redact(conversationId, messageId, options) {
      assertWhole({ messageId });
      return change(redactMessage, conversationId, { messageId }, options);
    },
    async history(conversationId, { limit = DEFAULT_LIMIT, ...query } = {}) {
      const { after, before, around } = query;
      assertPage({ limit });
      assertWhole({ after, before, around });
      const isNewest = (after ?? before ?? around) === undefined;
      const newest = isNewest && { before: Number.MAX_SAFE_INTEGER };
      return read(conversationId, () =>
        getRange(context, caller, { conversationId, limit, ...query, ...newest }),
      );
    },

    async createGroup(group, options) {
      assertUserIds(group.members, "members");
      assertType("string", { name: group.name });
      return create({ ...group, type: "group" }, options);
    },
    async createDirect(direct, options) {
      assertUserIds(direct.members, "members");
      return create({ ...direct, type: "direct" }, options);
    },
    conversation: (conversationId) =>
      read(conversationId, () => getConversation(context, caller, conversationId)),
    async conversations({ limit = DEFAULT_LIMIT, page } = {}) {
      const query = { limit, ...(page !== undefined && { page }) };
      assertPage(query);
      await ready();
      return listConversations(context, caller, query);
    },
    async privacy() {
      await ready();
      return getPrivacy(context, caller);
    },
    async setPrivacy(change) {
      assertPrivacy(change);
      await ready();
      return setPrivacy(context, caller, change);
    },
    async setConversationPrivacy(conversationId, change) {
      assertConversationPrivacy(change);
      return read(conversationId, () =>
        setConversationPrivacy(context, caller, { conversationId, ...change }),
      );
    },
    async conversationChanges({ cursor, limit = LIMITS.pageRows }) {
      assertPage({ limit, page: cursor });
      await ready();
      return listChanges(context, caller, { cursor, limit });
    },
    async update(conversationId, update, options) {
      assertType("string", { name: update.name });
      return change(updateConversation, conversationId, update, options);
    },

    async sendReceipt(conversationId, { unreadFrom, delivered, read: isRead }) {
      assertWhole({ unreadFrom, delivered, read: isRead });
      return read(conversationId, () =>
        sendReceipt(context, caller, {
          conversationId,
          ...(delivered !== undefined && { delivered }),
          ...(isRead !== undefined && { read: isRead }),
          ...(unreadFrom !== undefined && { mark: unreadFrom === 0 ? {} : { from: unreadFrom } }),
        }),
      );
    },
    mute: (conversationId, until, options) =>
      read(conversationId, () => muteConversation(context, caller, { ...options, conversationId, until })),
    async setTyping(conversationId, typing) {
      assertType("boolean", { typing });
      return read(conversationId, () => setTyping(context, caller, { conversationId, typing }));
    },
    receipts: (conversationId, query) =>
      page(conversationId, query, (paged) => listReceipts(context, caller, paged)),
    async countReceipts(conversationId, messageId) {
      assertWhole({ messageId });
      return read(conversationId, () => countReceipts(context, caller, { conversationId, messageId }));
    },

    members: (conversationId, query) =>
      page(conversationId, query, (paged) => listMembers(context, caller, paged)),
    async addMembers(conversationId, members, options) {
      assertUserIds(members, "members");
      return change(addMembers, conversationId, { members }, options);
    },
    async removeMembers(conversationId, members, options) {
      assertUserIds(members, "members");
      return change(removeMembers, conversationId, { members }, options);
    },
    async setRole(conversationId, members, role, options) {
      assertUserIds(members, "members");
      assertRole(role);
      return change(setRole, conversationId, { members, role }, options);
    },

    async presence(userIds) {
      assertUserIds(userIds, "userIds");
      await ready();
      return getPresence(context, caller, { userIds });
    },
    async setInvisible(invisible) {
      assertType("boolean", { invisible });
      await ready();
      return setPresence(context, caller, { invisible });
    },
    async push() {
      await ready();
      return getPush(context, caller);
    },
    async setPush(subscription) {
      await ready();
      return setPush(context, caller, subscription ?? {});
    },

    async users(userIds) {
      assertUserIds(userIds, "userIds");
      await ready();
      return getUsers(
        context,
        caller,
        userIds.map((userId) => ({ userId })),
      );
    },
    async setProfile(profile) {
      assertType("string", { name: profile.name, avatarUrl: profile.avatarUrl });
      await ready();
      return setProfile(context, caller, profile);
    },
  };
}
