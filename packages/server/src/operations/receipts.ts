import {
  ChatError,
  isChatError,
  isSendableKind,
  LIMITS,
  type MemberReceipt,
  type OwnReceipt,
  SYSTEM_USER,
} from "@chat/protocol";
import type {
  LogPlace,
  Page,
  Participation,
  ReceiptAdvance,
  ReceiptCounts,
} from "../store/conversation-store.js";
import { authorizeMember } from "./authorize-member.js";
import type { Caller, OperationContext } from "./operation-context.js";

/** How far a user says to have come in a conversation. What is absent stays. */
export interface ReceiptStep {
  readonly conversationId: string;
  readonly delivered?: number;
  readonly read?: number;
  /** Sets the mark of what is unread, or without `from` takes it off; with a `version` only if it is this one still. */
  readonly mark?: { readonly version?: number; readonly from?: number };
}

/** What has come of several steps. */
export interface ReceiptsAnswer {
  readonly receipts: readonly OwnReceipt[];
  readonly refused: readonly { readonly conversationId: string; readonly code: string }[];
}

/** Entries above a mark that are looked at for one's own. */
const MARKED_ENTRIES = 1_000;
/** Pages of entries that all marks of one request may look at: a page takes as long as a read of history. */
const MARKED_PAGES = 20;

/** What the marks of one request may look at still. */
interface LookBack {
  pages: number;
}

/**
 * Moves the caller's watermarks on in several conversations, durably. What lies below them changes nothing.
 * Each step is refused alone, as {@link sendReceipt} does.
 * @throws ChatError `invalid_argument` (too many, or of the system), `store_unavailable` and others that are retryable
 */
export async function sendReceipts(
  context: OperationContext,
  caller: Caller,
  steps: readonly ReceiptStep[],
): Promise<ReceiptsAnswer> {
  if (steps.length > LIMITS.receiptsPerRequest) {
    throw new ChatError("invalid_argument", `Send at most ${LIMITS.receiptsPerRequest} receipts at once.`);
  }
  const refused: { conversationId: string; code: string }[] = [];
  const lookBack = { pages: MARKED_PAGES };
  const advances = await Promise.all(
    steps.map(async (step) => {
      try {
        return await authorizeStep(context, caller, step, lookBack);
      } catch (error) {
        if (!isChatError(error) || error.retryable) throw error;
        refused.push({ conversationId: step.conversationId, code: error.code });
        return undefined;
      }
    }),
  );
  const allowed = advances.filter((advance) => advance !== undefined);
  const receipts = (await storeReceipts(context, allowed)).flatMap((receipt, index) => {
    if (receipt === undefined)
      refused.push({ conversationId: allowed[index]!.conversationId, code: "forbidden" });
    return receipt ?? [];
  });
  return { receipts, refused };
}

/**
 * Moves the caller's watermarks in one conversation on, durably.
 * @throws ChatError `not_found`, `forbidden`, `diverged` (beyond the head), `limit_exceeded` (a mark more than 1,000
 * entries back, or behind some megabytes), `invalid_argument` (of the system), `store_unavailable`
 */
export async function sendReceipt(
  context: OperationContext,
  caller: Caller,
  step: ReceiptStep,
): Promise<OwnReceipt> {
  return storeReceipt(context, await authorizeStep(context, caller, step, { pages: MARKED_PAGES }));
}

/** As {@link storeReceipts}, of one. @throws ChatError `forbidden` for a user who was removed since, `store_unavailable` */
export async function storeReceipt(context: OperationContext, advance: ReceiptAdvance): Promise<OwnReceipt> {
  const [receipt] = await storeReceipts(context, [advance]);
  if (receipt === undefined)
    throw new ChatError("forbidden", "You are no member of this conversation any more.");
  return receipt;
}

/** Stores what was allowed, and has it told; undefined for a user who was removed since. */
async function storeReceipts(
  context: OperationContext,
  advances: readonly ReceiptAdvance[],
): Promise<readonly (OwnReceipt | undefined)[]> {
  if (advances.length === 0) return [];
  const advanced = await context.conversations.advanceReceipts(advances);
  return advanced.map((outcome, index) => {
    const { conversationId, userId } = advances[index]!;
    if (outcome === undefined) return undefined;
    const { receipt, shownRead, moved, shared } = outcome;
    if (moved)
      context.receiptsMoved({ conversationId, shared, receipts: [{ userId, shownRead, ...receipt }] });
    return { conversationId, ...receipt };
  });
}

async function authorizeStep(
  context: OperationContext,
  caller: Caller,
  { conversationId, delivered, read, mark }: ReceiptStep,
  lookBack: LookBack,
): Promise<ReceiptAdvance> {
  if (caller.userId === SYSTEM_USER) {
    throw new ChatError("invalid_argument", "The system reads nothing: receipts are of users.");
  }
  const reach = Math.max(delivered ?? 0, read ?? 0, mark?.from ?? 0);
  const participation = await authorizeMember(context, caller, conversationId, undefined, reach);
  await context.hooks.authorize(caller, { operation: "send-receipts", conversationId });
  if (reach > participation.head) {
    throw new ChatError("diverged", "The conversation ends before this position; go back to what is common.");
  }
  const version = mark && (mark.version ?? (await versionOf(context, caller, conversationId)));
  return {
    conversationId,
    userId: caller.userId,
    ...(delivered !== undefined && { delivered }),
    ...(read !== undefined && { read: await placeOf(context, conversationId, participation, read) }),
    ...(version !== undefined && {
      mark: {
        version,
        ...(mark?.from !== undefined && {
          from: await markOf(context, caller, conversationId, participation, mark.from, lookBack),
        }),
      },
    }),
  };
}

async function versionOf(
  context: OperationContext,
  { userId }: Caller,
  conversationId: string,
): Promise<number> {
  return (await context.conversations.row(userId, conversationId))?.unread?.version ?? 0;
}

/** The place of an id; of one that is no longer kept, with the ordinal that those had which are gone. */
async function placeOf(
  context: OperationContext,
  conversationId: string,
  { head, ordinal }: Participation,
  messageId: number,
): Promise<LogPlace> {
  if (messageId === head || messageId === 0) return { messageId, ordinal: messageId && ordinal };
  const query = { after: messageId - 1, before: Number.MAX_SAFE_INTEGER, order: "ascending" } as const;
  const [entry] = await context.messages.read({ conversationId, ...query, limit: 1, maxBytes: 1 });
  if (entry === undefined) return { messageId, ordinal };
  const isBelow = entry.messageId > messageId && isSendableKind(entry.kind);
  return { messageId, ordinal: entry.ordinal - (isBelow ? 1 : 0) };
}

/** The place of a mark: its ordinal leaves out the caller's own messages behind it. */
async function markOf(
  context: OperationContext,
  { userId }: Caller,
  conversationId: string,
  participation: Participation,
  from: number,
  lookBack: LookBack,
): Promise<LogPlace> {
  const { head } = participation;
  if (from < 1 || head - from >= MARKED_ENTRIES) {
    throw new ChatError("limit_exceeded", `Mark one of the newest ${MARKED_ENTRIES} entries.`);
  }
  const before = await placeOf(context, conversationId, participation, from - 1);
  const countOwn = async (): Promise<number> => {
    let own = 0;
    for (let after = from - 1; after < head;) {
      if (lookBack.pages-- <= 0)
        throw new ChatError("limit_exceeded", "Too much was said since; mark a newer one.");
      // A page at a time, and others in between.
      await new Promise<void>((resolve) => context.runtime.clock.nextTurn(resolve));
      const query = { after, before: head + 1, order: "ascending", limit: LIMITS.rangeEntries } as const;
      const entries = await context.messages.read({ conversationId, ...query, maxBytes: LIMITS.rangeBytes });
      if (entries.length === 0) break;
      own += entries.filter(({ senderId, kind }) => senderId === userId && isSendableKind(kind)).length;
      after = entries[entries.length - 1]!.messageId;
    }
    return own;
  };
  const own = await context.lookBacks.run(userId, countOwn);
  return { messageId: from, ordinal: before.ordinal + own };
}

/**
 * One page of how far the members of a conversation have come, for members.
 * @throws ChatError `not_found`, `forbidden`, `store_unavailable`
 */
export async function listReceipts(
  context: OperationContext,
  caller: Caller,
  request: { readonly conversationId: string; readonly limit: number; readonly page?: string },
): Promise<Page<MemberReceipt>> {
  const { conversationId, ...query } = request;
  await authorizeMember(context, caller, conversationId);
  await context.hooks.authorize(caller, { operation: "list-receipts", conversationId });
  const limit = Math.max(1, Math.min(query.limit, LIMITS.membersPerRequest));
  return context.conversations.receipts(conversationId, { ...query, limit });
}

/**
 * How many members of a conversation have come as far as a message, for members.
 * @throws ChatError `not_found`, `forbidden`, `store_unavailable`
 */
export async function countReceipts(
  context: OperationContext,
  caller: Caller,
  { conversationId, messageId }: { readonly conversationId: string; readonly messageId: number },
): Promise<ReceiptCounts> {
  await authorizeMember(context, caller, conversationId);
  await context.hooks.authorize(caller, { operation: "list-receipts", conversationId });
  return context.conversations.countReceipts(conversationId, messageId);
}
