import {
  type ConversationRow,
  type Entry,
  LIMITS,
  redactionOf,
  type Role,
  type UserPrivacy,
  type UserProfile,
} from "@chat/protocol";
import type { KeptPresence, Participation } from "../store/conversation-store.js";
import type { Housekeeping } from "../store/housekeeping.js";
import type { PushSubscription } from "../store/push-store.js";
import type { StoredEntry } from "../store/stored-entry.js";
import { notFound } from "./authorize-member.js";
import { readVisible } from "./get-range.js";
import { isVisible, visibleHead } from "./intervals.js";
import type { OperationContext } from "./operation-context.js";

/** Conversations in one page. */
const CONVERSATIONS_AT_ONCE = 200;

/** A conversation as it is exported: what a row says, without what serves its sync and its place in a list. */
export type ExportedConversation = Omit<
  ConversationRow,
  "version" | "activity" | "headFingerprint" | "headOrdinal" | "latest" | "lastRedaction"
>;

/** An entry as it is exported; `kind` is there always. */
export interface ExportedEntry extends Omit<Entry, "ordinal" | "fingerprint" | "clientMessageId"> {
  readonly conversationId: string;
  readonly kind: string;
}

/** One line of an export, parsed. Lines of types that a reader does not know are to be passed over. */
export type ExportLine =
  /** The first line: what of, and when. */
  | {
      readonly type: "export";
      readonly version: 1;
      /** Wall-clock ms since 1970. */
      readonly exportedAt: number;
      readonly conversationId?: string;
      readonly userId?: string;
      /** True if only what the user wrote is in it. */
      readonly own?: boolean;
    }
  | { readonly type: "profile"; readonly profile: UserProfile }
  /** Of a user who has ever set it: what others are told, and who is blocked. */
  | { readonly type: "privacy"; readonly privacy: UserPrivacy }
  | { readonly type: "presence"; readonly presence: KeptPresence }
  /** Where pushes for one of the user's devices go; `target` is what the push service needs, so keep it to the user. */
  | { readonly type: "push-subscription"; readonly subscription: PushSubscription }
  | { readonly type: "conversation"; readonly conversation: ExportedConversation }
  /** A present member; only in the export of a conversation. */
  | {
      readonly type: "member";
      readonly conversationId: string;
      readonly userId: string;
      readonly role: Role;
      readonly joinedAt: number;
    }
  /** Entries of one conversation come in the order of their ids. */
  | { readonly type: "entry"; readonly entry: ExportedEntry }
  /** Redacted or erased while the export ran: take the bodies of `messageId`, or of all that `userId` wrote below `before`, out of the lines above. */
  | {
      readonly type: "redaction";
      readonly conversationId: string;
      readonly messageId?: number;
      readonly userId?: string;
      readonly before: number;
    }
  /** The last line; an export without it was cut short. */
  | { readonly type: "end"; readonly entries: number };

/** What of a user's history is exported. */
export interface ExportUserOptions {
  /** Only what the user wrote, instead of everything that the user may see. */
  readonly own?: boolean;
}

function lineOf(line: ExportLine): string {
  return `${JSON.stringify(line)}\n`;
}

function exportedConversation(row: ConversationRow): ExportedConversation {
  const { version: _, activity: __, headFingerprint: ___, headOrdinal: ____, ...shown } = row;
  const { latest: _____, lastRedaction: ______, ...exported } = shown;
  return exported;
}

function exportedEntry(entry: StoredEntry): ExportedEntry {
  const { deviceId: _, clientMessageId: __, ordinal: ___, fingerprint: ____, ...exported } = entry;
  return exported;
}

/**
 * A whole conversation as the application sees it: JSON Lines, each with its line feed, see {@link ExportLine}. Read page by page
 * as the lines are taken. Entries are as they are when they are read; what is stored later is not in it.
 * @throws ChatError `not_found`, `store_unavailable`
 */
export async function* exportConversation(
  context: OperationContext,
  conversationId: string,
): AsyncGenerator<string, void, undefined> {
  const row = await context.conversations.row(undefined, conversationId);
  const participation = await context.conversations.participation(undefined, conversationId);
  if (row === undefined || participation === undefined) throw notFound();
  const exportedAt = context.runtime.clock.now();
  yield lineOf({ type: "export", version: 1, exportedAt, conversationId });
  yield lineOf({ type: "conversation", conversation: exportedConversation(row) });
  let page: string | undefined;
  do {
    const limit = LIMITS.membersPerRequest;
    const { items, next } = await context.conversations.members(conversationId, {
      limit,
      ...(page !== undefined && { page }),
    });
    for (const member of items) yield lineOf({ type: "member", conversationId, ...member });
    page = next;
  } while (page !== undefined);
  const entries = yield* entryLines(context, conversationId, undefined, participation, () => true);
  yield lineOf({ type: "end", entries });
}

/**
 * All that is kept of a user: the profile, the privacy with whom the user has blocked, when they were there last, the subscriptions
 * to pushes; and of every conversation that the user ever was in what lies in the times of membership. Form and guarantees as of {@link exportConversation}.
 * @throws ChatError `store_unavailable`
 */
export async function* exportUser(
  context: OperationContext,
  housekeeping: Pick<Housekeeping, "conversationsOf">,
  userId: string,
  { own = false }: ExportUserOptions = {},
): AsyncGenerator<string, void, undefined> {
  const exportedAt = context.runtime.clock.now();
  yield lineOf({ type: "export", version: 1, exportedAt, userId, own });
  for (const profile of await context.conversations.users([userId]))
    yield lineOf({ type: "profile", profile });
  for (const privacy of (await context.conversations.privacies([userId])).values())
    yield lineOf({ type: "privacy", privacy });
  for (const presence of (await context.conversations.presences([userId])).values())
    yield lineOf({ type: "presence", presence });
  for (const subscription of await context.pushes.subscriptions(userId))
    yield lineOf({ type: "push-subscription", subscription });
  let entries = 0;
  let page: string | undefined;
  do {
    const { items, next } = await housekeeping.conversationsOf(userId, {
      limit: CONVERSATIONS_AT_ONCE,
      ...(page !== undefined && { page }),
    });
    for (const conversationId of items) {
      const row = await context.conversations.row(userId, conversationId);
      const participation = await context.conversations.participation(userId, conversationId);
      if (row === undefined || participation === undefined) continue;
      yield lineOf({ type: "conversation", conversation: exportedConversation(row) });
      const wanted = ({ senderId }: StoredEntry): boolean => !own || senderId === userId;
      entries += yield* entryLines(context, conversationId, userId, participation, wanted);
    }
    page = next;
  } while (page !== undefined);
  yield lineOf({ type: "end", entries });
}

/** The lines of what a participation shows now; gives how many entries there were. */
async function* entryLines(
  context: OperationContext,
  conversationId: string,
  viewer: string | undefined,
  participation: Participation,
  wanted: (entry: StoredEntry) => boolean,
): AsyncGenerator<string, number, undefined> {
  const head = visibleHead(participation);
  let count = 0;
  for (let after = 0; after < head;) {
    const span = await readVisible(context, participation, {
      conversationId,
      after,
      before: head + 1,
      order: "ascending",
      limit: LIMITS.rangeEntries,
      maxBytes: LIMITS.rangeBytes,
    });
    for (const entry of span.entries) {
      if (!wanted(entry)) continue;
      count++;
      yield lineOf({ type: "entry", entry: exportedEntry(entry) });
    }
    after = span.through;
  }
  const now = await context.conversations.participation(viewer, conversationId);
  const last = now?.lastRedaction ?? 0;
  for await (const redaction of redactionsSince(context, conversationId, participation, last)) {
    yield lineOf({ type: "redaction", conversationId, ...redaction });
  }
  return count;
}

/** What was redacted of what a participation shows since it was read, the newest first: redactions are chained. */
async function* redactionsSince(
  context: OperationContext,
  conversationId: string,
  then: Participation,
  last: number,
): AsyncGenerator<
  { readonly messageId?: number; readonly userId?: string; readonly before: number },
  void,
  undefined
> {
  for (let at = last; at > then.lastRedaction;) {
    const query = { after: at - 1, before: at + 1, order: "ascending", limit: 1, maxBytes: 1 } as const;
    const [entry] = await context.messages.read({ conversationId, ...query });
    const redaction = entry === undefined ? undefined : redactionOf(entry);
    if (redaction === undefined) return;
    const { messageId, userId, previous } = redaction;
    if (messageId === undefined) yield { ...(userId !== undefined && { userId }), before: at };
    else if (isVisible(then, messageId)) yield { messageId, before: at };
    at = previous;
  }
}
